// Packs an archive while it is written. Layers are packed already: packing them again would cost time and save nothing.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Host } from '../../../host/host.ts';
import { type Entry, packEntry, packTar, tarEnd } from '../../../host/tar.ts';

export type Packing = 'zstd' | 'gzip';

/** A member of an archive. */
export interface Piece extends Entry {
  /** It is packed already, or is random. */
  dense: boolean;
}

/** Milliseconds for a program that packs: ten days. */
const LONG = 864_000_000;
/** Bytes that gzip hands on at a time. */
const AT_ONCE = 262_144;

/** Returns zstd if its program is here, else gzip, which Node has. zstd itself notices what is packed already. */
export async function packingHere(host: Host): Promise<Packing> {
  const { code } = await host.run('zstd', ['--version'], { timeout: 10_000 });
  return code === 0 ? 'zstd' : 'gzip';
}

/** Yields an archive of these members, packed. @throws what a member's stream throws; ProgramFailed */
export async function* packed(
  host: Host,
  packing: Packing,
  pieces: AsyncIterable<Piece>,
): AsyncGenerator<Buffer> {
  if (packing === 'zstd') {
    yield* host.transform('zstd', ['-1', '-q', '-c'], packTar(pieces), { timeout: LONG });
    return;
  }
  // Parts of a gzip file may follow each other, each packed in its own way. (RFC 1952, 2.2)
  for await (const piece of pieces) yield* zipped(packEntry(piece), piece.dense ? 0 : 1);
  yield* zipped([tarEnd()], 1);
}

async function* zipped(
  chunks: AsyncIterable<Buffer> | Iterable<Buffer>,
  level: number,
): AsyncGenerator<Buffer> {
  const gzip = createGzip({ level, chunkSize: AT_ONCE });
  // A failure of the source ends the stream that is read below, with that error.
  const fed = pipeline(Readable.from(chunks), gzip).catch(() => {});
  yield* gzip as AsyncIterable<Buffer>;
  await fed;
}

/** The first bytes of packed data: gzip, zstd, xz, bzip2. */
const MARKS = ['1f8b', '28b52ffd', 'fd377a585a00', '425a68'].map((hex) => Buffer.from(hex, 'hex'));

export const isDense = (first: Buffer): boolean =>
  MARKS.some((mark) => first.subarray(0, mark.length).equals(mark));
