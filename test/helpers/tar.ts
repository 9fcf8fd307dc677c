// Archives byte by byte: also such as no program writes.

export interface Raw {
  name: string | Buffer;
  /** The letter of its kind; '0' (a file) unless said. (POSIX ustar; GNU: L, K, S) */
  type?: string;
  content?: string | Buffer;
  /** Where a link leads. */
  to?: string;
  /** What the header says, whatever the content has. */
  size?: number;
  mode?: number;
  /** Records of a pax header before it. */
  pax?: Record<string, string>;
}

const BLOCK = 512;
const filled = (bytes: Buffer) =>
  Buffer.concat([bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)]);

function record(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + 1;
  while (String(length).length + rest !== length) length++;
  return `${length} ${key}=${value}\n`;
}

/** A member, without the end of an archive behind it. */
export function member({ name, type = '0', content = '', to = '', size, mode = 0o644, pax }: Raw): Buffer {
  const body = Buffer.from(content);
  const header = Buffer.alloc(BLOCK);
  const octal = (number: number, digits: number) => number.toString(8).padStart(digits, '0');
  Buffer.from(name).copy(header, 0, 0, 100);
  header.write(`${octal(mode, 7)}\0${octal(0, 7)}\0${octal(0, 7)}\0`, 100);
  const told = size ?? body.length;
  if (told < 8 ** 11) header.write(`${octal(told, 11)}\0`, 124);
  else header.write(`80${told.toString(16).padStart(22, '0')}`, 124, 'hex');
  header.write(`${octal(0, 11)}\0        ${type}`, 136);
  header.write(to.slice(0, 100), 157);
  header.write('ustar\x0000', 257);
  if (type === '3' || type === '4') header.write(`${octal(1, 7)}\0${octal(5, 7)}\0`, 329);
  header.write(
    `${octal(
      header.reduce((sum, byte) => sum + byte, 0),
      6,
    )}\0 `,
    148,
  );
  const own = Buffer.concat([header, filled(body)]);
  if (!pax) return own;
  const records = Object.entries(pax).map(([key, value]) => record(key, value));
  return Buffer.concat([member({ name: 'pax', type: 'x', content: records.join('') }), own]);
}

export const tarOf = (...members: (Raw | Buffer)[]): Buffer =>
  Buffer.concat([
    ...members.map((one) => (Buffer.isBuffer(one) ? one : member(one))),
    Buffer.alloc(2 * BLOCK),
  ]);

export const CONFIG = { architecture: 'amd64', os: 'linux' };

/** A line of manifest.json. */
export const listLine = (ref: string, Layers: string[], Config = 'c.json') => ({
  Config,
  RepoTags: [ref],
  Layers,
});

/** An archive as `docker save` writes it: images with one empty layer. */
export function savedImages(...refs: string[]): Buffer {
  const list = refs.map((ref) => listLine(ref, ['layer.tar']));
  return tarOf(
    { name: 'c.json', content: JSON.stringify(CONFIG) },
    { name: 'layer.tar', content: tarOf() },
    { name: 'manifest.json', content: JSON.stringify(list) },
  );
}
