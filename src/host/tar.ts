// Reads and writes tar archives: the one place that takes something out of an archive, which anybody may have made.
// No name in it ever becomes a path, an option of a program or a link on this machine: callers read regular members by their
// names, and store them under names of their own. Sizes, counts and the time are bounded.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { shown, visible } from '../terminal/visible.ts';
import type { Host, OpenFile } from './host.ts';
import { ProgramFailed } from './transform.ts';

const BLOCK = 512;
/** How much to read at once, in bytes. */
const WINDOW = 65_536;
/** The most bytes that are handed on at a time. */
const AT_ONCE = 262_144;
/** The longest header about a header (a long name, pax), in bytes: Go's limit, too. (go.dev/src/archive/tar/common.go, maxSpecialFileSize) */
const EXTRA = 1_048_576;
/** The most members in an archive, or in a layer of one; those of registry:3 have some hundred. */
const MEMBERS = 100_000;
/** The longest path that every file system accepts. (limits.h(0p), PATH_MAX) */
const PATH_MAX = 4_096;
/** The longest name of a member that can be listed: it fits into every kind of header. */
const NAME_MAX = 100;
/** Packed data may unpack to this many times its size, or to LEAST (bytes); images are packed to a third of their size. */
const RATIO = 100;
const LEAST = 250_000_000;
/** Milliseconds for one pass over an archive. */
const TIME = 30 * 60_000;

/** Why an archive cannot be used: a sentence to follow the archive's name, without control characters. */
export class TarError extends Error {
  /** The program that would unpack the archive, if it is not on this machine. */
  readonly missing: string | undefined;

  constructor(message: string, missing?: string) {
    super(message);
    this.missing = missing;
  }
}

const CUT_OFF = 'It is cut off.';

/** Programs that pack a file, and its first bytes. (RFC 1952; sourceware.org/bzip2; tukaani.org/xz/xz-file-format.txt; RFC 8878) */
const PACKINGS = [
  { program: 'gzip', starts: Buffer.from('1f8b', 'hex') },
  { program: 'bzip2', starts: Buffer.from('BZh') },
  { program: 'xz', starts: Buffer.from('fd377a585a00', 'hex') },
  { program: 'zstd', starts: Buffer.from('28b52ffd', 'hex') },
] as const;
export type Packing = (typeof PACKINGS)[number]['program'];
/** A file can ask xz for 4 GB of memory; `xz -9` needs 65 MB. (xz(1)) zstd has its own limit, the others need little. */
const UNPACK_ENV = { XZ_DEFAULTS: '--memlimit-decompress=256MiB' };

/** Bytes, one after the other. */
interface Source {
  /** Returns the next bytes and keeps them; fewer at the end. */
  peek(length: number): Promise<Buffer>;
  /** Takes the next bytes; fewer at the end. */
  read(length: number): Promise<Buffer>;
  /** Takes what is at hand of the next bytes, and no more than that many; empty at the end alone. Copies nothing. */
  some(length: number): Promise<Buffer>;
  /** Skips so many bytes. @throws TarError if there are fewer */
  skip(length: number): Promise<void>;
}

export type MemberType = 'file' | 'dir' | 'link' | 'hard link' | 'other';

export interface Member {
  /** Without a leading `./`; empty for the top itself. */
  name: string;
  type: MemberType;
  size: number;
  /** The target of a link, as it is written. */
  to: string;
  body: Source;
}

export interface Tar {
  packing: Packing | undefined;
  /** Each member, once; a member's body can be read until the next member is requested. */
  members: AsyncGenerator<Member>;
  /** Returns the members of a member that is an archive itself, packed or not. */
  inside(member: Member): AsyncGenerator<Member>;
}

/**
 * Opens an archive, which may be packed, for one pass.
 * @param time for it, in milliseconds
 * @throws TarError if it is not an archive, is cut off, or unpacks to too much
 */
export async function withTar<T>(
  host: Host,
  path: string,
  use: (tar: Tar) => Promise<T>,
  time = TIME,
): Promise<T> {
  const file = await host.open(path);
  if (!file) throw new TarError('It is not a file.');
  const limits: Limits = { bytes: Math.max(LEAST, file.size * RATIO), until: Date.now() + time };
  const source = fromFile(file, limits);
  try {
    const packing = await packingOf(source);
    const members = unpackedMembers(host, source, limits);
    try {
      return await use({ packing, members, inside: ({ body }) => unpackedMembers(host, body, limits) });
    } finally {
      await members.return(undefined);
    }
  } finally {
    await file.close();
  }
}

