// `registry-setup image list | show | remove | prune | gc | save | load | copy`: what is in the registry, and what goes in and out.
import type { Context } from '../context.ts';
import { imagesAt } from '../terminal/command.ts';
import { quoted } from '../terminal/shell.ts';

type Verb = (context: Context) => Promise<unknown>;

const VERBS: Record<string, Verb> = {
  list: async (context) => (await import('./image/list.ts')).list(context),
  show: async (context) => (await import('./image/show.ts')).show(context),
  remove: async (context) => (await import('./image/remove.ts')).remove(context),
  prune: async (context) => (await import('./image/prune.ts')).prune(context),
  save: async (context) => (await import('./image/save.ts')).save(context),
  load: async (context) => (await import('./image/load.ts')).load(context),
  copy: async (context) => (await import('./image/copy.ts')).copy(context),
  gc: async (context) => (await import('./image/gc.ts')).gc(context),
};

/** @returns the exit code, if the verb has one of its own */
export async function image(context: Context): Promise<unknown> {
  const [verb = 'list', ...operands] = context.operands;
  const { host, port, dir } = context.answers;
  // A registry that is named is elsewhere: then the directory is not read.
  const words = Object.entries(host ? { host, port } : { dir }).flatMap(([name, answer]) =>
    answer ? [`--${name}`, quoted(String(answer.value))] : [],
  );
  imagesAt(words.join(' '));
  return VERBS[verb]?.({ ...context, operands });
}
