// Opens a registry by its name, as the programs on this machine do: with the CAs that they trust for it, and with the login that they keep.
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { systemRoots } from '../certificates/system-roots.ts';
import { parseDaemonJson } from '../dockerd/daemon-json.ts';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { ask, type Credentials, type Endpoint, STRANGER, TOO_LONG } from '../registry/http.ts';
import { isNoTls } from '../registry/no-tls.ts';
import { OTHER_NAME } from '../registry/server-identity.ts';
import { openSession, type Session } from '../registry/session.ts';
import { type Address, nameOf } from '../settings/address.ts';
import { commandLine } from '../terminal/command.ts';
import { storedLogin } from './stored-login.ts';

export interface Remote extends Address {
  /** PEM of the CAs to trust, in place of those that this machine has. */
  ca?: string;
  /** In place of the login that this machine keeps. */
  credentials?: Credentials;
  /** The name in images, if the registry was not named by --host, but by the name of an image: `docker.io`. */
  name?: string;
  /** What this machine keeps its login under, if that is not the name. */
  loginNames?: string[];
  /** The proxy to connect through, for TLS only. */
  proxy?: string | undefined;
}

/** Returns the CAs that this machine has for a registry, PEM; undefined if it has none of its own. */
export async function trustedFor(
  host: Host,
  env: NodeJS.ProcessEnv,
  name: string,
): Promise<string[] | undefined> {
  const home = env.HOME || '/root';
  const bases = [
    '/etc/docker',
    '/etc/containers',
    join(env.XDG_CONFIG_HOME || join(home, '.config'), 'containers'),
    join(home, '.docker'),
  ];
  const folders = bases.map((base) => join(base, 'certs.d', name));
  const files = await Promise.all(
    folders.map(async (folder) =>
      (await host.list(folder)).filter((file) => file.endsWith('.crt')).map((file) => join(folder, file)),
    ),
  );
  const own = await Promise.all(
    files.flat().map(async (file) => (await host.read(file))?.toString('latin1') ?? ''),
  );
  const system = await systemRoots(host);
  if (own.length === 0 && !system) return undefined;
  return [...own, ...(system ? [system] : rootCertificates)];
}

/** Tells whether this machine's Docker may use the registry without TLS. (docs.docker.com/reference/cli/dockerd, "Insecure registries") */
async function isInsecure(host: Host, { host: name, ...address }: Address): Promise<boolean> {
  if (name === 'localhost' || /^127\.|^\[::1\]$/.test(name)) return true;
  const path = '/etc/docker/daemon.json';
  try {
    const { value } = parseDaemonJson(await host.read(path), path);
    const list = value['insecure-registries'];
    return Array.isArray(list) && list.includes(nameOf({ host: name, ...address }));
  } catch {
    return false;
  }
}

/** Returns how this machine reaches a registry: with the CAs that it has for it, or without TLS if its Docker may do that. */
export async function endpointHere(host: Host, env: NodeJS.ProcessEnv, at: Address): Promise<Endpoint> {
  const plain = at.scheme === 'http' || (at.scheme === undefined && (await isInsecure(host, at)));
  if (plain) return { tls: false, host: at.host, port: at.port };
  const ca = await trustedFor(host, env, nameOf(at));
  return { tls: true, host: at.host, port: at.port, ...(ca && { ca }) };
}

/**
 * Opens a registry. Sends a password only over TLS, or where plain HTTP was asked for or is what Docker uses here.
 * @throws CliError if it does not answer, is not trusted, is no registry, or wants a login
 */
