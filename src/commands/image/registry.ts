// Chooses the registry that an image command is about: the one of this machine, or the one that the user names.
import { type Context, dirOf, mayAsk } from '../../context.ts';
import { CliError, InputError, Interrupted } from '../../errors.ts';
import type { Session } from '../../registry/session.ts';
import type { ServerRequest } from '../../server/request.ts';
import { type Address, nameOf, parseAddress } from '../../settings/address.ts';
import { givenPasswords } from '../../settings/given-passwords.ts';
import { publicAddress } from '../../settings/public-address.ts';
import { checkPort } from '../../settings/validation.ts';
import { commandLine } from '../../terminal/command.ts';
import { guard } from '../guard.ts';

export interface Chosen {
  session: Session;
  /** The registry is one of this machine: then its settings are known, and more can be done than over HTTP. */
  own: ServerRequest | undefined;
}

/**
 * Does the work with the registry of this machine, or with that of --host.
 * @param how `alone`: no other run is at work in the registry of this machine meanwhile: a collection, a backup, another removal
 * @throws CliError if there is none here and none is named, or if it cannot be used
 */
export async function withRegistry<T>(
  context: Context,
  work: (chosen: Chosen) => Promise<T>,
  how: 'alone' | 'beside others' = 'beside others',
): Promise<T> {
  const { answers } = context;
  const named = answers.host ? addressOf(context) : await onlyJoined(context);
  if (named)
    return inWords(context, nameOf(named), () =>
      withRemote(context, named, (session) => work({ session, own: undefined })),
    );
  await guard(context);
  const [{ awaitTurn }, { withOwnSession, whileHeld }] = await Promise.all([
    import('../../reconcile/recover.ts'),
    import('../../server/access.ts'),
  ]);
  await awaitTurn(context, dirOf(answers));
  const own = await ownRegistry(
    context,
    `It is on another machine:   ${commandLine('image list --host HOST')}`,
  );
  return inWords(context, publicAddress(own.settings).name, () =>
    how === 'alone'
      ? whileHeld(context, own.settings, (run) =>
          withOwnSession(context, own, (session) => work({ session, own }), run),
        )
      : withOwnSession(context, own, (session) => work({ session, own })),
  );
}

/** Returns the registry of this machine. @param elsewhere what to do if it is on another one @throws CliError if there is none */
export async function ownRegistry(
  context: Context,
  elsewhere = 'It is on another machine:   run this there',
): Promise<ServerRequest> {
  const { loadExisting } = await import('../../server/existing.ts');
  return loadExisting(context).catch((error) => {
    if (!(error instanceof CliError) || error.code !== 'no registry') throw error;
    throw new CliError(error.message, { fix: [...error.fix, elsewhere], code: error.code });
  });
}

/** Does work that Ctrl-C ends at any place. @throws Interrupted, or CliError, in place of what a request throws */
async function inWords<T>({ signal }: Context, name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (signal.aborted && !(error instanceof CliError)) throw new Interrupted();
    throw (await import('../../images/remote.ts')).connectionError(name, error);
  }
}

/** Reads --host and --port. @throws InputError */
export function addressOf({ answers }: Pick<Context, 'answers'>): Address {
  const { host, port } = answers;
  const parsed = parseAddress(String(host?.value ?? ''));
  if ('message' in parsed) throw new InputError([{ where: host?.where ?? '--host', ...parsed }]);
  if (!port) return parsed;
  const wrong = checkPort(Number(port.value));
  if (wrong) throw new InputError([{ where: port.where, ...wrong }]);
  return { ...parsed, port: Number(port.value) };
}

/** Returns the one registry that `--client` was run for, on a machine that has none itself. */
async function onlyJoined({ host, answers, env }: Context): Promise<Address | undefined> {
  if (answers.dir || (await host.stat(dirOf(answers)))) return undefined;
  const [{ memoryBase, remembered }, { findPerson }] = await Promise.all([
    import('../../client/records.ts'),
    import('../../client/detect.ts'),
  ]);
  const all = await remembered(host, memoryBase(await findPerson(host, env), env));
  const [only] = all;
  if (!only || all.length > 1) return undefined;
  const parsed = parseAddress(only.includes(':') ? only : `${only}:443`);
  return 'message' in parsed ? undefined : parsed;
}

async function withRemote<T>(
  context: Context,
  at: Address,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const { host, env, signal, answers } = context;
  const { openRemote } = await import('../../images/remote.ts');
  const file = answers.ca && String(answers.ca.value);
  const ca = file && (await host.read(file))?.toString();
  if (file && !ca)
    throw new InputError([{ where: answers.ca?.where ?? '--ca', message: `there is no file ${file}` }]);
  const credentials = await loginOf(context, at);
  const session = await openRemote(
    { ...at, ...(ca && { ca }), ...(credentials && { credentials }) },
    host,
    env,
    signal,
  );
  try {
    return await work(session);
  } finally {
    session.close();
  }
}

/** Returns the login of --user; undefined: the one that docker or podman keeps. @throws InputError if its password is missing */
export async function loginOf(context: Context, at: Address, name = nameOf(at)) {
  const { answers, env, host } = context;
  const [user, ...more] = (answers.user?.value ?? []) as string[];
  const where = answers.user?.where ?? '--user';
  if (more.length > 0) throw new InputError([{ where, message: 'only one user at a time can log in' }]);
  const given = await givenPasswords(answers, env, host, user ? [user] : []);
  if (!user) return undefined;
  const password = given.get(user);
  if (password) return { user, password };
  const fix = '--password-stdin < FILE, or --password-file FILE';
  if (!mayAsk(context)) throw new InputError([{ where, message: `the password of ${user} is missing`, fix }]);
  const prompts = await context.prompts();
  return {
    user,
    password: await prompts.password({
      message: `Password of ${user} at ${name}`,
      validate: (text) => text !== '' || 'A password cannot be empty.',
    }),
  };
}