interface Limits {
  /** How many bytes may still be unpacked. */
  bytes: number;
  /** The end of the time, as Date.now() counts. */
  until: number;
  /** The most members. */
  members?: number;
  /** Reads to the very end: the packing has its own sum there, and nothing but zeros may follow the last member. */
  whole?: true;
}

/** How much may come out of a stream. Its reader raises it when it knows more. */
export interface Bounds {
  bytes: number;
  members: number;
}

/** Milliseconds for a stream of any length: ten days. */
const LONG = 864_000_000;

/**
 * Yields the members of an archive that comes as a stream, packed or not, and reads it to its very end.
 * @param bounds counted down
 * @throws TarError if it is not an archive, is cut off, or holds more than the bounds
 */
export async function wholeTar(
  host: Host,
  chunks: AsyncGenerator<Buffer>,
  bounds: Bounds,
): Promise<Pick<Tar, 'packing' | 'members'>> {
  const source = fromStream(chunks);
  const limits: Limits = Object.assign(bounds, { until: Date.now() + LONG, whole: true as const });
  return { packing: await packingOf(source), members: unpackedMembers(host, source, limits) };
}

/** @throws TarError if something follows the end of an archive */
async function mustEnd(source: Source): Promise<void> {
  for await (const chunk of chunksOf(source))
    if (chunk.some((byte) => byte !== 0)) throw new TarError('Something follows its end.');
}

function fromFile(file: OpenFile, { until }: Limits): Source {
  let at = 0;
  let from = 0;
  let window: Buffer = Buffer.alloc(0);
  const peek = async (length: number) => {
    if (at < from || at + length > from + window.length) {
      if (Date.now() > until) throw new TarError('It takes too long to read.');
      from = at;
      window = await file.read(at, Math.max(length, WINDOW));
    }
    return window.subarray(at - from, at - from + length);
  };
  const read = async (length: number) => {
    const found = await peek(length);
    at += found.length;
    return found;
  };
  return {
    peek,
    read,
    some: (length) => read(Math.min(length, WINDOW)),
    async skip(length) {
      if (at + length > file.size) throw new TarError(CUT_OFF);
      at += length;
    },
  };
}

function fromStream(chunks: AsyncGenerator<Buffer>): Source {
  let held: Buffer = Buffer.alloc(0);
  const fill = async (length: number) => {
    const parts = held.length > 0 ? [held] : [];
    let sum = held.length;
    while (sum < length) {
      const { done, value } = await chunks.next();
      if (done) break;
      parts.push(value);
      sum += value.length;
    }
    if (parts.length > 1) held = Buffer.concat(parts);
    else held = parts[0] ?? held;
  };
  const take = (length: number) => {
    const found = held.subarray(0, length);
    held = held.subarray(length);
    return found;
  };
  return {
    async peek(length) {
      await fill(length);
      return held.subarray(0, length);
    },
    async read(length) {
      await fill(length);
      return take(length);
    },
    async some(length) {
      await fill(1);
      return take(Math.min(length, held.length));
    },
    async skip(length) {
      let left = length - take(length).length;
      while (left > 0) {
        await fill(1);
        if (held.length === 0) throw new TarError(CUT_OFF);
        left -= take(left).length;
      }
    },
  };
}

/** Returns a part of a source, and how much of the part is still to come. */
function partOf(source: Source, size: number): Source & { left: () => number } {
  let left = size;
  const whole = (found: Buffer, length: number) => {
    if (found.length < length) throw new TarError(CUT_OFF);
    return found;
  };
  return {
    left: () => left,
    async peek(length) {
      const wanted = Math.min(length, left);
      return whole(await source.peek(wanted), wanted);
    },
    async read(length) {
      const wanted = Math.min(length, left);
      const found = whole(await source.read(wanted), wanted);
      left -= wanted;
      return found;
    },
    async some(length) {
      const wanted = Math.min(length, left);
      const found = await source.some(wanted);
      if (found.length === 0) whole(found, wanted);
      left -= found.length;
      return found;
    },
    async skip(length) {
      if (length > left) throw new TarError(CUT_OFF);
      await source.skip(length);
      left -= length;
    },
  };
}

/** Yields the rest of a source, in pieces. */
export async function* chunksOf(source: Source): AsyncGenerator<Buffer> {
  for (;;) {
    const chunk = await source.some(AT_ONCE);
    if (chunk.length === 0) return;
    yield chunk;
  }
}

async function packingOf(source: Source): Promise<Packing | undefined> {
  const first = await source.peek(6);
  return PACKINGS.find(({ starts }) => first.subarray(0, starts.length).equals(starts))?.program;
}

