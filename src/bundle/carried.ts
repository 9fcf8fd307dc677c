// What this program was carried here with, when it runs out of a bundle: templates/bundle.sh leaves it in a known place.
import { basename } from 'node:path';
import { plainName } from '../archive.ts';
import { type Answers, readAnswers } from '../arguments.ts';
import { CliError } from '../errors.ts';
import { DEFAULT_DIR } from '../settings.ts';
import { shellLine } from '../shell.ts';

/** Where a part of the payload lies, as it stands in the file. */
export interface Part {
  at: number;
  length: number;
}

/** What a bundle tells of itself, in clear, in its first lines. */
export interface About {
  /** Of this program. */
  version: string;
  /** Of the images, as container engines call it: `amd64`. */
  architecture: string;
  images: string[];
  /** The version of the node that is in it, for a machine that has none. */
  node?: string;
  /** Names and values as in an answers file. */
  answers: Record<string, unknown>;
  program: Part;
  /** The images, as `docker save` writes them. */
  archive: Part;
  /** All of the payload. */
  length: number;
  sha256: string;
}

export interface Carried {
  /** The bundle itself. */
  file: string;
  about: About;
  /** Writes the images to a private file that goes when this program ends; once. @throws Error, as node:fs does */
  unpack(): string;
  /** The node that was carried along and runs this; it goes when this program ends. */
  node?: string | undefined;
}

const PLACE = Symbol.for('registry-setup.bundle');

/** The bundle that this program runs out of; undefined where it is installed. */
export const carried = (): Carried | undefined => (globalThis as { [PLACE]?: Carried })[PLACE];

/** For tests: as if this ran out of a bundle, or not. */
export function carry(bundle: Carried | undefined): void {
  (globalThis as { [PLACE]?: Carried | undefined })[PLACE] = bundle;
}

/** How this program is called here, for lines that can be pasted. */
export const callWords = (): string[] => {
  const bundle = carried();
  return bundle ? ['sh', bundle.file] : ['registry-setup'];
};

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
