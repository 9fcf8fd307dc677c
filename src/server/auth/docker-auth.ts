// The users in a configuration of docker_auth, and what the registry calls that server.
import { join } from 'node:path';
import type { Host } from '../../host/host.ts';
import type { Settings } from '../../settings/settings.ts';
import { readYaml } from '../../templates.ts';
import type { Login } from './htpasswd.ts';

export const ISSUER = 'registry-setup';

/** The configuration of docker_auth. @param dir the directory of the set-up */
export const authConfigPath = (dir: string): string => join(dir, 'auth/auth_config.yml');

/** A hash as it stands in the file that we write. */
const HASH_LINES = /^ {2}"?([A-Za-z0-9][\w.-]*)"?:\n {4}password: "?(\$2[aby]\$[^\s"]+)"?$/gm;

/** Hashes that docker_auth knows, so that they are carried over to other modes; also from a file that was broken by hand. */
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

/** Where clients fetch a token: the same host, another port. */
export const realm = ({ host, authPort, tls }: Settings): string =>
  `${tls === 'insecure' ? 'http' : 'https'}://${host}:${authPort}/auth`;

export const authName = ({ name }: Settings): string => `${name}-auth`;
