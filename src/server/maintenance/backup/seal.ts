// Encrypts a stream with a passphrase, so that nothing of it can be read, changed, moved or cut off unseen.
//
// Scheme 1. The first line names it:
//   registry-setup sealed 1 scrypt-aes256gcm SALT N r p NONCE CHECK
// SALT (16 bytes), NONCE (16) and CHECK (32) are base64url. scrypt makes 32 bytes of the passphrase and SALT. HKDF-SHA-256 makes of them
// and NONCE one key for the sums ("check") and one for the content ("content"). CHECK is the HMAC-SHA-256 of all before it in the line: it
// tells a wrong passphrase before anything is read. The content follows in chunks of 64 KiB, the last one shorter, or empty if there is
// nothing. Each is AES-256-GCM with its tag of 16 bytes behind it; its nonce is its number in 11 bytes, and a byte that is 1 for the last
// chunk and else 0. So no chunk can be left out, repeated or moved, and the end is known as the end. (RFC 7914; RFC 5869; NIST SP 800-38D;
// "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", the STREAM construction)
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  randomBytes,
  scrypt,
  timingSafeEqual,
} from 'node:crypto';
import type { Secret } from '../../../secret.ts';

const SCHEME = 1;
const NAME = 'scrypt-aes256gcm';
const START = 'registry-setup sealed ';
const CHUNK = 65_536;
const TAG = 16;
/** The longest first line, in bytes. */
const LINE = 512;

/** How hard scrypt works: about 0.4 s and 128 MB. A file may ask for less, and for no more than four times that. (RFC 7914, 2) */
const COST = { N: 131_072, r: 8, p: 1 };
const MOST = { N: 524_288, r: 8, p: 1 };

/** Why a sealed stream cannot be opened. */
export class SealError extends Error {
  /** `passphrase`: it is another one, or the first line is damaged. `newer`: a newer scheme. `damaged`: bytes were changed, or cut off. */
  readonly reason: 'passphrase' | 'newer' | 'damaged';

  constructor(reason: SealError['reason']) {
    super(reason);
    this.reason = reason;
  }
}

/** Tells whether a file that begins so is sealed. */
export const isSealed = (first: Buffer): boolean => first.subarray(0, START.length).toString() === START;

/** A passphrase, and what scrypt made of it: once for each salt. */
export interface Passphrase {
  secret: Secret;
  made: Map<string, Promise<Buffer>>;
}

export const passphraseOf = (secret: Secret): Passphrase => ({ secret, made: new Map() });

interface Parameters {
  salt: Buffer;
  N: number;
  r: number;
  p: number;
}

function stretched({ secret, made }: Passphrase, { salt, N, r, p }: Parameters): Promise<Buffer> {
  const id = `${salt.toString('hex')} ${N} ${r} ${p}`;
  const there = made.get(id);
  if (there) return there;
  const key = new Promise<Buffer>((resolve, reject) => {
    // What is equal on all keyboards is equal here. (RFC 8265, 4.2.2)
    const text = secret.reveal().normalize('NFC');
    scrypt(text, salt, 32, { N, r, p, maxmem: 256 * N * r }, (error, bytes) =>
      error ? reject(error) : resolve(bytes),
    );
  });
  made.set(id, key);
  return key;
}

const keyFor = (stem: Buffer, nonce: Buffer, use: 'check' | 'content'): Buffer =>
  Buffer.from(hkdfSync('sha256', stem, nonce, `registry-setup sealed ${SCHEME} ${use}`, 32));

const sumOf = (stem: Buffer, nonce: Buffer, text: string): Buffer =>
  createHmac('sha256', keyFor(stem, nonce, 'check'))
    .update(text)
    .digest();

function nonceOf(count: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(count), 3);
  nonce[11] = last ? 1 : 0;
  return nonce;
}

/** Returns a salt for files that are sealed together: the passphrase is stretched once for all of them. */
export const newSalt = (): Buffer => randomBytes(16);

/** Yields the stream sealed. */
export async function* sealed(
  chunks: AsyncIterable<Buffer>,
  passphrase: Passphrase,
  salt: Buffer = newSalt(),
): AsyncGenerator<Buffer> {
  const nonce = randomBytes(16);
  const stem = await stretched(passphrase, { salt, ...COST });
  const { N, r, p } = COST;
  const told = `${START}${SCHEME} ${NAME} ${salt.toString('base64url')} ${N} ${r} ${p} ${nonce.toString('base64url')}`;
  yield Buffer.from(`${told} ${sumOf(stem, nonce, told).toString('base64url')}\n`);
  const key = keyFor(stem, nonce, 'content');
  let count = 0;
  const seal = (plain: Buffer, last: boolean) => {
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(count++, last));
    return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  };
  let held: Buffer | undefined;
  for await (const chunk of inChunks(chunks, CHUNK)) {
    if (held) yield seal(held, false);
    held = chunk;
  }
  yield seal(held ?? Buffer.alloc(0), true);
}

