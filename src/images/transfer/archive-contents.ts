// What an archive of images holds, and how its lists are read.
import { TarError } from '../../host/tar.ts';
import type { Blob } from '../../registry/blobs.ts';
import type { Attached } from './attached.ts';
import type { WholeImage } from './whole.ts';

/** The most bytes of lists and manifests to read at once. */
export const TEXT_LIMIT = 8_000_000;
/** Milliseconds for one pass that sends what it reads. */
export const SENDING = 24 * 60 * 60_000;

/** An image in an archive. */
export interface Held {
  /** Its names, as the archive has them: `docker.io/library/alpine:3`. */
  names: string[];
  /** A tag alone, if the archive has no more of a name. */
  tag: string | undefined;
  image: WholeImage;
  /** What the archive has that is attached to it: signatures, attestations. */
  attached: Attached[];
  /** Why its digest is a new one: the archive holds only some of its platforms, or no manifest at all. */
  remade: 'platforms' | 'manifest' | undefined;
}

export interface Contents {
  images: Held[];
  /** The blobs by the names of their files. */
  files: Map<string, Blob>;
}

/** Returns the blobs of an image and of what is attached to it; some may come twice. */
export const blobsOfHeld = ({ image, attached }: Held): Blob[] => [
  ...image.blobs,
  ...attached.flatMap((one) => one.image.blobs),
];

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Reads an object of JSON. @throws TarError */
export function parsed(body: Buffer, name: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString());
    if (isObject(value)) return value;
  } catch {
    // Reported below.
  }
  throw new TarError(`${name} in it cannot be read.`);
}
