// What this program was carried here with, when it runs out of a bundle: templates/bundle.sh leaves it in a known place.

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