/** Returns how many bytes a sealed file has. @param size of its content */
export function sealedSize(size: number): number {
  const line = `${START}${SCHEME} ${NAME} ${'x'.repeat(22)} ${COST.N} ${COST.r} ${COST.p} ${'x'.repeat(22)} ${'x'.repeat(43)}\n`;
  return line.length + size + Math.max(1, Math.ceil(size / CHUNK)) * TAG;
}

/** Returns the salt in the first line of a sealed file. @throws SealError */
export const saltOf = (first: Buffer): Buffer => readLine(first).salt;

function readLine(first: Buffer): Parameters & { nonce: Buffer; told: string; sum: Buffer; length: number } {
  const end = first.subarray(0, LINE).indexOf(0x0a);
  const line = first.subarray(0, Math.max(0, end)).toString('latin1');
  const [, scheme = ''] = /^registry-setup sealed (\d{1,6}) /.exec(line) ?? [];
  if (Number(scheme) > SCHEME) throw new SealError('newer');
  const words =
    /^(registry-setup sealed 1 scrypt-aes256gcm ([\w-]{22}) (\d{1,7}) (\d{1,2}) (\d{1,2}) ([\w-]{22})) ([\w-]{43})$/.exec(
      line,
    );
  if (!words) throw new SealError('damaged');
  const [, told = '', salt = '', ...rest] = words;
  const [N, r, p] = rest.slice(0, 3).map(Number) as [number, number, number];
  // A power of two from 2 on, and nothing that would take all memory of this machine.
  const sane = N >= 2 && Number.isInteger(Math.log2(N)) && r >= 1 && p >= 1;
  if (!sane || N > MOST.N || r > MOST.r || p > MOST.p) throw new SealError('damaged');
  const bytes = (text = '') => Buffer.from(text, 'base64url');
  return { salt: bytes(salt), N, r, p, nonce: bytes(rest[3]), told, sum: bytes(rest[4]), length: end + 1 };
}

/** Yields what was sealed. @throws SealError */
export async function* unsealed(
  chunks: AsyncIterable<Buffer>,
  passphrase: Passphrase,
): AsyncGenerator<Buffer> {
  const source = chunks[Symbol.asyncIterator]();
  try {
    yield* opened(source, passphrase);
  } finally {
    await source.return?.();
  }
}

async function* opened(source: AsyncIterator<Buffer>, passphrase: Passphrase): AsyncGenerator<Buffer> {
  let first: Buffer = Buffer.alloc(0);
  while (first.length < LINE && !first.includes(0x0a)) {
    const { done, value } = await source.next();
    if (done) break;
    first = Buffer.concat([first, value]);
  }
  const { nonce, told, sum, length, ...parameters } = readLine(first);
  const stem = await stretched(passphrase, parameters);
  if (!timingSafeEqual(sumOf(stem, nonce, told), sum)) throw new SealError('passphrase');
  const key = keyFor(stem, nonce, 'content');
  let count = 0;
  const open = (bytes: Buffer, last: boolean): Buffer => {
    if (bytes.length < TAG) throw new SealError('damaged');
    const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(count++, last));
    decipher.setAuthTag(bytes.subarray(-TAG));
    try {
      return Buffer.concat([decipher.update(bytes.subarray(0, -TAG)), decipher.final()]);
    } catch {
      throw new SealError('damaged');
    }
  };
  const rest = { [Symbol.asyncIterator]: () => source };
  let held: Buffer | undefined;
  for await (const chunk of inChunks(rest, CHUNK + TAG, first.subarray(length))) {
    if (held) yield open(held, false);
    held = chunk;
  }
  const last = open(held ?? Buffer.alloc(0), true);
  // Only an empty stream ends with an empty chunk.
  if (last.length === 0 && count > 1) throw new SealError('damaged');
  yield last;
}

/** Yields the stream in pieces of one size; the last one may be shorter. */
async function* inChunks(
  chunks: AsyncIterable<Buffer>,
  size: number,
  before: Buffer = Buffer.alloc(0),
): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [before];
  let sum = before.length;
  const taken = function* () {
    let all = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
    for (; all.length >= size; all = all.subarray(size)) yield all.subarray(0, size);
    parts = [all];
    sum = all.length;
  };
  if (sum >= size) yield* taken();
  for await (const chunk of chunks) {
    parts.push(chunk);
    sum += chunk.length;
    if (sum >= size) yield* taken();
  }
  const [rest = Buffer.alloc(0)] = [Buffer.concat(parts)];
  if (rest.length > 0) yield rest;
}
