// The fix that is safe for a registry: the run without questions, which makes the machine follow its settings again, with a way back.
import { awaitTurn } from '../../reconcile/recover.ts';
import { loadExisting } from '../../server/existing.ts';
import type { ServerRequest } from '../../server/request.ts';
import { carryOut } from '../../server/run.ts';
import type { CheckInput, Fix } from '../check.ts';
import { statusOf } from '../found.ts';
import { isHarmless } from './drift.ts';

/**
 * Returns the fix: undoes a run that was killed, and starts what does not run.
 * @param title what it does, in the words of the check: `starts the container registry`
 * @returns undefined if the run would change more than that: it is left to the user then
 */
export async function runAgain(
  input: CheckInput,
  server: ServerRequest,
  title: string,
): Promise<Fix | undefined> {
  const seen = await statusOf(input, server).catch(() => undefined);
  // What a killed run has changed is undone before anything is compared.
  if (!seen || (!seen.unfinished && !(await isHarmless(input, server)))) return undefined;
  const { context } = input;
  return {
    title,
    async apply() {
      await awaitTurn(context, server.settings.dir);
      // Reads everything anew: another fix, or the recovery of a killed run, has changed it.
      const now = await loadExisting(context);
      if (await isHarmless({ ...input, server: now }, now)) await carryOut(now, context);
    },
  };
}