/** Unpacks gzip in this process: what Node has for it is faster than the program. */
async function* gunzipped(from: Source): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: AT_ONCE });
  let failure: unknown;
  // A failure of the source ends the stream that is read below.
  const fed = pipeline(Readable.from(chunksOf(from)), gunzip).catch((error) => {
    failure = error;
  });
  try {
    yield* gunzip as AsyncIterable<Buffer>;
    await fed;
  } catch (error) {
    const { code, message } = (failure ?? error) as NodeJS.ErrnoException;
    if (/^Z_/.test(code ?? '')) throw new TarError(`It cannot be unpacked: ${message}`);
    throw failure ?? error;
  }
}

async function* unpacked(host: Host, program: Packing, from: Source, limits: Limits): AsyncGenerator<Buffer> {
  const timeout = Math.max(1, limits.until - Date.now());
  const chunks =
    program === 'gzip' && limits.whole
      ? gunzipped(from)
      : host.transform(program, ['-dc'], chunksOf(from), { timeout, env: UNPACK_ENV });
  try {
    for await (const chunk of chunks) {
      limits.bytes -= chunk.length;
      if (limits.bytes < 0) throw new TarError('More comes out of it than an image can be.');
      yield chunk;
    }
  } catch (error) {
    if (!(error instanceof ProgramFailed)) throw error;
    if (error.code === 127) throw new TarError(`It is packed with ${program}.`, program);
    if (error.code === 124) throw new TarError('It takes too long to unpack.');
    const [first = ''] = error.stderr.trim().split('\n');
    throw new TarError(`It cannot be unpacked: ${shown(first) || `${program} failed`}`);
  }
}

async function* unpackedMembers(host: Host, source: Source, limits: Limits): AsyncGenerator<Member> {
  const program = await packingOf(source);
  if (!program) {
    yield* members(source, limits);
    if (limits.whole) await mustEnd(source);
    return;
  }
  const chunks = unpacked(host, program, source, limits);
  try {
    const inner = fromStream(chunks);
    yield* members(inner, limits);
    if (limits.whole) await mustEnd(inner);
  } finally {
    await chunks.return(undefined);
  }
}

/** What other headers say about the next member. */
interface Extra {
  name?: string;
  to?: string;
  size?: number;
  /** The data is not as long as the file that it makes. */
  sparse?: true;
}

/** Reads POSIX ustar and pax (pubs.opengroup.org, pax: File Format), GNU (gnu.org/software/tar/manual, Basic Tar Format). */
async function* members(source: Source, limits: Limits): AsyncGenerator<Member> {
  let extra: Extra = {};
  for (let count = 0; ; count++) {
    const header = await source.read(BLOCK);
    if (header.length === 0 || header.every((byte) => byte === 0)) return;
    if (header.length < BLOCK && count > 0) throw new TarError(CUT_OFF);
    if (header.length < BLOCK || !isHeader(header)) throw new TarError('It is not a tar archive.');
    if (count >= (limits.members ?? MEMBERS)) throw new TarError('There is too much in it.');
    const flag = String.fromCharCode(header[156] as number);
    const told = numberAt(header, 124, 12);
    if ('xgLK'.includes(flag)) {
      if (told > EXTRA) throw new TarError('A header in it is too long.');
      const bytes = await partOf(source, told).read(told);
      await source.skip(padding(told));
      if (flag === 'x') extra = { ...extra, ...readPax(bytes) };
      if (flag === 'L') extra = { ...extra, name: textOf(bytes) };
      if (flag === 'K') extra = { ...extra, to: textOf(bytes) };
      continue;
    }
    const size = extra.size ?? told;
    if (flag === 'S') await skipSparseMap(source, header);
    const name = extra.name ?? headerName(header);
    const type = extra.sparse ? 'other' : typeOf(flag, name);
    // Go reads no data after these types, whatever size they claim. (go.dev/src/archive/tar/reader.go, isHeaderOnly)
    const held = '123456'.includes(flag) || type === 'dir' ? 0 : size;
    const body = partOf(source, held);
    yield { name: plain(name), type, size: held, to: extra.to ?? textOf(header.subarray(157, 257)), body };
    extra = {};
    await body.skip(body.left());
    // The last member may lack its padding.
    await source.read(padding(held));
  }
}

const padding = (size: number) => (BLOCK - (size % BLOCK)) % BLOCK;

