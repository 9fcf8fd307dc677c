// Undoes what a killed run has left half done, before anything else happens.
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { type Run, recover } from './run.ts';

/** Undoes a killed run, or ends its tidying up, so that this run starts on a machine in order. @throws CliError if that fails */
export async function recoverFirst(context: Context, dir: string, run: Run): Promise<void> {
  const left = run.unfinished;
  if (!left) return;
  const rest = left.committed ? 'Only the cleanup was left.' : 'Undoing what it had done …';
  context.output.say(`The run "${left.command}" of ${left.since} was interrupted. ${rest}`);
  const failures = await recover(context.calm, dir, run, left);
  if (failures.length === 0) return;
  throw new CliError('What the interrupted run had done could not be undone.', {
    why: failures.join('\n'),
    fix: [
      'Undo it by hand, then make registry-setup forget that run:',
      `  rm ${join(dir, '.state/journal')}`,
    ],
  });
}
