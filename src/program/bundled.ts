// The bundle that this program may run out of. templates/bundle.sh stores it in a global variable.
import { basename } from 'node:path';
import { shellLine } from '../terminal/shell.ts';

/** Where a part of the payload lies in the file, in bytes. */
interface Part {
  at: number;
  length: number;
}

/** What a bundle says about itself, in clear text, in its first lines. */
export interface About {
  /** The version of this program. */
  version: string;
  /** The architecture of the images, in the words of container engines: `amd64`. */
  architecture: string;
  images: string[];
  /** The version of the Node.js in the bundle, for a machine that has none. */
  node?: string;
  /** Names and values as in an answers file. */
  answers: Record<string, unknown>;
  program: Part;
  /** The images, as `docker save` writes them. */
  archive: Part;
  /** The length of the whole payload, in bytes. */
  length: number;
  sha256: string;
}

export interface Carried {
  /** The bundle itself. */
  file: string;
  about: About;
  /** Writes the images, once, to a private file that is removed when this program ends; returns its path. @throws Error of node:fs */
  unpack(): string;
  /** The Node.js of the bundle that runs this program; removed when this program ends. */
  node?: string | undefined;
}

const PLACE = Symbol.for('registry-setup.bundle');

/** Returns the bundle that this program runs out of; undefined if it does not. */
export const carried = (): Carried | undefined => (globalThis as { [PLACE]?: Carried })[PLACE];

/** For tests: sets or clears the bundle that this program runs out of. */
export function carry(bundle: Carried | undefined): void {
  (globalThis as { [PLACE]?: Carried | undefined })[PLACE] = bundle;
}

/**
 * Returns a command of this program for another machine, where it is not installed: by npx, or by a copy of the bundle that it runs out of.
 * @param words what follows the program's name
 */
export function commandElsewhere(words: string): string {
  const bundle = carried();
  return bundle ? `${shellLine('sh', [basename(bundle.file)])} ${words}` : `npx registry-setup ${words}`;
}
