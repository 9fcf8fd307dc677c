// Removes a registry from this machine: undoes everything that was done for it, the last change first.
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { applyOrUndo, diff, stepsOf, wayBack } from '../reconcile/reconcile.ts';
import { mustBeUnchanged } from '../reconcile/recover.ts';
import type { Run } from '../reconcile/run.ts';
import { IMAGES, IMAGES_ASIDE, KEPT } from '../resources/images.ts';
import type { Oldest } from '../resources/undo.ts';
import { commandLine } from '../terminal/command.ts';
import { shellLine } from '../terminal/shell.ts';
import { seenHere } from './plan/seen.ts';
import { beginWithRoom } from './reserve.ts';

export const imagesIn = (storage: string): string => join(storage, IMAGES);

/** Returns the error for a link or a file in place of the images' directory: a link may lead to somebody else's files. */
const barredBy = (path: string): CliError =>
  new CliError(`${path} is a link, or a file, and not a directory: no images are removed through it.`, {
    why: 'A registry makes directories there and nothing else.',
    fix: [
      `See where it leads:      ${shellLine('ls', ['-ld', path])}`,
      `Remove it:               ${shellLine('rm', [path])}      (what a link leads to stays)`,
      `Or keep the images:      ${commandLine('uninstall')}`,
    ],
    exitCode: 2,
  });

/**
 * Checks that the images can be removed without leaving their storage.
 * @throws CliError (exit 2) if a link or a file is in the way
 */
export async function mayPurge(storage: string, host: Host): Promise<void> {
  const barred = await host.inside(storage).barred(IMAGES);
  if (barred) throw barredBy(barred);
}

const KEPT_TEXT =
  'A set-up of registry-setup made this directory. `registry-setup uninstall --purge` may remove its images.\n';

/** Tells whether a set-up made that directory, this one or an earlier one: images in any other may have been there before. */
export const madeHere = async (storage: string, oldest: Oldest, host: Host): Promise<boolean> =>
  [...oldest.values()].some(({ undo }) =>
    undo.steps.some((step) => step.do === 'rmdir' && step.path === storage),
  ) || (await host.stat(join(storage, KEPT)))?.type === 'file';

export interface Removal {
  /** The directory of the set-up. */
  dir: string;
  storage: string;
  /** A set-up made the directory of the images. */
  made: boolean;
  /** Removes the images, too: only if a set-up made their directory. */
  purge: boolean;
  /** Keys of resources that stay, such as an engine that others may use by now. */
  keep: Iterable<string>;
  /** The digest of the files that were looked at; undefined if they could not be read. */
  seen: string | undefined;
}

/**
 * Takes the lock and removes everything but what is to be kept; restores everything if a step fails.
 * @throws as applyOrUndo; CliError if another run has changed the registry since the look, or if a link or a file is in place of
 *   the images' directory
 */
export async function removeRegistry(
  { dir, storage, made, purge, keep, seen }: Removal,
  context: Context,
): Promise<void> {
  const { host, output, signal, uninterruptible } = context;
  const run = await beginWithRoom(context, dir, [join(dir, 'program')]);
  try {
    if (seen !== undefined) await mustBeUnchanged(context, dir, seen);
    for (const [key, entry] of await seenHere(host, dir, run.oldest)) run.oldest.set(key, entry);
    for (const key of keep) run.oldest.delete(key);
    const current = await diff(wayBack(run.oldest), host);
    // The last of the changes: the registry writes to its images until it is removed.
    const ofImages = async () => {
      if (purge) await setAside(storage, run, host);
      else if (made && (await host.stat(imagesIn(storage)))) await markKept(storage, run, host);
      return [];
    };
    const steps = stepsOf(current, dir, host, run);
    await applyOrUndo({ steps, afterwards: [ofImages], run, output, signal, uninterruptible });
    // Something else removed what is left in here: forget its undo.
    run.oldest.clear();
    const rest = join(storage, IMAGES_ASIDE);
    if (purge && (await host.stat(rest))) throw notAll(rest);
  } finally {
    await run.release();
  }
}

/** Sets the images aside, in a moment. The end of the run removes them, or the next run if this one is killed in the middle. */
async function setAside(storage: string, run: Run, host: Host): Promise<void> {
  await mayPurge(storage, host);
  const [images, aside] = [imagesIn(storage), join(storage, IMAGES_ASIDE)];
  const steps = [{ do: 'rename' as const, from: aside, to: images }];
  const cleanup = [{ do: 'purge' as const, storage }];
  await run.record({ kind: 'images', id: storage }, `images in ${images}`, { steps, cleanup }, true);
  if (await host.stat(images)) await host.rename(images, aside);
}

/** Marks images that stay: another registry may remove them later. On a full disk they have no mark, and the removal goes on. */
async function markKept(storage: string, run: Run, host: Host): Promise<void> {
  const path = join(storage, KEPT);
  if (await host.stat(path)) return;
  await run.record({ kind: 'file', id: path }, path, { steps: [{ do: 'remove', path }] }, true);
  await host.create(path, KEPT_TEXT).catch(() => {});
}

const notAll = (path: string) =>
  new CliError(`The images in ${path} could not all be removed. The registry itself is removed.`, {
    fix: [
      `See what is in the way:   ${shellLine('ls', ['-lR', path])}`,
      `Then try again:           ${commandLine('uninstall')}`,
    ],
  });
