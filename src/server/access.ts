// Lets this program into the registry of this machine without anybody's password: by a right of its own that ends with the command.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { openRun } from '../reconcile/recover.ts';
import type { Run } from '../reconcile/run.ts';
import { type Authority, openSession, type Scope, type Session } from '../registry/session.ts';
import { type GuestStep, guest } from '../resources/guest.ts';
import { address, type Settings } from '../settings/settings.ts';
import { commandLine } from '../terminal/command.ts';
import { ISSUER } from './auth/docker-auth.ts';
import { generatePassword, hashForAMoment, type Login } from './auth/htpasswd.ts';
import { ownEndpoint } from './plan/endpoint.ts';
import type { ServerRequest } from './request.ts';

/** The guest's name in the log of the registry. No user has it: a user's name begins with a letter or a digit. */
const GUEST = '_registry-setup';

/** Seconds that a token is valid. Each request needs one only when it begins. */
const VALID = 300;

/**
 * Opens a session with the registry of this machine, does the work, and closes it.
 * With htpasswd a guest is let in for that time: the journal has the way back, so that a run that is killed leaves none.
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
      const session = openSession(at, address(settings), authority, context.signal);
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
  if (settings.auth === 'token') return work({ kind: 'signer', sign: await signer(settings, context.host) });
  if (settings.auth === 'none') return work({ kind: 'login', credentials: undefined });
  return asGuest(context, settings, held, (credentials) => work({ kind: 'login', credentials }));
}

type Guest = { user: string; password: ReturnType<typeof generatePassword> };

/** Adds a guest to htpasswd for the time of the work. The registry reads the file again when its time has changed. */
async function asGuest<T>(
  context: Context,
  settings: Settings,
  held: Run | undefined,
  work: (guest: Guest) => Promise<T>,
): Promise<T> {
  const { uninterruptible } = context;
  const path = join(settings.dir, 'auth/htpasswd');
  const run = held ?? (await openRun(context, settings.dir));
  try {
    const [text, there] = await Promise.all([uninterruptible.read(path), uninterruptible.stat(path)]);
    if (!text || !there) throw noUsers(path);
    const leave: GuestStep = { do: 'guest', path, name: GUEST };
    const password = generatePassword();
    const hash = await hashForAMoment(password);
    await run.record({ kind: 'guest', id: path }, `the guest in ${path}`, { steps: [leave] }, true);
    const { mode, uid, gid } = there;
    await uninterruptible.write(path, withLogin(text.toString(), { name: GUEST, hash }), { mode, uid, gid });
    return await work({ user: GUEST, password }).finally(() => guest.perform(leave, uninterruptible));
  } finally {
    if (!held) {
      await run.rollBack(uninterruptible);
      await run.release();
    }
  }
}

const withLogin = (text: string, { name, hash }: Login): string =>
  `${text}${text.endsWith('\n') || text === '' ? '' : '\n'}${name}:${hash}\n`;

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
      aud: address(settings),
      iat: now,
      nbf: now - 10,
      exp: now + VALID,
      jti: randomUUID(),
      access,
    });
    return `${head}.${claims}.${sign('RSA-SHA256', Buffer.from(`${head}.${claims}`), privateKey).toString('base64url')}`;
  };
}
