// The fix that is safe for a registry: the run without questions, which makes the machine follow its settings again, with a way back.
import type { Context } from '../../context.ts';
import { awaitTurn } from '../../reconcile/recover.ts';
import { loadExisting } from '../../server/existing.ts';
import type { ServerRequest } from '../../server/request.ts';
import { carryOut } from '../../server/run.ts';
import type { Fix } from '../check.ts';

/** @param title what it does, in the words of the check: `starts the container registry` */
export const runAgain = (context: Context, { settings }: ServerRequest, title: string): Fix => ({
  title,
  async apply() {
    await awaitTurn(context, settings.dir);
    // Reads everything anew: another fix, or the recovery of a killed run, has changed it.
    await carryOut(await loadExisting(context), context);
  },
});
