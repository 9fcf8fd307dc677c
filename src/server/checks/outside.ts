// Looks at the registry from outside: at the address that people use, through somebody else's proxy in front.
import type { Context } from '../../context.ts';
import { CliError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { bare } from '../../host/names.ts';
import { endpointHere } from '../../images/remote.ts';
import type { Step } from '../../reconcile/progress.ts';
import { ask, type Credentials, type Endpoint, type Reply } from '../../registry/http.ts';
import { isNoTls } from '../../registry/no-tls.ts';
import { openSession } from '../../registry/session.ts';
import { challengeOf } from '../../registry/token.ts';
import { tryUpload } from '../../registry/upload-trial.ts';
import { isMarked, isOpen, schemeOf } from '../../registry/version-check.ts';
import { tokenPort } from '../../settings/gateway.ts';
import { publicAddress } from '../../settings/public-address.ts';
import { DEFAULT_DIR, type Settings } from '../../settings/settings.ts';
import { hasDockerAuth } from '../../settings/token-server.ts';
import { commandIn, commandLine } from '../../terminal/command.ts';
import { visible } from '../../terminal/visible.ts';
import { realm } from '../auth/docker-auth.ts';
import { ownEndpoint } from '../plan/endpoint.ts';
import type { Secrets } from '../plan/secrets.ts';
import { deleteImage, makeTestImage, pullImage, pushImage, type Remember, sweepImage } from './test-image.ts';

/** Milliseconds. */
const PATIENCE = 5_000;

/** What is at the address that people use. */
export type Outside =
  /** This registry. `untrusted`: this machine does not know the CA of the proxy, as clients may. */
  | { state: 'here'; at: Endpoint; untrusted: boolean }
  /** Nothing that a client could use yet; what is there instead. */
  | { state: 'unready'; why: string }
  /** Another registry, or one with other logins. */
  | { state: 'wrong'; why: string };

/** Returns how this machine reaches the address that people use, as one of their machines would. */
export function outsideEndpoint(settings: Settings, host: Host, env: NodeJS.ProcessEnv): Promise<Endpoint> {
  const { tls, host: name, port } = publicAddress(settings);
  return endpointHere(host, env, { host: name, port, scheme: tls ? 'https' : 'http' });
}

/** Returns what is at the address that people use; undefined if that is the registry itself. Sends no password. */
export async function lookOutside(settings: Settings, context: Context): Promise<Outside | undefined> {
  if (settings.externalUrl === undefined) return undefined;
  const { host, env, signal } = context;
  const at = await outsideEndpoint(settings, host, env);
  const get = (endpoint: Endpoint, path: string) => ask(endpoint, 'GET', path, { timeout: PATIENCE, signal });
  let untrusted = false;
  const look = (path: string) =>
    get(at, path).catch((error: NodeJS.ErrnoException) => {
      if (signal.aborted || !isCertificate(error)) throw error;
      untrusted = true;
      return get({ ...at, unverified: true }, path);
    });
  try {
    const reply = await look('/v2/');
    const judged = judge(settings, reply);
    if (judged || !hasDockerAuth(settings)) return judged ?? { state: 'here', at, untrusted };
    const { status } = await look('/auth');
    // docker_auth wants a login, or gives a token to everybody.
    if (status === 200 || status === 401) return { state: 'here', at, untrusted };
    return { state: 'unready', why: `/auth answers ${status}, and must lead to port ${tokenPort(settings)}` };
  } catch (error) {
    if (signal.aborted) throw error;
    return { state: 'unready', why: failureWords(error as NodeJS.ErrnoException, at.host) };
  }
}

/** Codes of a certificate that is refused. (nodejs.org/api/tls.html, "X509 certificate error codes") */
const isCertificate = ({ code = '' }: NodeJS.ErrnoException): boolean =>
  /CERT|SIGNATURE|ISSUER|ALTNAME|SELF_SIGNED|VERIFY|OTHER_NAME/.test(code);

function failureWords(error: NodeJS.ErrnoException, name: string): string {
  const { code = '', message } = error;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `no name server here knows ${bare(name)}`;
  if (code === 'ECONNREFUSED') return 'nothing listens there';
  if (code === 'ETIMEDOUT') return 'nothing answers there';
  if (isNoTls(error)) return 'what listens there does not speak TLS';
  return visible(message);
}

/** Judges an answer to /v2/. Returns undefined for that of this registry. */
function judge(settings: Settings, reply: Reply): Exclude<Outside, { state: 'here' }> | undefined {
  const { status, headers } = reply;
  const { auth } = settings;
  const challenge = String(headers['www-authenticate'] ?? '');
  const server = headers.server ? ` (${visible(String(headers.server))})` : '';
  const wrong = (why: string): Outside & { state: 'wrong' } => ({ state: 'wrong', why: visible(why) });
  if (isOpen(reply))
    return auth === 'none' ? undefined : wrong('it lets everybody in, and this registry wants a login');
  const scheme = schemeOf(reply);
  if (scheme === 'bearer') {
    const asked = challengeOf(reply)?.realm ?? '';
    return auth === 'token' && asked === realm(settings)
      ? undefined
      : wrong(`it sends logins to ${asked}, and this registry does not`);
  }
  if (scheme === 'basic') {
    const asked = /realm="([^"]*)"/i.exec(challenge)?.[1] ?? '';
    // A login of the proxy itself, in front of a registry that has none.
    if (auth === 'none') return undefined;
    if (auth === 'htpasswd' && asked === settings.host) return undefined;
    return wrong(
      isMarked(reply)
        ? `it is the registry "${asked}", and this one is "${settings.host}"`
        : 'the proxy wants a login of its own, and the registry behind it would never see its own',
    );
  }
  const leads = headers.location ? `, and leads to ${visible(String(headers.location))}` : '';
  const where = status === 502 || status === 504 ? `: it must reach ${listensAt(settings)}` : '';
  return { state: 'unready', why: `it answers ${status}${server} to /v2/${leads}${where}` };
}

