// Reads the users in a configuration of docker_auth, and names that server: its container, its URL, its issuer.
import { join } from 'node:path';
import type { Host } from '../../host/host.ts';
import { hasGateway } from '../../settings/gateway.ts';
import { publicAddress } from '../../settings/public-address.ts';
import type { Settings } from '../../settings/settings.ts';
import { foreignRealm } from '../../settings/token-server.ts';
import { readYaml } from '../../templates.ts';
import type { Login } from './htpasswd.ts';

export const ISSUER = 'registry-setup';

/** Returns the path of docker_auth's configuration. @param dir the directory of the set-up */
export const authConfigPath = (dir: string): string => join(dir, 'auth/auth_config.yml');

/** A user and the hash, as this program writes them. */
const HASH_LINES = /^ {2}"?([A-Za-z0-9][\w.-]*)"?:\n {4}password: "?(\$2[aby]\$[^\s"]+)"?$/gm;

/** Returns the hashes that docker_auth knows, to keep them in other modes; also from a file that was broken by hand. */
export async function authConfigLogins(host: Host, dir: string): Promise<Login[]> {
  const text = (await host.read(authConfigPath(dir)))?.toString();
  if (!text) return [];
  try {
    const { users } = readYaml(text, 'auth_config.yml') as { users?: Record<string, { password?: string }> };
    return Object.entries(users ?? {}).flatMap(([name, { password }]) =>
      password ? [{ name, hash: password }] : [],
    );
  } catch {
    return [...text.matchAll(HASH_LINES)].map(([, name = '', hash = '']) => ({ name, hash }));
  }
}

/** The path at which docker_auth gives tokens. */
const AUTH_PATH = '/auth';

/**
 * Returns the URL at which clients fetch a token: the same host, another port; behind a proxy, that of the user or the gateway, a path
 * at the address of that; the URL of a token server that exists already.
 */
export const realm = (settings: Settings): string =>
  foreignRealm(settings) ??
  (settings.externalUrl !== undefined || hasGateway(settings)
    ? `${publicAddress(settings).origin}${AUTH_PATH}`
    : `${settings.tls === 'insecure' ? 'http' : 'https'}://${settings.host}:${settings.authPort}${AUTH_PATH}`);

/** Returns the name of docker_auth's container. */
export const authName = ({ name }: Pick<Settings, 'name'>): string => `${name}-auth`;
