import { describe, expect, test } from 'vitest';
import { Secret } from '../../../../../src/secret.ts';
import {
  isSealed,
  passphraseOf,
  SealError,
  saltOf,
  sealed,
  sealedSize,
  unsealed,
} from '../../../../../src/server/maintenance/backup/seal.ts';

const key = passphraseOf(new Secret('Läuft über Nacht'));

async function* pieces(bytes: Buffer, size = 10_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
async function all(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}
const reason = async (bytes: Buffer, by = key) => {
  const failure = await all(unsealed(pieces(bytes), by)).catch((error: unknown) => error);
  return failure instanceof SealError ? failure.reason : failure;
};
const plain = (size: number) => Buffer.alloc(size, 'what nobody else may read. ');
const CHUNK = 65_536;

describe('a sealed stream', () => {
  test.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 200_001])(
    'of %i bytes comes back',
    async (size) => {
      const bytes = await all(sealed(pieces(plain(size)), key));
      expect(isSealed(bytes)).toBe(true);
      expect(bytes.length).toBe(sealedSize(size));
      expect(bytes.includes('nobody')).toBe(false);
      expect((await all(unsealed(pieces(bytes), key))).equals(plain(size))).toBe(true);
    },
  );

  test('cut off anywhere, it is refused', async () => {
    const bytes = await all(sealed(pieces(plain(3 * CHUNK)), key));
    const line = bytes.indexOf('\n') + 1;
    const edges = [1, 2, 3].map((i) => line + i * (CHUNK + 16));
    for (const end of [0, 1, 40, line - 1, line, line + 1, ...edges.slice(0, 2), (edges[2] as number) - 1])
      expect(await reason(bytes.subarray(0, end)), `${end} bytes`).toBe('damaged');
  });

  test('a chunk left out, moved or repeated is refused', async () => {
    const bytes = await all(sealed(pieces(plain(4 * CHUNK)), key));
    const line = bytes.indexOf('\n') + 1;
    const [a, b, c, d] = [0, 1, 2, 3].map((i) =>
      bytes.subarray(line + i * (CHUNK + 16), line + (i + 1) * (CHUNK + 16)),
    ) as [Buffer, Buffer, Buffer, Buffer];
    const first = bytes.subarray(0, line);
    for (const order of [[a, c, d], [a, c, b, d], [a, b, b, c, d], [a, b, c, d, d], [d], [a, b, c]])
      expect(await reason(Buffer.concat([first, ...order]))).toBe('damaged');
  });

  test('a flipped byte anywhere is refused', async () => {
    const bytes = await all(sealed(pieces(plain(70_000)), key));
    const line = bytes.indexOf('\n') + 1;
    for (const at of [line, line + 1, line + CHUNK, line + CHUNK + 17, bytes.length - 1]) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ 1;
      expect(await reason(changed), `byte ${at}`).toBe('damaged');
    }
  });

  test('another passphrase is told apart from damage; a salt of its own is not needed for each file', async () => {
    const bytes = await all(sealed(pieces(plain(10)), key));
    expect(await reason(bytes, passphraseOf(new Secret('another')))).toBe('passphrase');
    const other = await all(sealed(pieces(plain(10)), key, saltOf(bytes)));
    expect(saltOf(other)).toEqual(saltOf(bytes));
    expect(other.subarray(-26)).not.toEqual(bytes.subarray(-26));
    expect(key.made.size).toBeGreaterThan(0);
  });

  test('a newer scheme, and one that would take all memory', async () => {
    const bytes = await all(sealed(pieces(plain(10)), key));
    const line = bytes.subarray(0, bytes.indexOf('\n') + 1).toString();
    expect(await reason(Buffer.from(line.replace('sealed 1', 'sealed 2')))).toBe('newer');
    for (const [from, to] of [
      ['131072 8 1', '8388608 8 1'],
      ['131072 8 1', '131072 99 1'],
      ['131072', '131071'],
    ])
      expect(await reason(Buffer.from(line.replace(from as string, to as string)))).toBe('damaged');
  });
});
