// Undoes what a killed run has left half done, before anything else happens.
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { type Run, recover } from './run.ts';

/** Undoes a killed run, or ends its tidying up, so that this run starts on a machine in order. @throws CliError if that fails */
export async function recoverFirst(context: Context, dir: string, run: Run): Promise<void> {
  const left = run.unfinished;
  if (!left) return;
  const rest = left.committed ? 'It was done but for tidying up.' : 'Putting back what it had done …';
  context.output.say(`The run "${left.command}" of ${left.since} was cut off. ${rest}`);
  const failures = await recover(context.calm, dir, run, left);
  if (failures.length === 0) return;
  throw new CliError('What the run that was cut off had done could not be put back.', {
    why: failures.join('\n'),
    fix: ['Do that by hand, then let it be forgotten:', `  rm ${join(dir, '.state/journal')}`],
  });
}
