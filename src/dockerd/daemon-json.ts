// Edits a daemon.json as text: every byte outside the edited entries stays. Pure: reads and writes no file.
import { isDeepStrictEqual } from 'node:util';
import { badAt, decode, type Item, type Node, scan } from './json-text.ts';

export interface DaemonJson {
  value: Record<string, unknown>;
  /** The file begins with a byte order mark: dockerd 23 and later accept it, 20.10 does not start with it. */
  bom: boolean;
}

/**
 * Parses a daemon.json. A missing, empty or blank file is `{}`. If a key is there twice, the last one counts, as for dockerd.
 * @throws CliError (exit 2) with line, column and what is there
 */
export function parseDaemonJson(bytes: Buffer | undefined, path: string): DaemonJson {
  const text = decode(bytes, path);
  scan(text, path);
  const bom = text.startsWith('\ufeff');
  return { value: JSON.parse(text.slice(bom ? 1 : 0)), bom };
}

/** Returns JSON on one line, with or without a space after each comma and colon. */
function inline(value: unknown, space: string): string {
  if (Array.isArray(value)) return `[${value.map((v) => inline(v, space)).join(`,${space}`)}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}:${space}${inline(v, space)}`);
  return `{${members.join(`,${space}`)}}`;
}

/** Returns a space if the members have one after their colon; used for commas on one line too. */
const spacing = (items: Item[]) =>
  items.length === 0 || items.some(({ colon }) => /\s$/.test(colon ?? '')) ? ' ' : '';

/** Appends an entry after the last one, with the gap of its neighbours less blank lines. */
function append(text: string, { start, items }: Node, space: string, entry: (gap: string) => string): string {
  const [last, previous] = [items.at(-1), items.at(-2)] as [Item, Item | undefined];
  const lead = text.slice(start + 1, last.start);
  const between = previous ? text.slice(previous.end, last.start) : `,${lead.includes('\n') ? lead : space}`;
  const gap = between.replace(/(\r?\n)\s*\n/g, '$1');
  return text.slice(0, last.end) + gap + entry(gap) + text.slice(last.end);
}

/** Removes one entry, its comma and its gap. An entry that was appended and then removed leaves no trace. */
function remove(text: string, { start, end, items }: Node, index: number): string {
  const [previous, item, next] = [items[index - 1], items[index] as Item, items[index + 1]];
  if (next) return text.slice(0, item.start) + text.slice(next.start);
  if (previous) return text.slice(0, previous.end) + text.slice(item.end);
  const lead = text.slice(start + 1, item.start);
  const tail = text.slice(item.end, end - 1);
  return text.slice(0, start + 1) + (lead === tail ? lead : '') + text.slice(end - 1);
}

/** Renders a value in the style of the file: `gap` is the text before its key; without a line break in it the value is one line. */
function render(value: unknown, gap: string, { items }: Node, text: string): string {
  const [, eol, indent = ''] = /(\r?\n)([ \t]*)/.exec(gap) ?? [];
  const lists = items.filter((item) => item.value.open === '[' && item.value.items.length > 0);
  const flat = lists.length > 0 && lists.every(({ start, end }) => !text.slice(start, end).includes('\n'));
  if (eol === undefined || (flat && Array.isArray(value))) return inline(value, spacing(items));
  return JSON.stringify(value, null, 1).replace(
    /\n( *)/g,
    (_, { length }) => eol + indent.repeat(length + 1),
  );
}

function setKey(text: string, key: string, value: unknown, path: string): string {
  const root = scan(text, path);
  const index = root.items.findLastIndex((item) => item.key === key);
  const old = root.items[index];
  if (value === undefined) return old ? setKey(remove(text, root, index), key, value, path) : text;
  if (old) {
    if (isDeepStrictEqual(JSON.parse(text.slice(old.value.start, old.end)), value)) return text;
    const gap = /(?:\r?\n[ \t]*)?$/.exec(text.slice(0, old.start))?.[0] ?? '';
    return text.slice(0, old.value.start) + render(value, gap, root, text) + text.slice(old.end);
  }
  const space = spacing(root.items);
  const member = (gap: string) => `${JSON.stringify(key)}:${space}${render(value, gap, root, text)}`;
  if (root.items.length > 0) return append(text, root, space, member);
  const inner = text.slice(root.start + 1, root.end - 1);
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const open = inner && !inner.includes('\n') ? inner : `${eol}  `;
  return text.slice(0, root.start + 1) + open + member(open) + (inner || eol) + text.slice(root.end - 1);
}

/** Returns the list under a key (the last such key); undefined if there is none or it is null. */
function findList(text: string, key: string, path: string): Node | undefined {
  const list = scan(text, path).items.findLast((item) => item.key === key)?.value;
  if (!list || text.slice(list.start, list.end) === 'null') return undefined;
  const wrong = list.open === '[' ? list.items.find(({ start }) => text[start] !== '"') : list;
  if (wrong)
    throw badAt(
      path,
      text,
      wrong.start,
      `"${key}" is not a list of strings, and dockerd accepts nothing else`,
    );
  return list;
}

const positionOf = (text: string, { items }: Node, entry: string) =>
  items.findIndex(({ start, end }) => JSON.parse(text.slice(start, end)) === entry);

/**
 * Sets some top-level keys, or removes those whose value is undefined. Every byte outside them stays. Adds a new key at the
 * end, in the style of its neighbours. Without a file, returns a new one, indented by two spaces.
 * A reload does not notice that a key was removed (moby daemon/reload.go: IsValueSet): set it to `[]` for that.
 * @throws CliError as parseDaemonJson
 */
export function setKeys(
  bytes: Buffer | undefined,
  keys: Record<string, unknown>,
  path = 'daemon.json',
): Buffer {
  const before = decode(bytes, path);
  const after = Object.entries(keys).reduce((text, [key, value]) => setKey(text, key, value, path), before);
  return bytes && after === before ? bytes : Buffer.from(after);
}

/**
 * Adds `entry` to the list under `key`; returns the same bytes if it is there already.
 * @throws CliError as parseDaemonJson, and if the key holds something other than a list of strings
 */
export function addToList(
  bytes: Buffer | undefined,
  key: string,
  entry: string,
  path = 'daemon.json',
): Buffer {
  const text = decode(bytes, path);
  const list = findList(text, key, path);
  if (!list) return setKeys(bytes, { [key]: [entry] }, path);
  if (bytes && positionOf(text, list, entry) >= 0) return bytes;
  const quoted = JSON.stringify(entry);
  if (list.items.length > 0)
    return Buffer.from(append(text, list, spacing(scan(text, path).items), () => quoted));
  const inner = text.slice(list.start + 1, list.end - 1);
  return Buffer.from(text.slice(0, list.end - 1) + quoted + inner + text.slice(list.end - 1));
}

/**
 * Removes every `entry` from the list under `key`. Leaves `[]` after the last one: a reload does not notice that a key was
 * removed. Returns the same bytes if there is nothing to remove.
 * @throws CliError as addToList
 */
export function removeFromList(bytes: Buffer, key: string, entry: string, path = 'daemon.json'): Buffer {
  const before = decode(bytes, path);
  let after = before;
  for (;;) {
    const list = findList(after, key, path);
    const index = list ? positionOf(after, list, entry) : -1;
    if (!list || index < 0) return after === before ? bytes : Buffer.from(after);
    after = remove(after, list, index);
  }
}