function typeOf(flag: string, name: string): MemberType {
  if (flag === '5') return 'dir';
  if (flag === '2') return 'link';
  if (flag === '1') return 'hard link';
  if (flag === '0' || flag === '7' || flag === '\0') return name.endsWith('/') ? 'dir' : 'file';
  return 'other';
}

/** Checks the sum of a header's bytes, with spaces in the place of the sum; old programs added signed bytes. */
function isHeader(header: Buffer): boolean {
  const told = Number.parseInt(header.toString('latin1', 148, 156).trim(), 8);
  let sum = 8 * 32;
  let signed = 0;
  for (let at = 0; at < BLOCK; at++) {
    const byte = at >= 148 && at < 156 ? 0 : (header[at] as number);
    sum += byte;
    if (byte > 127) signed += 256;
  }
  return told === sum || told === sum - signed;
}

/** Reads octal digits; GNU writes a number that does not fit in base 256, after a first bit. */
function numberAt(header: Buffer, at: number, length: number): number {
  const field = header.subarray(at, at + length);
  if (field[0] === 0x80) return safe(BigInt(`0x${field.subarray(1).toString('hex')}`));
  const text = textOf(field).trim();
  if (!/^[0-7]*$/.test(text)) throw new TarError('A header in it is broken.');
  return safe(BigInt(`0o${text || '0'}`));
}

function safe(number: bigint): number {
  if (number > BigInt(Number.MAX_SAFE_INTEGER)) throw new TarError('A size in it is beyond all bounds.');
  return Number(number);
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Returns the text up to a NUL; marks text that is not UTF-8 with a NUL, which no name may have. */
function textOf(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  const held = end < 0 ? bytes : bytes.subarray(0, end);
  try {
    return UTF8.decode(held);
  } catch {
    return `\0${held.toString('latin1')}`;
  }
}

function headerName(header: Buffer): string {
  const name = textOf(header.subarray(0, 100));
  // GNU has other fields in the place of the prefix.
  const isUstar = header.subarray(257, 263).toString('latin1') === 'ustar\0';
  const before = isUstar ? textOf(header.subarray(345, 500)) : '';
  return before ? `${before}/${name}` : name;
}

/** Reads records `LENGTH KEY=VALUE\n`; the length includes itself. */
function readPax(bytes: Buffer): Extra {
  const extra: Extra = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const digits = bytes.subarray(at, Math.max(at, space)).toString('latin1');
    const end = at + Number(digits);
    const equals = bytes.indexOf(0x3d, space);
    if (!/^\d{1,7}$/.test(digits) || end > bytes.length || equals < space || equals >= end)
      throw new TarError('A header in it is broken.');
    const key = bytes.subarray(space + 1, equals).toString('latin1');
    const value = bytes.subarray(equals + 1, end - 1);
    if (key === 'path') extra.name = wholeText(value);
    if (key === 'linkpath') extra.to = wholeText(value);
    if (key === 'size') extra.size = decimal(value.toString('latin1'));
    if (key.startsWith('GNU.sparse.')) extra.sparse = true;
    at = end;
  }
  return extra;
}

/** Marks a name with a NUL in it, so that it differs from the part before the NUL. */
const wholeText = (bytes: Buffer) => (bytes.includes(0) ? `\0${textOf(bytes)}` : textOf(bytes));

function decimal(text: string): number {
  if (!/^\d+$/.test(text)) throw new TarError('A header in it is broken.');
  return safe(BigInt(text));
}

/** Skips the rest of the map of GNU's old kind of sparse file, which follows the header. */
async function skipSparseMap(source: Source, header: Buffer): Promise<void> {
  let more = header[482] !== 0;
  while (more) {
    const block = await source.read(BLOCK);
    if (block.length < BLOCK) throw new TarError(CUT_OFF);
    more = block[504] !== 0;
  }
}

/** Removes what programs put before and behind names: `./` and slashes. */
const plain = (name: string) => name.replace(/^(?:\.\/+)+/, '').replace(/^\.$|\/+$/g, '');

/** Tells whether a file taken out of an archive may have that name: it stays below the top, and is one line without hidden characters. */
export const isMemberName = (name: string): boolean =>
  name.length <= NAME_MAX &&
  !name.startsWith('-') &&
  visible(name) === name &&
  name.split('/').every((part) => part !== '' && part !== '.' && part !== '..');

/** What an archive holds under a name; undefined if the name occurs more than once. */
export type Listing = Map<string, Pick<Member, 'type' | 'size' | 'to'> | undefined>;

