// Finds where each entry of a JSON text lies, and where the text is wrong: JSON.parse tells neither. Pure.
import { CliError } from '../errors.ts';

/** A value and where its text lies. `open` is `{` or `[`; empty for a string, a number or a word. */
export interface Node {
  start: number;
  end: number;
  open: '{' | '[' | '';
  items: Item[];
}

/** One entry of an object or a list, from the start of its key (or value) to the end of its value. */
export interface Item {
  start: number;
  end: number;
  value: Node;
  key?: string;
  /** The text between the key and the value: a colon and its spaces. */
  colon?: string;
}

/** dockerd's own settings are four levels deep; the limit keeps a hostile file from using up the stack. */
const MAX_DEPTH = 200;

// The ranges leave out the double quote, the backslash and everything below the space.
const STRING_BODY = /"[ !#-[\]-\u{10ffff}]*(?:\\(?:["\\/bfnrt]|u[\da-fA-F]{4})[ !#-[\]-\u{10ffff}]*)*/uy;
const BARE = /[^\s,:{}[\]"][^\s,:{}[\]"/#]*/y;
const NUMBER_OR_WORD = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)$/;

/** Returns the error for one place of the file. Columns count characters, from 1, without the byte order mark. */
export function badAt(path: string, text: string, at: number, what: string, fix?: string): CliError {
  const before = text.slice(0, at).replace(/^\ufeff/, '');
  const lines = before.split(/\r\n|\r|\n/);
  const place = `line ${lines.length}, column ${[...(lines.at(-1) ?? '')].length + 1}`;
  return new CliError(`${path}, ${place}: ${what}.`, {
    fix: fix ?? 'Correct it by hand and run this again. Nothing in the file was changed.',
    exitCode: 2,
  });
}

/** Describes the unexpected text at a place; never the inside of a string, which may be a secret. */
function describe(text: string, at: number): string {
  const char = String.fromCodePoint(text.codePointAt(at) ?? 0);
  if (at >= text.length) return 'the end of the file';
  if (char === '#' || /^\/[/*]/.test(text.slice(at, at + 2))) return 'a comment, which JSON does not have';
  if (char === '"') return 'a string';
  if (/['`\u2018-\u201f]/.test(char)) return `\`${char}\`, but JSON quotes with \`"\``;
  if (/[\s\p{C}]/u.test(char)) return `the invisible character U+${hex(char)}`;
  BARE.lastIndex = at;
  return `\`${(BARE.exec(text)?.[0] ?? char).slice(0, 20)}\``;
}

const hex = (char: string) => (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');

/**
 * Decodes the bytes; a missing or blank file becomes `{}` and a line end.
 * @throws CliError (exit 2) for UTF-16 (PowerShell writes it) and for bytes that are not UTF-8
 */
export function decode(bytes: Buffer | undefined, path: string): string {
  if (!bytes) return '{}\n';
  if (/^(?:\xff\xfe|\xfe\xff|\0.|.\0)/s.test(bytes.toString('latin1', 0, 2))) {
    const fix = `iconv -f UTF-16 -t UTF-8 ${path} -o ${path}.utf8 && mv ${path}.utf8 ${path}`;
    throw badAt(path, '', 0, 'the file is UTF-16, and this program edits UTF-8 only', fix);
  }
  const text = bytes.toString('utf8');
  const again = Buffer.from(text);
  if (!again.equals(bytes)) {
    const at = again.findIndex((byte, i) => byte !== bytes[i]);
    throw badAt(path, bytes.toString('utf8', 0, at), text.length, 'bytes that are not UTF-8');
  }
  // dockerd 23 and later read a blank file as an empty configuration (moby daemon/config/config.go).
  if (text.trim()) return text; // trim() removes the byte order mark too
  return `${text.startsWith('\ufeff') ? '\ufeff' : ''}{}${text.includes('\r\n') ? '\r\n' : '\n'}`;
}

/** Finds where everything lies in a daemon.json. @throws CliError (exit 2) with line, column and what is there */
export function scan(text: string, path: string): Node {
  let at = text.startsWith('\ufeff') ? 1 : 0;
  const fail = (what: string, where = at) => badAt(path, text, where, what);
  const skipBlanks = () => {
    while (' \t\r\n'.includes(text[at] ?? 'end')) at++;
  };

  function string(): Node {
    const start = at;
    STRING_BODY.lastIndex = at;
    STRING_BODY.exec(text);
    at = STRING_BODY.lastIndex;
    const stop = text[at];
    if (stop === undefined || stop === '\n' || stop === '\r')
      throw fail('a string that is not closed', start);
    if (stop === '\\')
      throw fail(`\`${text.slice(at, at + 2)}\` in a string: write \`\\\\\` for a backslash`);
    if (stop !== '"') throw fail(`the invisible character U+${hex(stop)} in a string`);
    return { start, end: ++at, open: '', items: [] };
  }

  function value(depth: number): Node {
    const start = at;
    const open = text[at];
    if (open === '"') return string();
    if (open === '{' || open === '[') return container(open, depth + 1);
    BARE.lastIndex = at;
    const bare = BARE.exec(text)?.[0] ?? '';
    if (!NUMBER_OR_WORD.test(bare)) throw fail(`expected a value, found ${describe(text, at)}`);
    at += bare.length;
    return { start, end: at, open: '', items: [] };
  }

  function member(depth: number): Item {
    if (text[at] !== '"') throw fail(`expected a key in double quotes, found ${describe(text, at)}`);
    const { start, end } = string();
    skipBlanks();
    if (text[at] !== ':') throw fail(`expected \`:\` after the key, found ${describe(text, at)}`);
    at++;
    skipBlanks();
    const colon = text.slice(end, at);
    const key = JSON.parse(text.slice(start, end)) as string;
    const node = value(depth);
    return { start, end: node.end, key, colon, value: node };
  }

  function container(open: '{' | '[', depth: number): Node {
    const close = open === '{' ? '}' : ']';
    const start = at++;
    const items: Item[] = [];
    if (depth > MAX_DEPTH) throw fail(`more than ${MAX_DEPTH} levels of nesting`, start);
    for (let comma = -1; ; ) {
      skipBlanks();
      if (text[at] === close) {
        if (comma >= 0) throw fail(`a comma before the closing \`${close}\``, comma);
        return { start, end: ++at, open, items };
      }
      if (items.length > 0 && comma < 0) {
        const found = describe(text, at);
        const missing = text[at] === '"' || text[at] === '{' || text[at] === '[';
        throw fail(
          missing ? `a comma is missing before ${found}` : `expected \`,\` or \`${close}\`, found ${found}`,
        );
      }
      if (open === '{') items.push(member(depth));
      else {
        const node = value(depth);
        items.push({ start: node.start, end: node.end, value: node });
      }
      skipBlanks();
      comma = text[at] === ',' ? at++ : -1;
    }
  }

  skipBlanks();
  if (text[at] !== '{') throw fail(`expected \`{\`, found ${describe(text, at)}`);
  const root = container('{', 0);
  skipBlanks();
  if (at < text.length) throw fail(`more text after the closing \`}\`: ${describe(text, at)}`);
  return root;
}
