// Makes one file for a server without network.
// Writes a bundle: the lines of templates/bundle.sh, which sh and node both read, and the payload behind them as one long comment.
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { sha256 } from '../host/sha256.ts';
import type { About } from '../program/bundled.ts';
import { templateText } from '../templates.ts';

const compress = promisify(brotliCompress);

/** Measured on registry:3 (58 MB): gzip 17.4 MB in 1.2 s, this 14.5 MB in 1.3 s, the next better 14.3 MB in 3.5 s. */
const QUALITY = 5;

/** Bytes that end a line of JavaScript, or begin what does (ECMA-262, Line Terminators), and the sign itself. templates/bundle.sh unhides them. */
const SIGN = 0x1b;
const FLIP = 0x40;
const HIDDEN = new Set([0x0a, 0x0d, 0xe2, SIGN]);

function hidden(bytes: Buffer): Buffer {
  const out = Buffer.allocUnsafe(bytes.length * 2);
  let to = 0;
  for (const byte of bytes) {
    if (HIDDEN.has(byte)) out[to++] = SIGN;
    out[to++] = HIDDEN.has(byte) ? byte ^ FLIP : byte;
  }
  return Buffer.from(out.subarray(0, to));
}

async function packed(bytes: Buffer): Promise<Buffer> {
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: QUALITY,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  };
  return hidden(await compress(bytes, { params }));
}

const MARK = '\n//payload:';
/** The first words of every bundle. */
const FIRST = templateText('bundle.sh').slice(0, 48);

/** Tells whether a file that begins so is a bundle, which another may replace. */
export const isBundle = (bytes: Buffer): boolean => bytes.subarray(0, FIRST.length).toString() === FIRST;

/** Returns the template, filled with the content, the lines that sh hands to node, and a node in letters that sh can take out by itself. */
function head(about: About, node: PackedNode | undefined): string {
  const text = templateText('bundle.sh').trimEnd();
  const lines = text.split('\n');
  const first = lines.indexOf('*/') + 2;
  const filled = text
    .replace(/^first=0 last=0$/m, `first=${first} last=${lines.length}`)
    .replace(/^( *)const about = \{\};$/m, (_, space) => `${space}const about = ${JSON.stringify(about)};`);
  if (!node) return filled;
  const at = (from: number) =>
    filled.replace(
      /^node_from=.*$/m,
      // A number of fixed width: its value does not move the node that it points to.
      `node_from=${String(from).padStart(9, '0')} node_size=${node.letters.length} node_sum=${node.sha256}`,
    ) + NODE_MARK;
  return at(Buffer.byteLength(at(0)) + 1) + node.letters;
}

const NODE_MARK = '\n//node:';

interface PackedNode {
  letters: string;
  sha256: string;
}

/** Packs a node so that sh takes it out with what every machine has: base64, gzip. */
async function packedNode(binary: Buffer): Promise<PackedNode> {
  const letters = (await promisify(gzip)(binary)).toString('base64');
  return { letters, sha256: sha256(binary) };
}

/** What a bundle is made of. */
export interface Contents extends Pick<About, 'version' | 'architecture' | 'images' | 'answers' | 'node'> {
  /** The files of this program, by their path in the package. */
  program: Record<string, string>;
  /** An archive as `docker save` writes it, not compressed. */
  archive: Buffer;
  nodeBinary?: Buffer | undefined;
}

/** Returns the bytes of a bundle. */
export async function packBundle({ program, archive, nodeBinary, ...told }: Contents): Promise<Buffer> {
  const [node, ...parts] = await Promise.all([
    nodeBinary && packedNode(nodeBinary),
    packed(Buffer.from(JSON.stringify(program))),
    packed(archive),
  ]);
  const payload = Buffer.concat(parts);
  const [first, second] = parts.map(({ length }) => length) as [number, number];
  const about: About = {
    ...told,
    program: { at: 0, length: first },
    archive: { at: first, length: second },
    length: payload.length,
    sha256: sha256(payload),
  };
  return Buffer.concat([Buffer.from(head(about, node) + MARK), payload]);
}
