// Removes a registry from this machine: everything that was done for it is undone, the last first.
import { dirname, join } from 'node:path';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { applyOrUndo, diff, stepsOf, wayBack } from '../reconcile/reconcile.ts';
import { recoverFirst } from '../reconcile/recover.ts';
import { beginRun } from '../reconcile/run.ts';
import { commandLine } from '../terminal/command.ts';
import { shellLine } from '../terminal/shell.ts';

/** Where a registry keeps its images, in its storage. */
const IMAGES = 'docker/registry';
export const imagesIn = (storage: string): string => join(storage, IMAGES);

/** What a link leads to may be anybody's. */
const barredBy = (path: string, exitCode: 1 | 2): CliError =>
  new CliError(`${path} is a link, or a file, and not a directory: no images are removed through it.`, {
    why: `A registry makes directories there and nothing else.${exitCode === 1 ? ' The registry itself is removed.' : ''}`,
    fix: [
      `See where it leads:      ${shellLine('ls', ['-ld', path])}`,
      `Remove it:               ${shellLine('rm', [path])}      (what a link leads to stays)`,
      ...(exitCode === 2 ? [`Or keep the images:      ${commandLine('uninstall')}`] : []),
    ],
    exitCode,
  });

/**
 * Checks that the images can be removed without leaving their storage.
 * @throws CliError (exit 2) where a link or a file is in the way
 */
export async function mayPurge(storage: string, host: Host): Promise<void> {
  const barred = await host.inside(storage).barred(IMAGES);
  if (barred) throw barredBy(barred, 2);
}

export interface Removal {
  /** The directory of the set-up. */
  dir: string;
  storage: string;
  /** The images go, too. */
  purge: boolean;
  /** Keys of what was done and stays: an engine that others may use by now. */
  keep: Iterable<string>;
}

/**
 * Takes the lock, and takes back everything but what is to be kept; a failure puts it all back as it was.
 * @throws CliError as the steps do
 */
export async function removeRegistry(
  { dir, storage, purge, keep }: Removal,
  context: Context,
): Promise<void> {
  const { host, output, signal, calm } = context;
  const run = await beginRun(host, dir, context.line);
  try {
    await recoverFirst(context, dir, run);
    for (const key of keep) run.oldest.delete(key);
    const current = await diff(wayBack(run.oldest), host);
    await applyOrUndo({ steps: stepsOf(current, dir, host, run), run, output, signal, calm });
    // Something else removed what is left in here: forget its undo.
    run.oldest.clear();
    // The one thing with no way back comes last, when nothing else can fail any more.
    if (purge) await purgeImages(storage, host);
  } finally {
    await run.release();
  }
}

async function purgeImages(storage: string, host: Host): Promise<void> {
  const inside = host.inside(storage);
  if (!(await inside.removeTree(IMAGES)))
    throw barredBy((await inside.barred(IMAGES)) ?? imagesIn(storage), 1);
  await inside.rmdir(dirname(IMAGES));
  await host.rmdir(storage);
}
