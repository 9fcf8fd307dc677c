// Finds the login that docker or podman keeps for a registry.
import { join } from 'node:path';
import type { Host } from '../host/host.ts';
import type { Credentials } from '../registry/http.ts';
import { helperOf, keyIn, plainLogin, readAuthFile } from '../resources/login.ts';
import { Secret } from '../secret.ts';

/** Returns the files of logins, the first that counts first. (docs.docker.com/reference/cli/docker; containers-auth.json(5)) */
export function placesOf(env: NodeJS.ProcessEnv, uid: number): string[] {
  const home = env.HOME || '/root';
  const podman = (base: string | undefined) => (base ? [join(base, 'containers/auth.json')] : []);
  return [
    join(env.DOCKER_CONFIG || join(home, '.docker'), 'config.json'),
    ...(env.REGISTRY_AUTH_FILE ? [env.REGISTRY_AUTH_FILE] : []),
    ...podman(env.XDG_RUNTIME_DIR),
    `/run/containers/${uid}/auth.json`,
    join(env.XDG_CONFIG_HOME || join(home, '.config'), 'containers/auth.json'),
  ];
}

/**
 * Returns the login that a program on this machine keeps for a registry; undefined if none does.
 * @param name the registry as in an image's name
 * @throws CliError (exit 2) if a file of logins is not valid JSON
 */
export async function storedLogin(
  host: Host,
  env: NodeJS.ProcessEnv,
  name: string,
): Promise<Credentials | undefined> {
  for (const place of placesOf(env, host.machine.uid)) {
    const file = await readAuthFile(host, place);
    const key = keyIn(file, name);
    const plain = key === undefined ? undefined : plainLogin(file, key);
    if (plain) return plain;
    const helper = helperOf(file, key ?? name);
    const kept =
      helper && (key !== undefined || file.credHelpers?.[name])
        ? await fromHelper(host, helper, key ?? name)
        : undefined;
    if (kept) return kept;
  }
  return undefined;
}

/** Asks a credential helper. (github.com/docker/docker-credential-helpers) A helper that is missing or locked has no login. */
async function fromHelper(host: Host, helper: string, name: string): Promise<Credentials | undefined> {
  if (!/^[\w.-]+$/.test(helper)) return undefined;
  const options = { input: name, timeout: 15_000 };
  const { code, stdout } = await host
    .run(`docker-credential-${helper}`, ['get'], options)
    .catch(() => ({ code: 1, stdout: '' }));
  if (code !== 0) return undefined;
  try {
    const { Username, Secret: word } = JSON.parse(stdout) as { Username?: unknown; Secret?: unknown };
    return typeof Username === 'string' && typeof word === 'string'
      ? { user: Username, password: new Secret(word) }
      : undefined;
  } catch {
    return undefined;
  }
}