/**
 * Lists an archive that holds only files, and links between them; reads some of the files in the same pass.
 * @param names the files to read, if they exist
 * @param most bytes of all of them
 * @throws TarError if the archive holds anything else, or a name that leads out, or if one of `names` is no file, occurs twice or is too large
 */
export async function listTar(
  host: Host,
  path: string,
  names: string[],
  most: number,
): Promise<{ listing: Listing; read: Map<string, Buffer>; packing: Packing | undefined }> {
  return withTar(host, path, async ({ packing, members: all }) => {
    const listing: Listing = new Map();
    const read = new Map<string, Buffer>();
    const wanted = new Set(names);
    let left = most;
    for await (const member of all) {
      const { name, type, size, to, body } = member;
      if (type === 'dir' && name === '') continue;
      refuseStrange(member);
      if (!isMemberName(name)) continue;
      listing.set(name, listing.has(name) ? undefined : { type, size, to });
      if (!wanted.has(name)) continue;
      fileIn(listing, name);
      left -= size;
      if (left < 0) throw new TarError(`${name} in it is too large.`);
      read.set(name, await body.read(size));
    }
    return { listing, read, packing };
  });
}

/** Refuses what neither an engine nor any tool for images writes. @throws TarError */
function refuseStrange({ name, type }: Member): void {
  if (type === 'other') throw new TarError(`${shown(name)} in it is not a file.`);
  if (visible(name) !== name)
    throw new TarError(`There is a name with control characters in it: ${shown(name)}`);
  if (name.length > PATH_MAX) throw new TarError(`There is a name in it that is too long: ${shown(name)}`);
  if (name.startsWith('/') || name.split('/').includes('..'))
    throw new TarError(`There is a name in it that leads out of it: ${shown(name)}`);
}

/** Returns a regular file of a listing. @throws TarError if it is missing, not a regular file, or occurs more than once */
export function fileIn(listing: Listing, name: string): { size: number } {
  if (!listing.has(name)) throw new TarError(`${shown(name)} is not in it.`);
  const found = listing.get(name);
  if (!found) throw new TarError(`${name} is in it more than once.`);
  if (found.type !== 'file')
    throw new TarError(`${name} in it is a ${found.type === 'dir' ? 'directory' : 'link'}, not a file.`);
  return found;
}

/** Reads files of an archive. @throws as listTar does, and if one is missing */
export async function readFromTar(
  host: Host,
  path: string,
  names: string[],
  most: number,
): Promise<Map<string, Buffer>> {
  if (names.length === 0) return new Map();
  const { listing, read } = await listTar(host, path, names, most);
  for (const name of names) fileIn(listing, name);
  return read;
}

/** A file to put into an archive. */
export interface Entry {
  name: string;
  size: number;
  chunks: AsyncIterable<Buffer> | Iterable<Buffer>;
}

/** Yields an archive of files. The same files give the same bytes. @throws Error if a name does not fit, or a size is wrong */
export async function* packTar(entries: AsyncIterable<Entry> | Iterable<Entry>): AsyncGenerator<Buffer> {
  for await (const entry of entries) yield* packEntry(entry);
  yield tarEnd();
}

/** Yields one file of an archive. @throws Error if its name does not fit, or its size is wrong */
export async function* packEntry({ name, size, chunks }: Entry): AsyncGenerator<Buffer> {
  yield headerOf(name, size);
  let left = size;
  for await (const chunk of chunks) {
    left -= chunk.length;
    yield chunk;
  }
  if (left !== 0) throw new Error(`${name} is not as long as it was said to be`);
  yield Buffer.alloc(padding(size));
}

/** Returns what ends an archive. */
export const tarEnd = (): Buffer => Buffer.alloc(2 * BLOCK);

/** Yields the files of an archive that have these names, as they come. */
export async function* filesOf({ members: all }: Tar, names: ReadonlySet<string>): AsyncGenerator<Entry> {
  for await (const { name, type, size, body } of all)
    if (names.has(name) && type === 'file') yield { name, size, chunks: chunksOf(body) };
}

function headerOf(name: string, size: number): Buffer {
  if (!isMemberName(name) || Buffer.byteLength(name) > NAME_MAX)
    throw new Error(`no name for a file: ${visible(name)}`);
  const header = Buffer.alloc(BLOCK);
  header.write(name);
  header.write('0000644\x000000000\x000000000\0', 100);
  // Writes 8 GB and more as GNU does.
  if (size < 8 ** 11) header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  else header.write(`80${size.toString(16).padStart(22, '0')}`, 124, 'hex');
  header.write(`${'0'.repeat(11)}\0`, 136);
  header.write('        0', 148);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}
