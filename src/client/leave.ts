// Undoes what was done on a developer machine for one registry.
import type { Context } from '../context.ts';
import { readOldest } from '../reconcile/journal.ts';
import { applyOrUndo, type Change, diff, keyOf, stepOf, wayBack } from '../reconcile/reconcile.ts';
import { openRun } from '../reconcile/recover.ts';
import { memoryOf, oneAtATime } from './records.ts';

/** Returns the changes that `leave` would make. Reads only. */
export async function previewLeave(context: Context, base: string, address: string): Promise<Change[]> {
  return diff(wayBack(await readOldest(context.host, memoryOf(base, address))), context.host);
}

/** Groups a directory with the content that is removed before it: it has no line of its own. */
function grouped(changes: Change[]): Change[][] {
  const groups: Change[][] = [];
  for (const change of changes) {
    const isDir = keyOf(change.resource).kind === 'dir';
    const last = groups.at(-1);
    if (isDir && last) last.push(change);
    else groups.push([change]);
  }
  return groups;
}

const removalTitle = ({ title, drift, resource }: Change) =>
  keyOf(resource).kind === 'moved'
    ? 'Put the flags of Docker back and restarted it'
    : drift.deletes
      ? `Removed ${title}`
      : (drift.details[0] ?? title);

/** Undoes what was done for that registry, the last change first. */
export const leave = (context: Context, base: string, address: string): Promise<void> =>
  oneAtATime(context, base, () => leaveAlone(context, base, address));

async function leaveAlone(context: Context, base: string, address: string): Promise<void> {
  const { host, output, signal, uninterruptible } = context;
  const run = await openRun(context, memoryOf(base, address));
  try {
    const changes = await diff(wayBack(run.oldest), host);
    const steps = grouped(changes).map(([first, ...rest]) =>
      stepOf(removalTitle(first as Change), [first as Change, ...rest], host, run),
    );
    await applyOrUndo({ steps, run, output, signal, uninterruptible });
    // Something else removed the rest: forget its undo.
    run.oldest.clear();
  } finally {
    await run.release();
  }
}