export async function openRemote(
  remote: Remote,
  host: Host,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<Session> {
  const name = remote.name ?? nameOf(remote);
  const ca = remote.ca ? [remote.ca] : await trustedFor(host, env, name);
  const { proxy } = remote;
  const secure: Endpoint = { tls: true, host: remote.host, port: remote.port, ca, proxy };
  const plain: Endpoint = { tls: false, host: remote.host, port: remote.port };
  let at = remote.scheme === 'http' ? plain : secure;
  let failure: unknown;
  const reach = (endpoint: Endpoint) => ask(endpoint, 'GET', '/v2/', { signal });
  let reply = await reach(at).catch((error) => {
    failure = error;
    return undefined;
  });
  if (!reply && isNoTls(failure)) {
    if (remote.scheme === 'https' || !(await isInsecure(host, remote))) throw withoutTls(remote, name);
    at = plain;
    reply = await reach(at).catch((error) => {
      failure = error;
      return undefined;
    });
  }
  if (!reply) throw signal?.aborted ? failure : notReached(remote, name, failure);
  if (reply.status !== 200 && reply.status !== 401)
    throw new CliError(`${name} is not a registry, or is out of order: it answers ${reply.status} to /v2/.`, {
      fix: otherPort(remote),
    });
  const credentials = remote.credentials ?? (await firstLogin(host, env, remote.loginNames ?? [name]));
  const session = openSession(at, name, { kind: 'login', credentials: credentials ?? STRANGER }, signal);
  if (reply.status === 200) return session;
  const { status } = await session.request('GET', '/v2/');
  if (status === 200) return session;
  session.close();
  // A token server may refuse strangers here and let them pull.
  if (!credentials && /^bearer/i.test(String(reply.headers['www-authenticate'])))
    return openSession(at, name, { kind: 'login', credentials: STRANGER }, signal);
  throw credentials ? refusedLogin(name, credentials.user, remote.credentials !== undefined) : noLogin(name);
}

/** Returns the first login that this machine keeps under one of the names. @throws as storedLogin */
async function firstLogin(
  host: Host,
  env: NodeJS.ProcessEnv,
  names: string[],
): Promise<Credentials | undefined> {
  for (const name of names) {
    const found = await storedLogin(host, env, name);
    if (found) return found;
  }
  return undefined;
}

const codeOf = (error: unknown) => String((error as NodeJS.ErrnoException)?.code ?? '');

const otherPort = ({ name, host }: Remote): string[] => {
  if (!name) return ['Is the port another one?   --port PORT'];
  return name.includes(':') ? [`Is the port another one?   ${host}:PORT/…`] : [];
};

const withoutTls = ({ name: byName }: Remote, name: string) =>
  new CliError(`${name} answers without TLS.`, {
    why: 'Everybody on the way could read the password and change the images.',
    fix: [
      byName
        ? `If that is how it is meant, write it before the name:   http://${name}/…`
        : `If that is how it is meant:   --host http://${name}`,
    ],
    exitCode: 2,
  });

const noLogin = (name: string) =>
  new CliError(`${name} wants a login, and neither docker nor podman keeps one here.`, {
    fix: [`Log in:   docker login ${name}`, 'Or for this once:   --user NAME --password-file FILE'],
    exitCode: 2,
  });

const refusedLogin = (name: string, user: string, given: boolean) =>
  new CliError(`${name} refuses the login of ${user}${given ? '' : ', which docker or podman keeps here'}.`, {
    fix: given ? [] : [`Log in again:   docker login ${name}`],
    exitCode: 2,
  });

/** Returns the error for a registry that does not answer, or whose certificate this machine does not trust. */
function notReached(remote: Remote, name: string, error: unknown): CliError {
  const { proxy } = remote;
  const code = codeOf(error);
  const through =
    proxy && URL.canParse(proxy) ? `The request goes through the proxy ${new URL(proxy).host}.` : '';
  const why = [(error as Error).message, through].filter(Boolean).join('\n');
  const [, host = name, port = '443'] = /^(.*?)(?::(\d+))?$/.exec(name) ?? [];
  const join = commandLine(`--client --host ${host} --port ${port}`);
  if (code === OTHER_NAME) return new CliError(`${name} shows the certificate of another host.`, { why });
  if (/CERT|SIGNATURE|VERIFY|ISSUER/.test(code))
    return new CliError(`This machine does not trust the certificate of ${name}.`, {
      why,
      fix: [`Make it trust the registry:   ${join}`, ...(remote.name ? [] : ['Or name its CA:   --ca FILE'])],
    });
  return new CliError(`${name} ${failureOf(code) ?? 'cannot be used'}.`, {
    why,
    fix: otherPort(remote),
  });
}

const FAILURES: [RegExp, string][] = [
  [/^ENOTFOUND$/, 'is not known to the name server'],
  [/^ECONNREFUSED$/, 'refuses the connection: nothing listens there'],
  [/^ETIMEDOUT$/, 'does not answer'],
  [/^(EHOSTUNREACH|ENETUNREACH)$/, 'cannot be reached from here'],
  [/^(ECONNRESET|ECONNABORTED|EPIPE|EPROTO|ERR_SSL_.*)$/, 'broke off the connection'],
  [/^HPE_/, 'does not speak HTTP as a registry does'],
  [new RegExp(`^${TOO_LONG}$`), 'sends a longer answer than a registry does'],
];

/** Returns what a registry does, from the code of an error of its connection. */
const failureOf = (code: string): string | undefined => FAILURES.find(([pattern]) => pattern.test(code))?.[1];

/** Returns an error of a connection to a registry in the user's words, and every other error as it is. */
export function connectionError(name: string, error: unknown): unknown {
  const what = error instanceof CliError ? undefined : failureOf(codeOf(error));
  return what ? new CliError(`${name} ${what}.`, { why: (error as Error).message }) : error;
}
