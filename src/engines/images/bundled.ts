// What comes out of the bundle that this program runs from: its images.
import { CliError } from '../../errors.ts';
import { carried } from '../../program/bundled.ts';
import type { Answers } from '../../settings/answers.ts';
import { commandLine } from '../../terminal/command.ts';
import { architecture } from './archive.ts';
import { plainName } from './reference.ts';

/** Tells whether to look for an image in an archive: what a bundle holds is known. */
export function mayHold(archive: string, ref: string): boolean {
  const bundle = carried();
  if (archive !== bundle?.file) return true;
  return bundle.about.images.some((name) => plainName(name) === plainName(ref));
}

/** Returns the archive as a file; unpacks the images of a bundle first. @throws CliError if that fails */
export function archiveFile(archive: string): string {
  const bundle = carried();
  if (archive !== bundle?.file) return archive;
  try {
    return bundle.unpack();
  } catch (error) {
    throw new CliError(`The images in ${archive} cannot be unpacked.`, {
      why: (error as Error).message,
      fix: `TMPDIR=DIR sh ${archive} …      unpacks them elsewhere`,
    });
  }
}

/** Returns a note if a bundle has another image than the one that runs: only settings, or a flag, ask for it. */
export function otherImage(
  { image, engine }: { image: string; engine: string },
  last: Answers | undefined,
): string[] {
  const held = carried()?.about.images[0];
  if (!last || engine === 'native' || !held || plainName(held) === plainName(image)) return [];
  return [
    `The bundle holds ${held}, and this registry runs ${image}. To use it:   ${commandLine(`--yes --image ${held}`)}`,
  ];
}

/** @throws CliError (exit 2) if the images in the bundle are for another kind of machine, and no others are given */
export function refuseForeign(answers: Answers): void {
  const wanted = carried()?.about.architecture ?? '';
  if (wanted === '' || wanted === architecture() || answers['image-archive']) return;
  throw new CliError(`This bundle is for ${wanted}, and this machine is ${architecture()}.`, {
    fix: `Make one on a machine that is ${architecture()}:   registry-setup bundle FILE`,
    exitCode: 2,
  });
}
