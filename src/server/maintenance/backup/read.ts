// Reads a backup, and trusts nothing in it: what is not in its list of contents, in that order, with that size and that sum, is refused.
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import type { CliError } from '../../../errors.ts';
import type { Host, OpenFile } from '../../../host/host.ts';
import { sha256 } from '../../../host/sha256.ts';
import { type Bounds, chunksOf, type Member, type Packing, TarError, wholeTar } from '../../../host/tar.ts';
import { CONTENTS, type Contents, END, readContents, unusable } from './format.ts';
import { windowsOf } from './pieces.ts';
import { isSealed, type Passphrase, SealError, saltOf, unsealed } from './seal.ts';

/** A blob of a backup. Its stream fails at its end if its bytes are not those of its digest. */
export interface Blob {
  sha256: string;
  size: number;
  chunks: AsyncGenerator<Buffer>;
}

/** What a backup holds besides its blobs. */
export interface Found {
  contents: Contents;
  /** By name. */
  files: Map<string, Buffer>;
  packing: Packing | undefined;
  sealed: boolean;
}

export interface Reading {
  /** Undefined if there is none; asked for if the backup is sealed. */
  passphrase: () => Promise<Passphrase | undefined>;
  /** Hears what the backup holds, before the first blob. */
  begin?: (found: Found) => Promise<void>;
  /** Takes each blob; by default it is only checked. */
  blob?: (blob: Blob) => Promise<void>;
  /** Receives the bytes of images so far. */
  told?: (done: number) => void;
}

/** The most bytes of a list of contents: a million blobs have 75 MB. */
const MOST_CONTENTS = 256 * 1024 * 1024;
/** The most members: those of the registry, and a million blobs. */
const MOST_MEMBERS = 1_000_100;
const CUT_OFF = 'it is cut off.';

/**
 * Reads a backup to its end.
 * @param place a file, or a state in a directory of backups
 * @throws CliError (exit 2) if it cannot be used; what `blob` throws
 */
export async function readBackup(host: Host, place: string, reading: Reading): Promise<Found> {
  const file = await host.open(place);
  if (!file) throw unusable(place, 'there is no such file.');
  try {
    const plain = await openedFile(file, place, reading.passphrase);
    return plain.isState
      ? await readState(host, place, plain, reading)
      : await readArchive(host, place, plain, reading);
  } catch (error) {
    throw inWords(error, place);
  } finally {
    await file.close();
  }
}

interface Plain {
  chunks: AsyncGenerator<Buffer>;
  key: Passphrase | undefined;
  isState: boolean;
}

/** The first byte of a state: JSON. */
const BRACE = 0x7b;

/** Tells whether a backup needs a passphrase. @throws CliError (exit 2) if there is no such file */
export async function needsPassphrase(host: Host, place: string): Promise<boolean> {
  const file = await host.open(place);
  if (!file) throw unusable(place, 'there is no such file.');
  return isSealed(await file.read(0, 512).finally(() => file.close()));
}

/** Opens the seal of a file, if it has one. @throws CliError (exit 2) if the passphrase is missing; SealError */
async function openedFile(file: OpenFile, place: string, ask: Reading['passphrase']): Promise<Plain> {
  const first = await file.read(0, 512);
  if (first.length === 0) throw unusable(place, 'it is empty.');
  if (!isSealed(first)) return { chunks: windowsOf(file), key: undefined, isState: first[0] === BRACE };
  saltOf(first);
  const key = await ask();
  if (!key)
    throw unusable(
      place,
      'it is encrypted.',
      'Give the passphrase:   --passphrase-file FILE, or --passphrase-stdin',
    );
  const chunks = unsealed(windowsOf(file), key);
  const { value: head = Buffer.alloc(0) } = await chunks.next();
  const all = async function* () {
    yield head;
    yield* chunks;
  };
  return { chunks: all(), key, isState: head[0] === BRACE };
}

/** Returns an error as one about this backup. */
function inWords(error: unknown, place: string): unknown {
  if (error instanceof SealError) return unusable(place, ...SEALS[error.reason]);
  if (!(error instanceof TarError)) return error;
  const { message, missing } = error;
  if (missing)
    return unusable(
      place,
      `it is packed with ${missing}, which is not on this machine.`,
      `apt-get install ${missing}`,
    );
  return unusable(place, `it is damaged. ${message}`);
}

const SEALS: Record<SealError['reason'], [why: string, fix?: string]> = {
  passphrase: [
    'the passphrase is not the one that it was made with.',
    'Give the right one:   --passphrase-file FILE',
  ],
  newer: [
    'it is encrypted in a way that only a newer registry-setup knows.',
    'Use registry-setup of a newer version.',
  ],
  damaged: ['it is damaged or cut off: what is encrypted in it was changed.'],
};

