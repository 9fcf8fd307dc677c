// Reads the users in a configuration of docker_auth, and names that server: its container, its URL, its issuer.
import { join } from 'node:path';
import type { Host } from '../../host/host.ts';
import { publicAddress } from '../../settings/public-address.ts';
import { hasGateway, type Settings } from '../../settings/settings.ts';
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

/** Returns the URL at which clients fetch a token: behind the gateway the address of the registry, else another port. */
export const realm = (settings: Settings): string => {
  const { host, authPort, tls } = settings;
  if (hasGateway(settings)) return `${publicAddress(settings).origin}/auth`;
  return `${tls === 'insecure' ? 'http' : 'https'}://${host}:${authPort}/auth`;
};

/** Returns the name of docker_auth's container. */
export const authName = ({ name }: Settings): string => `${name}-auth`;
