// A login of `docker` or `podman`: passes the password on standard input; the program stores it where it stores its logins.
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { adviceFor } from '../dockerd/daemon.ts';
import { setKeys } from '../dockerd/daemon-json.ts';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { runAs } from '../host/run-as.ts';
import { Secret } from '../secret.ts';
import { shellLine } from '../terminal/shell.ts';
import { type Before, inverseOfFile, type Provider } from './provider.ts';

/** Programs that store a login. */
type LoginTool = 'docker' | 'podman' | 'buildah' | 'skopeo';

/** A login of a program to a registry; `as`: the account that logs in, if it is not the one that runs this program. */
export interface LoginResource {
  kind: 'login';
  tool: LoginTool;
  registry: string;
  file: string;
  user: string;
  password: Secret;
  as?: string;
  socket?: string;
  /** Those of the file and its directory that the set-up of another registry made. */
  made?: string[];
}

type LoginStep = { do: 'login'; tool: LoginTool; registry: string; as?: string } & Before & { path: string };

/** The file in which a program stores logins: ~/.docker/config.json, auth.json. */
interface AuthFile {
  auths?: Record<string, { auth?: string; identitytoken?: string }>;
  credsStore?: string;
  credHelpers?: Record<string, string>;
}

/** Returns the content of a file of logins; empty if there is none. @throws CliError (exit 2) if it is not valid JSON */
export async function readAuthFile(host: Host, path: string): Promise<AuthFile> {
  const text = (await host.read(path))?.toString() ?? '';
  try {
    return text.trim() ? (JSON.parse(text) as AuthFile) : {};
  } catch {
    throw new CliError(`${path} is not valid JSON, so no login can be kept in it.`, {
      fix: `Look at it:   ${shellLine('cat', [path])}`,
      exitCode: 2,
    });
  }
}

export const helperOf = (file: AuthFile, registry: string) => file.credHelpers?.[registry] ?? file.credsStore;

/** Returns the key of a registry in a file of logins. `docker login` once wrote `https://NAME/v1/`, and such a key still counts. (github.com/docker/cli, ConvertToHostname) */
export const keyIn = ({ auths = {} }: AuthFile, registry: string): string | undefined =>
  Object.keys(auths).find((name) => name.replace(/^https?:\/\/|\/.*$/g, '') === registry);

/** Returns the login that a file stores as plain text; undefined if it stores none in that way. @param key of keyIn */
export function plainLogin({ auths }: AuthFile, key: string): { user: string; password: Secret } | undefined {
  const text = Buffer.from(auths?.[key]?.auth ?? '', 'base64').toString();
  const [, user, word] = /^([^:]+):(.*)$/s.exec(text) ?? [];
  return user ? { user, password: new Secret(word ?? '') } : undefined;
}

/** Tells whether the file stores the password as plain text; false if a credential helper has it. @throws as readAuthFile */
export async function clearText(
  host: Host,
  { file, registry }: Pick<LoginResource, 'file' | 'registry'>,
): Promise<boolean> {
  return Boolean((await readAuthFile(host, file)).auths?.[registry]?.auth);
}

/** Tells whether a file has a login for a registry, as plain text or in a credential helper: then its entry is empty. */
export async function keepsLogin(host: Host, path: string, registry: string): Promise<boolean> {
  return keyIn(await readAuthFile(host, path), registry) !== undefined;
}

async function isLoggedIn(
  { file, registry, user, password, as }: LoginResource,
  host: Host,
): Promise<boolean> {
  const content = await readAuthFile(host, file);
  const helper = helperOf(content, registry);
  if (!helper) {
    const wanted = Buffer.from(`${user}:${password.reveal()}`).toString('base64');
    return content.auths?.[registry]?.auth === wanted;
  }
  const name = `docker-credential-${helper}`;
  const { code, stdout } = await runAs(host, { as }, name, ['get'], { input: registry, timeout: 15_000 });
  if (code !== 0) return false;
  const { Username, Secret } = JSON.parse(stdout);
  return Username === user && Secret === password.reveal();
}

export const login: Provider<LoginResource, LoginStep> = {
  title: ({ tool, registry, user }) => `${tool} login to ${registry} as ${user}`,
  id: ({ tool, registry }) => `${tool}:${registry}`,
  removed: (id) => `login ${id}`,

  async check(resource, host) {
    if (await isLoggedIn(resource, host)) return undefined;
    const { tool, registry, user } = resource;
    return { what: 'create', details: [`${tool} login --username ${user} --password-stdin ${registry}`] };
  },

  async undo({ tool, registry, file, as, made = [] }, host, vault) {
    const [bytes, there] = await Promise.all([host.read(file), host.stat(file)]);
    const { mode, uid, gid } = there ?? { mode: 0o600, uid: 0, gid: 0 };
    const step: LoginStep = {
      do: 'login',
      tool,
      registry,
      path: file,
      ...{ mode, uid, gid },
      made: !bytes || made.includes(file),
      ...(bytes && { copy: await vault.keep(bytes) }),
      ...(as && { as }),
    };
    // The program creates its directory, too.
    const folder = dirname(file);
    const ours = !(await host.stat(folder)) || made.includes(folder);
    return { steps: [step, ...(ours ? [{ do: 'rmdir', path: folder } as const] : [])] };
  },

  async apply({ tool, registry, user, password, as, socket }, host) {
    const args = ['login', '--username', user, '--password-stdin', registry];
    const { code, stderr } = await runAs(host, { as, socket }, tool, args, { input: password.reveal() });
    if (code !== 0)
      throw new CliError(`${tool} could not log in to ${registry} as ${user}.`, {
        why: stderr.trim(),
        fix: tool === 'docker' ? adviceFor(stderr) : [],
      });
  },

  steps: {
    login: {
      perform: undoLogin,
      isLeft: async ({ registry, path }, host) => Boolean((await readAuthFile(host, path)).auths?.[registry]),
      inverse: ({ path }, host, vault) => inverseOfFile(path, host, vault),
      words: ({ tool, registry }) => `${tool} logout ${registry}`,
    },
  },
};

/** Logs out: restores the former file if the login is the only difference, else the former entry of this registry alone. */
async function undoLogin(step: LoginStep, host: Host): Promise<void> {
  const { tool, registry, path, copy, made, as } = step;
  const now = await readAuthFile(host, path);
  const kept = copy ? await host.read(copy) : undefined;
  const before = kept ? (JSON.parse(kept.toString() || '{}') as AuthFile) : {};
  const former = before.auths?.[registry];
  if (!former && now.auths?.[registry]) await runAs(host, { as }, tool, ['logout', registry]);
  const after = await readAuthFile(host, path);
  const { auths = {}, ...rest } = after;
  if (made && !former && Object.keys({ ...auths, ...rest }).length === 0) return host.remove(path);
  const others = ({ auths = {}, ...more }: AuthFile) => ({ ...more, auths: { ...auths, [registry]: null } });
  const there = await host.read(path);
  const put = async (bytes: Buffer) => (there?.equals(bytes) ? undefined : host.write(path, bytes, step));
  if (kept && isDeepStrictEqual(others(after), others(before))) return put(kept);
  if (former) await put(setKeys(there, { auths: { ...after.auths, [registry]: former } }, path));
}
