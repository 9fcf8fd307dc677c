// `registry-setup image list | show | remove | prune | gc`: what is in the registry.
import type { Context } from '../context.ts';

type Verb = (context: Context) => Promise<unknown>;

const VERBS: Record<string, Verb> = {
  list: async (context) => (await import('./image/list.ts')).list(context),
  show: async (context) => (await import('./image/show.ts')).show(context),
  remove: async (context) => (await import('./image/remove.ts')).remove(context),
  prune: async (context) => (await import('./image/prune.ts')).prune(context),
  gc: async (context) => (await import('./image/gc.ts')).gc(context),
};

/** @returns the exit code, if the verb has one of its own */
export async function image(context: Context): Promise<unknown> {
  const [verb = 'list', ...operands] = context.operands;
  return VERBS[verb]?.({ ...context, operands });
}
