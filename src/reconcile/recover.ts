// Begins a run: waits for another one, takes the lock, and undoes a killed run before anything is read or decided.
import { type Context, isOn, mayAsk } from '../context.ts';
import { CliError } from '../errors.ts';
import { commandAgain } from '../terminal/command.ts';
import { digestOfFiles } from './digest.ts';
import { deadGuests, sweepGuests } from './guests.ts';
import { readUnfinished } from './journal.ts';
import { lockPath, type Patience, untilFree } from './lock.ts';
import { beginRun, type Run, recover } from './run.ts';

/** How long a run that nobody watches waits for another one; seconds. A change with a pull takes about that. */
const PATIENCE = 120;

/**
 * How long a run of every night waits; seconds. A backup, a collection or a large upload takes hours, and nobody would run it again.
 * It ends before the next night.
 */
const AT_NIGHT = 6 * 3_600;

/** Tells whether a timer runs this, or a script in its place: a renewal when it is time, a removal by rules that frees its space. */
const isNightly = ({ answers }: Context): boolean =>
  answers['if-expiring'] !== undefined || answers.gc?.value === true;

/** Who has just let itself into the registry holds the lock for less; seconds. */
const A_MOMENT = 1;

/** A user at a terminal is told who is at work; a script and the timer wait. */
function patienceOf(context: Context): Patience {
  const { signal } = context;
  if (mayAsk(context)) return { seconds: A_MOMENT, signal, tell: () => {} };
  return {
    seconds: isNightly(context) ? AT_NIGHT : PATIENCE,
    signal,
    tell({ command, pid, since }) {
      context.output.say(`Waiting for "${command}" (pid ${pid}), since ${since} …`);
    },
  };
}

/** Undoes a killed run, or ends its tidying up. Says once what could not be undone: this run goes on without it. */
async function recoverWith(context: Context, dir: string, run: Run): Promise<void> {
  const left = run.unfinished;
  if (!left) return;
  const { output, uninterruptible } = context;
  const rest = left.committed ? 'Only the cleanup was left.' : 'Undoing what it had done …';
  if (!left.told) output.say(`The run "${left.command}" of ${left.since} was interrupted. ${rest}`);
  const failures = await recover(uninterruptible, dir, run, left);
  if (failures.length === 0 || left.told) return;
  output.say('Not everything could be undone. Left to do by hand:', ...failures.map((line) => `  ${line}`));
}

/**
 * Takes the lock of a directory and recovers a killed run, so that what is read from now on is in force and stays so.
 * The caller releases the run.
 * @throws CliError that names another run, if it does not end in time
 */
export async function openRun(context: Context, dir: string): Promise<Run> {
  const run = await beginRun(context.host, dir, context.line, patienceOf(context));
  try {
    await recoverWith(context, dir, run);
    await sweepGuests(context.uninterruptible, dir);
    return run;
  } catch (error) {
    await run.release();
    throw error;
  }
}

/**
 * Prepares the directory for a command that reads it first, asks, and changes it later: waits for another run, and
 * undoes a killed one, or what is left of it. A dry run changes nothing, and reads the files as they will be after that.
 * @throws as openRun
 */
export async function awaitTurn(context: Context, dir: string): Promise<void> {
  const { host, uninterruptible } = context;
  await untilFree(host, dir, patienceOf(context));
  if (isOn(context, 'dry-run')) return;
  const isLeft = (await host.stat(lockPath(dir))) || (await readUnfinished(host, dir));
  if (!isLeft && (await deadGuests(host, dir)).length === 0) return;
  const run = await openRun(context, dir);
  try {
    // Of the killed run only directories are left, which the lock is in.
    await run.rollBack(uninterruptible);
  } finally {
    await run.release();
  }
}

/**
 * Verifies that nothing has changed since the digest was made: what was decided meanwhile may not be true any more.
 * @throws CliError with the code `changed`
 */
export async function mustBeUnchanged(context: Context, dir: string, seen: string): Promise<void> {
  if ((await digestOfFiles(context.host, dir)) === seen) return;
  throw new CliError('Another run has changed this registry meanwhile. Nothing was done.', {
    fix: ['Look at it, and start again:', `  ${commandAgain(context.line)}`],
    code: 'changed',
  });
}

/** How often a command begins again because another run was faster. */
const TRIES = 5;

/** Runs a command. Without a user who would have to decide anew, it begins again if another run has changed the registry meanwhile. */
export async function untilUnchanged(
  command: (context: Context) => Promise<unknown>,
  context: Context,
): Promise<unknown> {
  for (let tries = 1; ; tries++) {
    try {
      return await command(context);
    } catch (error) {
      const changed = error instanceof CliError && error.code === 'changed';
      if (!changed || mayAsk(context) || tries === TRIES) throw error;
      context.output.say('Another run has changed this registry meanwhile: beginning again.');
    }
  }
}