async function readArchive(
  host: Host,
  place: string,
  { chunks, key }: Plain,
  reading: Reading,
): Promise<Found> {
  const bad = (why: string) => unusable(place, why);
  const bounds: Bounds = { bytes: MOST_CONTENTS, members: MOST_MEMBERS };
  const { packing, members } = await wholeTar(host, chunks, bounds);
  try {
    const next = async (name: string, size?: number): Promise<Member> => {
      const { done, value } = await members.next();
      if (done) throw bad(CUT_OFF);
      // Without its list of contents it is any archive.
      if (value.name !== name && name === CONTENTS) throw bad('it is no backup of registry-setup.');
      if (value.name !== name || value.type !== 'file' || (size !== undefined && value.size !== size))
        throw bad('what follows in it is not what its list of contents says.');
      return value;
    };
    const list = await next(CONTENTS);
    if (list.size > MOST_CONTENTS) throw bad('its list of contents is too long.');
    const text = await list.body.read(list.size);
    const contents = readContents(text, place);
    // Names, sizes and padding: more than that cannot come out of it.
    const held = [...contents.files.map(({ size }) => size), ...contents.blobs.map(([, size]) => size)];
    bounds.bytes = held.reduce((sum, size) => sum + size, 0) + (held.length + 100) * 1_024;
    const files = new Map<string, Buffer>();
    for (const { name, size, sha256: sum } of contents.files) {
      const bytes = await (await next(name, size)).body.read(size);
      if (sha256(bytes) !== sum) throw bad(`${name} in it is damaged.`);
      files.set(name, bytes);
    }
    const found: Found = { contents, files, packing, sealed: key !== undefined };
    await reading.begin?.(found);
    let done = 0;
    for (const [hex, size] of contents.blobs) {
      const { body } = await next(`blobs/sha256/${hex}`, size);
      await take({ sha256: hex, size, chunks: summed(chunksOf(body), { hex, size }, bad) }, reading.blob);
      done += size;
      reading.told?.(done);
    }
    const end = await next(END, sha256(text).length + 1);
    if ((await end.body.read(end.size)).toString().trim() !== sha256(text))
      throw bad('its list of contents is damaged.');
    const after = await members.next();
    if (!after.done) throw bad('more follows in it than its list of contents says.');
    return found;
  } finally {
    await members.return(undefined);
    await chunks.return(undefined);
  }
}

/** Hands a blob on, and reads what the reader has left of it. */
async function take(blob: Blob, use: Reading['blob']): Promise<void> {
  await use?.(blob);
  for await (const _ of blob.chunks) {
    // Its sum is checked at its end.
  }
}

async function* summed(
  chunks: AsyncIterable<Buffer>,
  { hex, size }: { hex: string; size: number },
  bad: (why: string) => CliError,
): AsyncGenerator<Buffer> {
  const sum = createHash('sha256');
  let left = size;
  for await (const chunk of chunks) {
    left -= chunk.length;
    if (left < 0) break;
    sum.update(chunk);
    yield chunk;
  }
  if (left !== 0 || sum.digest('hex') !== hex) throw bad(`the blob sha256:${hex} in it is damaged.`);
}

/** Returns the text of a state: its contents, the files themselves, and the sum of both; a line each. */
export function stateText(contents: Contents, files: Map<string, Buffer>): string {
  const data = Object.fromEntries([...files].map(([name, bytes]) => [name, bytes.toString('base64')]));
  const lines = `${JSON.stringify(contents)}\n${JSON.stringify(data)}\n`;
  return `${lines}${sha256(Buffer.from(lines))}\n`;
}

/** Returns the path of a blob in a directory of backups. */
export const blobIn = (directory: string, hex: string, sealed: boolean): string =>
  join(directory, 'blobs/sha256', sealed ? `${hex}.sealed` : hex);

/** Reads a state of a directory, without its blobs. @throws CliError (exit 2) */
export async function readStateAlone(
  host: Host,
  place: string,
  passphrase: Reading['passphrase'],
): Promise<Found> {
  const file = await host.open(place);
  if (!file) throw unusable(place, 'there is no such file.');
  try {
    return (await stateIn(await openedFile(file, place, passphrase), place)).found;
  } catch (error) {
    throw inWords(error, place);
  } finally {
    await file.close();
  }
}

async function stateIn(
  { chunks, key }: Plain,
  place: string,
): Promise<{ found: Found; key: Passphrase | undefined }> {
  const bad = (why: string) => unusable(place, why);
  const parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > 2 * MOST_CONTENTS) throw bad('its list of contents is too long.');
    parts.push(chunk);
  }
  const text = Buffer.concat(parts);
  const [first = '', second = '', sum, ...more] = text.toString().split('\n');
  // A newer version may have written it in another way: says so first.
  const contents = readContents(Buffer.from(first), place);
  const whole = sum === sha256(Buffer.from(`${first}\n${second}\n`)) && more.length === 1 && more[0] === '';
  if (!whole) throw bad('it is damaged or cut off.');
  const data = JSON.parse(second) as Record<string, unknown>;
  const files = new Map<string, Buffer>();
  for (const { name, size, sha256: wanted } of contents.files) {
    const bytes = Buffer.from(String(data[name] ?? ''), 'base64');
    if (bytes.length !== size || sha256(bytes) !== wanted) throw bad(`${name} in it is damaged.`);
    files.set(name, bytes);
  }
  return { found: { contents, files, packing: undefined, sealed: key !== undefined }, key };
}

async function readState(host: Host, place: string, plain: Plain, reading: Reading): Promise<Found> {
  const { found, key } = await stateIn(plain, place);
  await reading.begin?.(found);
  let done = 0;
  for (const [hex, size] of found.contents.blobs) {
    await readBlob(host, dirname(place), { hex, size, key }, reading.blob);
    done += size;
    reading.told?.(done);
  }
  return found;
}

/** Reads one blob of a directory. @throws CliError (exit 2) */
export async function readBlob(
  host: Host,
  directory: string,
  { hex, size, key }: { hex: string; size: number; key: Passphrase | undefined },
  use?: Reading['blob'],
): Promise<void> {
  const path = blobIn(directory, hex, key !== undefined);
  const bad = (why: string) => unusable(path, why);
  const file = await host.open(path);
  if (!file) throw bad('it is gone.');
  try {
    const bytes = key ? unsealed(windowsOf(file), key) : windowsOf(file);
    await take({ sha256: hex, size, chunks: summed(bytes, { hex, size }, bad) }, use);
  } catch (error) {
    throw inWords(error, path);
  } finally {
    await file.close();
  }
}
