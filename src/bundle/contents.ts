// What comes out of the bundle that this program runs out of: answers, images; and how it is called another time.
import { basename } from 'node:path';
import { architecture } from '../archive.ts';
import { type Answers, readAnswers } from '../arguments.ts';
import { plainName } from '../engines/images/reference.ts';
import { CliError } from '../errors.ts';
import { DEFAULT_DIR } from '../settings/settings.ts';
import { shellLine } from '../shell.ts';
import { carried } from './carried.ts';

/**
 * Answers that came with the bundle. They count where no registry is set up yet: on a later run the settings of this server are the
 * newer ones, and a run that says nothing must take nothing back, least of all a user.
 */
export function carriedAnswers(): Answers {
  const bundle = carried();
  return bundle ? readAnswers(bundle.file, bundle.about.answers) : {};
}

/** Whether to look for an image in an archive: what a bundle holds is known. */
export function mayHold(archive: string, ref: string): boolean {
  const bundle = carried();
  if (archive !== bundle?.file) return true;
  return bundle.about.images.some((name) => plainName(name) === plainName(ref));
}

/** The archive as a file: the images of a bundle are unpacked first. */
export function archiveFile(archive: string): string {
  const bundle = carried();
  if (archive !== bundle?.file) return archive;
  try {
    return bundle.unpack();
  } catch (error) {
    throw new CliError(`The images in ${archive} cannot be unpacked.`, {
      why: (error as Error).message,
      fix: `TMPDIR=DIR sh ${archive} …      takes another place for them`,
    });
  }
}

/** Nothing is installed where this came in a bundle: how it is called another time, there and on developer machines. */
export function laterLines({ dir }: { dir: string }): string[] {
  const bundle = carried();
  if (!bundle) return [];
  const where = dir === DEFAULT_DIR ? [] : ['--dir', dir];
  return [
    '  Later, and on a developer machine without network (carry the file there, too):',
    `    ${shellLine('sh', [bundle.file, 'status', ...where])}`,
    `    ${shellLine('sh', [basename(bundle.file), '--client'])} …`,
  ];
}

/** A bundle with another image than the one that runs is not taken for a wish: settings say so, or a flag. */
export function otherImage(
  { image, engine }: { image: string; engine: string },
  last: Answers | undefined,
): string[] {
  const held = carried()?.about.images[0];
  if (!last || engine === 'native' || !held || plainName(held) === plainName(image)) return [];
  return [
    `The bundle holds ${held}, and this registry runs ${image}. To take it:   registry-setup --yes --image ${held}`,
  ];
}

/** @throws CliError (exit 2) where the images that are carried along are for another kind of machine, and no others are given */
export function refuseForeign(answers: Answers): void {
  const wanted = carried()?.about.architecture ?? '';
  if (wanted === '' || wanted === architecture() || answers['image-archive']) return;
  throw new CliError(`This bundle is for ${wanted}, and this machine is ${architecture()}.`, {
    fix: `Make one on a machine that is ${architecture()}:   registry-setup bundle FILE`,
    exitCode: 2,
  });
}
