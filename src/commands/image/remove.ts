// `registry-setup image remove REPOSITORY[:TAG|@DIGEST]…`: removes images; patterns name several.
import type { Context } from '../../context.ts';
import { readerOf } from '../../images/contents.ts';
import { planRemovals } from '../../images/plan.ts';
import { select } from '../../images/select.ts';
import { removeImages } from './removal.ts';

export const remove = (context: Context): Promise<void> =>
  removeImages(context, {
    plan: async ({ session }) => {
      const reader = readerOf(session);
      return planRemovals(reader, await select(reader, context.operands));
    },
    nothing: 'Nothing to remove.',
    named: true,
  });
