// Lets this program into the registry of this machine without anybody's password: by a right of its own that ends with the command.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { htpasswdOf, removeGuests } from '../reconcile/guests.ts';
import { thisProcess } from '../reconcile/lock.ts';
import { openRun } from '../reconcile/recover.ts';
import { beginRun, type Run } from '../reconcile/run.ts';
import { type Authority, openSession, type Scope, type Session } from '../registry/session.ts';
import { guestName, withLine } from '../resources/guest.ts';
import { clientFlags, publicAddress } from '../settings/public-address.ts';
import type { Settings } from '../settings/settings.ts';
import { foreignRealm } from '../settings/token-server.ts';
import { commandLine } from '../terminal/command.ts';
import { quoted } from '../terminal/shell.ts';
import { ISSUER } from './auth/docker-auth.ts';
import { generatePassword, hashForAMoment, type Login } from './auth/htpasswd.ts';
import { ownEndpoint } from './plan/endpoint.ts';
import type { ServerRequest } from './request.ts';

/** The subject of its tokens, in the log of the registry. No user has it: a user's name begins with a letter or a digit. */
const GUEST = '_registry-setup';

/** Seconds that a token is valid. Each request needs one only when it begins. */
const VALID = 300;

/**
 * Opens a session with the registry of this machine, does the work, and closes it.
 * With htpasswd a guest is let in for that time; the next run takes away the guest of a command that was killed.
 * @param held the run that holds the lock already
 * @throws CliError if the token key is missing; as openRun; what the work throws
 */
export async function withOwnSession<T>(
  context: Context,
  { settings, certificates: { site } }: Pick<ServerRequest, 'settings' | 'certificates'>,
  work: (session: Session) => Promise<T>,
  held?: Run,
): Promise<T> {
  const at = ownEndpoint(settings, site);
  return withAuthority(
    context,
    settings,
    async (authority) => {
      const session = openSession(at, publicAddress(settings).name, authority, context.signal);
      try {
        return await work(session);
      } finally {
        session.close();
      }
    },
    held,
  );
}

/**
 * Does work with what lets this program into the registry of this machine, and into another one with the same logins.
 * @throws as withOwnSession
 */
export async function withAuthority<T>(
  context: Context,
  settings: Settings,
  work: (authority: Authority) => Promise<T>,
  held?: Run,
): Promise<T> {
  if (foreignRealm(settings) !== undefined) throw noWayIn(settings);
  if (settings.auth === 'token') return work({ kind: 'signer', sign: await signer(settings, context.host) });
  if (settings.auth === 'none') return work({ kind: 'login', credentials: undefined });
  return asGuest(context, settings, held, (credentials) => work({ kind: 'login', credentials }));
}

/** Returns the error for a registry that takes the tokens of another server alone. */
const noWayIn = (settings: Settings): CliError =>
  new CliError(`Only ${foreignRealm(settings)} lets anybody into this registry: a login of it is needed.`, {
    fix: [
      `docker login ${publicAddress(settings).name}`,
      `Then, by that login:   ${commandLine(['image', 'list', ...clientFlags(settings)].map(quoted).join(' '))}`,
    ],
    exitCode: 2,
  });

/** Holds the lock during the work, which records nothing. @throws as openRun; what the work throws */
export async function whileHeld<T>(
  context: Context,
  { dir }: Pick<Settings, 'dir'>,
  work: (run: Run) => Promise<T>,
): Promise<T> {
  const run = await openRun(context, dir);
  try {
    return await work(run);
  } finally {
    // Of a killed run before it only directories are left.
    await run.rollBack(context.uninterruptible);
    await run.release();
  }
}

type Guest = { user: string; password: ReturnType<typeof generatePassword> };

/** How long the end of a command waits for the lock; seconds. Then the next run takes the line away: its process has ended by then. */
const AT_THE_END = 2;

/**
 * Adds a guest to htpasswd for the time of the work. The registry reads the file again when its time has changed. The lock is held only
 * while the line is written and taken away: others may work meanwhile, and leave it as it is.
 */
async function asGuest<T>(
  context: Context,
  { dir }: Settings,
  held: Run | undefined,
  work: (guest: Guest) => Promise<T>,
): Promise<T> {
  const { uninterruptible: host, line } = context;
  const user = guestName(await thisProcess(host, line));
  const password = generatePassword();
  const hash = await hashForAMoment(password);
  const add = () => addGuest(host, dir, { name: user, hash });
  await (held ? add() : whileHeld(context, { dir }, add));
  try {
    return await work({ user, password });
  } finally {
    // Nobody waits for the end of a long run only to leave.
    const patience = { seconds: AT_THE_END, signal: new AbortController().signal, tell() {} };
    const again = held ?? (await beginRun(host, dir, line, patience).catch(() => undefined));
    if (again) await removeGuests(host, dir, [user]).finally(() => held ?? again.release());
  }
}

async function addGuest(host: Host, dir: string, { name, hash }: Login): Promise<void> {
  const path = htpasswdOf(dir);
  const [text, there] = await Promise.all([host.read(path), host.stat(path)]);
  if (!text || !there) throw noUsers(path);
  const { mode, uid, gid } = there;
  await host.write(path, withLine(text.toString(), name, hash), { mode, uid, gid });
}

const noUsers = (path: string) =>
  new CliError(`${path} is gone, which holds who may log in.`, { fix: commandLine('--yes') });

/** Returns what makes tokens as docker_auth does, with its key. (distribution-spec, auth/jwt; RFC 7515) */
async function signer(settings: Settings, host: Host): Promise<(scope: Scope) => string> {
  const [{ createPrivateKey, sign, X509Certificate }, ...files] = await Promise.all([
    import('node:crypto'),
    ...['auth/token.key', 'auth/token.crt'].map((path) => host.read(join(settings.dir, path))),
  ]);
  const [key, cert] = files.map((bytes) => bytes?.toString());
  if (!key || !cert)
    throw new CliError('The key that signs the tokens of this registry is gone.', {
      fix: commandLine('--yes'),
    });
  const privateKey = createPrivateKey(key);
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  // The certificate itself: registry 2 and 3 compute the id of a key differently, and both take this. (RFC 7515, 4.1.6)
  const head = encode({ typ: 'JWT', alg: 'RS256', x5c: [new X509Certificate(cert).raw.toString('base64')] });
  return (scope) => {
    const now = Math.floor(Date.now() / 1000);
    const access = scope.split(' ').flatMap((one) => {
      const [, type, name, actions] = /^([^:]+):(.+):([^:]+)$/.exec(one) ?? [];
      return actions === undefined ? [] : [{ type, name, actions: actions.split(',') }];
    });
    const claims = encode({
      iss: ISSUER,
      sub: GUEST,
      aud: publicAddress(settings).name,
      iat: now,
      nbf: now - 10,
      exp: now + VALID,
      jti: randomUUID(),
      access,
    });
    return `${head}.${claims}.${sign('RSA-SHA256', Buffer.from(`${head}.${claims}`), privateKey).toString('base64url')}`;
  };
}