/** Returns where the registry listens: `port 5000 of 127.0.0.1`. A proxy in front must lead there. */
export const listensAt = ({ bind, port }: Pick<Settings, 'bind' | 'port'>): string =>
  `port ${port}${bind === '0.0.0.0' || bind === '::' ? '' : ` of ${bind}`}`;

/** Returns the commands for a proxy that does not lead here. */
export function proxyFix({ dir }: Pick<Settings, 'dir'>): string[] {
  const call = (words: string) => commandIn(dir === DEFAULT_DIR ? undefined : dir, words);
  return [
    `Its configuration:   ${call('export nginx')}      (or caddy, traefik, apache, haproxy)`,
    `Does it lead here?   ${call('status')}`,
  ];
}

const wrongError = (settings: Settings, why: string): CliError =>
  new CliError(`${publicAddress(settings).origin} is not this registry: ${why}.`, {
    fix: [...proxyFix(settings), `Or another address:  ${commandLine('--external-url URL')}`],
  });

const pushError = (settings: Settings, why: string): CliError =>
  new CliError(`A push through the proxy at ${publicAddress(settings).origin} fails: ${why}.`, {
    fix: proxyFix(settings),
  });

/**
 * Returns the step that proves the way over the proxy in front, as far as it is there: it may be configured after this registry.
 * @param secrets with the passwords that this run knows
 */
export function outsideSteps(
  settings: Settings,
  { known, site }: Pick<Secrets, 'known' | 'site'>,
  context: Context,
  remember: Remember,
): Step[] {
  if (settings.externalUrl === undefined) return [];
  const { origin } = publicAddress(settings);
  const run = async () => {
    const seen = await lookOutside(settings, context);
    if (seen?.state === 'wrong') throw wrongError(settings, seen.why);
    if (seen?.state !== 'here') return `Left for later: ${origin} does not lead here yet, ${seen?.why}`;
    const [user, password] = [...known].find(([name]) => settings.users.includes(name)) ?? [];
    const credentials = user && password ? { user, password } : undefined;
    if (seen.untrusted) return `Reached at ${origin}, whose CA this machine does not know: no more was tried`;
    if (!credentials && settings.auth !== 'none') return `Reached at ${origin}`;
    return pushedThrough(settings, ownEndpoint(settings, site), seen.at, credentials, context, remember);
  };
  return [{ title: `Reached at ${origin}`, run }];
}

/** Pushes a test image through the proxy, and pulls it from the registry here. @throws CliError if the proxy breaks pushes */
async function pushedThrough(
  settings: Settings,
  own: Endpoint,
  at: Endpoint,
  credentials: Credentials | undefined,
  { host, signal }: Context,
  remember: Remember,
): Promise<string> {
  const { origin, name } = publicAddress(settings);
  const session = openSession(at, name, { kind: 'login', credentials }, signal);
  const trial = await tryUpload(session).finally(() => session.close());
  // Where the proxy has a login of its own, nothing is known of it here.
  if (!trial && settings.auth === 'none') return `Reached at ${origin}`;
  if (!trial) throw pushError(settings, 'it is refused');
  if (trial.refusesLarge) throw pushError(settings, 'the proxy refuses large layers (413)');
  if (trial.location.origin !== origin)
    throw pushError(settings, `it is sent on to ${visible(trial.location.origin)}`);
  const image = makeTestImage();
  await remember(image);
  try {
    await pushImage(at, image, credentials);
    await pullImage(own, image, credentials);
    await pullImage(at, image, credentials);
    await deleteImage(at, image, settings.delete, credentials);
  } catch (error) {
    throw pushError(settings, visible((error as Error).message));
  } finally {
    await sweepImage(settings.storage, image, host);
  }
  return `Reached at ${origin}: a test image pushed and pulled`;
}
