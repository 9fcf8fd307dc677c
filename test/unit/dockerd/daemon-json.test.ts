// The corpus: test/fixtures/daemon-json. ok-* is edited byte by byte, bad-* is refused with its line and column.
import { readdirSync, readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { addToList, parseDaemonJson, removeFromList, setKeys } from '../../../src/dockerd/daemon-json.ts';
import { CliError } from '../../../src/errors.ts';

const KEY = 'insecure-registries';
const OURS = 'reg.example:5000';
const PATH = '/etc/docker/daemon.json';

const fixtures = new URL('../../fixtures/daemon-json/', import.meta.url);
const names = readdirSync(fixtures).map((name) => name.replace('.json', ''));
const fixture = (name: string) => readFileSync(new URL(`${name}.json`, fixtures));

const parsed = (bytes: Buffer | undefined) => parseDaemonJson(bytes, PATH).value;
const isBlank = (bytes: Buffer) => bytes.toString().trim() === '';

/** What is in `after` and not in `before`; undefined where more than one place differs, or something went. */
function insertion(before: Buffer, after: Buffer): string | undefined {
  const added = after.length - before.length;
  let start = 0;
  while (start < before.length && before[start] === after[start]) start++;
  const rest = before.subarray(start);
  return added >= 0 && after.subarray(start + added).equals(rest)
    ? after.toString('utf8', start, start + added)
    : undefined;
}

/** Everything that must hold for any file that is valid JSON. */
function checkEdits(before: Buffer) {
  const value = parsed(before);
  const list = (value[KEY] ?? []) as string[];
  const after = addToList(before, KEY, OURS, PATH);
  if (list.includes(OURS)) return expect(after).toBe(before);

  expect(isDeepStrictEqual(parsed(after), { ...value, [KEY]: [...list, OURS] })).toBe(true);
  expect(Object.keys(parsed(after))).toEqual([...new Set([...Object.keys(value), KEY])]);
  if (!isBlank(before) && value[KEY] !== null) {
    const inserted = insertion(before, after);
    expect(inserted, 'one place changed').toBeDefined();
    if (value[KEY]) expect(inserted?.replace(/[\s,]/g, '')).toBe(JSON.stringify(OURS));
  }
  expect(addToList(after, KEY, OURS, PATH), 'a second time').toBe(after);

  const undone = removeFromList(after, KEY, OURS, PATH);
  expect(parsed(undone)).toEqual({ ...value, [KEY]: list });
  if (value[KEY]) expect(undone.equals(before), 'the same bytes').toBe(true);
  else expect(parsed(setKeys(undone, { [KEY]: value[KEY] }))).toEqual(value);
}

test('the corpus is there', () => {
  expect(names.filter((name) => name.startsWith('ok-')).length).toBeGreaterThan(60);
  expect(names.filter((name) => !/^(ok|bad)-/.test(name))).toEqual([]);
});

test.each(names.filter((name) => name.startsWith('ok-')))('%s', (name) => checkEdits(fixture(name)));

// Judged by hand: the line and column that an editor shows, and what is said.
const refusals: [name: string, place: string, what: string][] = [
  ['bad-comment-line', '2:3', 'a comment'],
  ['bad-comment-end-of-line', '2:18', 'a comment'],
  ['bad-comment-after-value', '2:15', 'a comment'],
  ['bad-comment-tight', '2:14', 'a comment'],
  ['bad-comment-block', '1:1', 'a comment'],
  ['bad-comment-hash', '1:1', 'a comment'],
  ['bad-comment-in-list', '4:5', 'a comment'],
  ['bad-comment-after-object', '2:1', 'a comment'],
  ['bad-trailing-comma', '3:15', 'a comma before the closing `}`'],
  ['bad-trailing-comma-list', '4:15', 'a comma before the closing `]`'],
  ['bad-trailing-comma-one-line', '1:15', 'a comma before the closing `}`'],
  ['bad-trailing-comma-nested', '3:20', 'a comma before the closing `}`'],
  ['bad-double-comma', '2:22', 'expected a value, found `,`'],
  ['bad-lone-comma', '2:3', 'found `,`'],
  ['bad-missing-comma', '3:3', 'a comma is missing'],
  ['bad-missing-comma-list', '2:22', 'a comma is missing'],
  ['bad-missing-comma-crlf', '3:3', 'a comma is missing'],
  ['bad-missing-colon', '2:11', 'expected `:` after the key, found `true`'],
  ['bad-equals', '2:11', 'found `=`'],
  ['bad-missing-value', '2:11', 'expected a value, found `,`'],
  ['bad-missing-value-at-end', '3:1', 'expected a value, found `}`'],
  ['bad-unclosed-object', '5:1', 'the end of the file'],
  ['bad-unclosed-list', '3:1', 'expected `,` or `]`, found `}`'],
  ['bad-wrong-bracket', '2:21', 'expected `,` or `]`, found `}`'],
  ['bad-cut-off', '2:23', 'not closed'],
  ['bad-extra-brace', '4:1', 'after the closing `}`'],
  ['bad-unclosed-string', '2:16', 'not closed'],
  ['bad-single-quotes', '2:3', "found `'`"],
  ['bad-single-quoted-value', '2:17', "found `'`"],
  ['bad-curly-quotes', '2:3', 'found `“`'],
  ['bad-unquoted-key', '2:3', 'a key in double quotes, found `debug`'],
  ['bad-unquoted-value', '2:17', 'found `local`'],
  ['bad-unquoted-registry', '2:27', 'found `r1.lan`'],
  ['bad-python-true', '2:12', 'found `True`'],
  ['bad-undefined-word', '1:11', 'found `nul`'],
  ['bad-leading-zero', '2:10', 'found `01400`'],
  ['bad-hex-number', '2:10', 'found `0x578`'],
  ['bad-plus-number', '1:10', 'found `+1400`'],
  ['bad-dot-number', '1:8', 'found `.5`'],
  ['bad-nan', '1:7', 'found `NaN`'],
  ['bad-tab-in-string', '2:16', 'U+0009'],
  ['bad-nul-in-string', '2:17', 'U+0000'],
  ['bad-windows-path', '2:19', '`\\d` in a string'],
  ['bad-short-unicode-escape', '1:16', '`\\u` in a string'],
  ['bad-no-break-space', '2:1', 'U+00A0'],
  ['bad-zero-width-space', '2:17', 'U+200B'],
  ['bad-second-bom', '1:1', 'U+FEFF'],
  ['bad-appended-object', '4:1', 'after the closing `}`'],
  ['bad-appended-line', '2:1', 'after the closing `}`'],
  ['bad-no-braces', '1:1', 'expected `{`, found a string'],
  ['bad-list', '1:1', 'expected `{`, found `[`'],
  ['bad-string', '1:1', 'expected `{`, found a string'],
  ['bad-null', '1:1', 'expected `{`, found `null`'],
  ['bad-yaml', '1:1', 'found `debug`'],
  ['bad-html', '1:1', 'found `<!DOCTYPE`'],
  ['bad-merge-conflict', '2:1', 'found `<<<<<<<`'],
  ['bad-template', '2:28', 'found `{`'],
  ['bad-shell-escape', '1:2', 'found `\\`'],
  ['bad-column-after-unicode', '1:37', 'a comma is missing'],
  ['bad-column-after-tabs', '2:12', 'found `yes`'],
  ['bad-bom-column', '1:3', 'found `debug`'],
  ['bad-after-cr-only', '3:3', 'found `icc`'],
  ['bad-latin1', '2:20', 'not UTF-8'],
  ['bad-utf16le', '1:1', 'UTF-16'],
  ['bad-utf16be', '1:1', 'UTF-16'],
  ['bad-utf16-no-mark', '1:1', 'UTF-16'],
  ['bad-deep', '1:207', 'nesting'],
  ['bad-unclosed-deep', '1:1006', 'nesting'],
  ['bad-insecure-string', '3:26', 'not a list of strings'],
  ['bad-insecure-object', '2:26', 'not a list of strings'],
  ['bad-insecure-number', '2:42', 'not a list of strings'],
  ['bad-insecure-nested-list', '3:5', 'not a list of strings'],
];

test.each(refusals)('%s at %s: %s', (name, place, what) => {
  const [line, column] = place.split(':');
  for (const edit of [addToList, removeFromList]) {
    const act = () => edit(fixture(name), KEY, OURS, PATH);
    expect(act).toThrow(CliError);
    expect(act).toThrow(expect.objectContaining({ exitCode: 2 }));
    expect(act).toThrow(`${PATH}, line ${line}, column ${column}: `);
    expect(act).toThrow(what);
  }
});

test('every bad file is judged', () => {
  expect(refusals.map(([name]) => name).sort()).toEqual(names.filter((n) => n.startsWith('bad-')).sort());
});

test('setKeys does not check lists that it does not set', () => {
  const after = setKeys(fixture('bad-insecure-string'), { 'registry-mirrors': [] }, PATH);
  expect(parsed(after)).toEqual({ debug: true, [KEY]: 'r1.lan:5000', 'registry-mirrors': [] });
});

test('an error shows no value of the file', () => {
  const bytes = Buffer.from('{"proxies": {"http-proxy": "http://u:hunter2@proxy:3128" "x": 1}}');
  expect(() => parseDaemonJson(bytes, PATH)).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
  );
});

describe('new text', () => {
  const add = (text: string | undefined, key = KEY) =>
    addToList(text === undefined ? undefined : Buffer.from(text), key, OURS).toString();
  const tidy = `{\n  "${KEY}": [\n    "${OURS}"\n  ]\n}\n`;

  test.each([
    ['no file', undefined, tidy],
    ['an empty file', '', tidy],
    ['blanks', ' \r\n', tidy.replaceAll('\n', '\r\n')],
    ['an empty object', '{}', tidy.trimEnd()],
    ['four spaces', '{\n    "a": 1\n}', `{\n    "a": 1,\n    "${KEY}": [\n        "${OURS}"\n    ]\n}`],
    [
      'tabs and CRLF',
      '{\r\n\t"a": 1\r\n}\r\n',
      `{\r\n\t"a": 1,\r\n\t"${KEY}": [\r\n\t\t"${OURS}"\r\n\t]\r\n}\r\n`,
    ],
    ['lists on one line', '{\n  "a": ["b"]\n}\n', `{\n  "a": ["b"],\n  "${KEY}": ["${OURS}"]\n}\n`],
    ['one line', '{"a": 1}', `{"a": 1, "${KEY}": ["${OURS}"]}`],
    ['one tight line', '{"a":1}', `{"a":1,"${KEY}":["${OURS}"]}`],
    [
      'commas first',
      '{\n    "a": 1\n  , "b": 2\n}',
      `{\n    "a": 1\n  , "b": 2\n  , "${KEY}": [\n    "${OURS}"\n  ]\n}`,
    ],
    ['null', `{ "${KEY}": null }`, `{ "${KEY}": ["${OURS}"] }`],
    ['an empty list', `{\n  "${KEY}": []\n}`, `{\n  "${KEY}": ["${OURS}"]\n}`],
    ['a list', `{\n  "${KEY}": [\n    "a"\n  ]\n}`, `{\n  "${KEY}": [\n    "a",\n    "${OURS}"\n  ]\n}`],
  ])('%s', (_, before, after) => expect(add(before)).toBe(after));

  test('other values, set at once', () => {
    const keys = {
      'registry-mirrors': ['https://a', 'https://b'],
      features: { buildkit: true },
      debug: false,
    };
    expect(setKeys(undefined, keys).toString()).toBe(`${JSON.stringify(keys, null, 2)}\n`);
    expect(setKeys(Buffer.from('{"a": 1}'), keys).toString()).toBe(
      '{"a": 1, "registry-mirrors": ["https://a", "https://b"], "features": {"buildkit": true}, "debug": false}',
    );
  });

  test('a value that is there is replaced in its place, and only when it differs', () => {
    const before = Buffer.from('{\n  "mtu" : 1.4e3,\n  "dns": [ "a" ],\n  "icc": true\n}\n');
    expect(setKeys(before, { mtu: 1400, dns: ['a'] })).toBe(before);
    expect(setKeys(before, { mtu: 1500, icc: undefined }).toString()).toBe(
      '{\n  "mtu" : 1500,\n  "dns": [ "a" ]\n}\n',
    );
  });
});

describe('removal', () => {
  const remove = (text: string, entry = OURS) => removeFromList(Buffer.from(text), KEY, entry).toString();

  test.each([
    ['the only one', `{"${KEY}": ["${OURS}"]}`, `{"${KEY}": []}`],
    ['the only one, on its line', `{\n  "${KEY}": [\n    "${OURS}"\n  ]\n}`, `{\n  "${KEY}": []\n}`],
    ['the first', `{"${KEY}": ["${OURS}", "a"]}`, `{"${KEY}": ["a"]}`],
    ['one between', `{"${KEY}": ["a",\n "${OURS}",\n "b"]}`, `{"${KEY}": ["a",\n "b"]}`],
    ['the last', `{"${KEY}": [\n "a",\n "${OURS}"\n]}`, `{"${KEY}": [\n "a"\n]}`],
    ['one written with escapes', `{"${KEY}": ["reg.example\\u003a5000", "a"]}`, `{"${KEY}": ["a"]}`],
    ['each of two', `{"${KEY}": ["${OURS}", "a", "${OURS}"]}`, `{"${KEY}": ["a"]}`],
  ])('%s', (_, before, after) => expect(remove(before)).toBe(after));

  test('of two keys the last is the one that dockerd takes', () => {
    const before = fixture('ok-insecure-duplicate-key');
    expect(remove(before.toString(), 'last.lan:5000')).toBe(before.toString().replace('"last.lan:5000"', ''));
    expect(removeFromList(before, KEY, 'first.lan:5000')).toBe(before);
    expect(parsed(setKeys(before, { [KEY]: undefined }))).toEqual({ debug: false });
  });

  test.each(['{}', '{"debug": true}', `{"${KEY}": null}`, `{"${KEY}": []}`, '', '\ufeff'])(
    'nothing to do: %j',
    (text) => {
      const before = Buffer.from(text);
      expect(removeFromList(before, KEY, OURS)).toBe(before);
    },
  );
});

test('reports a byte order mark: Docker 20.10 does not start with one', () => {
  expect(parseDaemonJson(fixture('ok-bom'), PATH)).toMatchObject({ bom: true, value: { debug: false } });
  expect(parseDaemonJson(undefined, PATH)).toEqual({ bom: false, value: {} });
});

test('1 MB', () => {
  const labels = Array.from({ length: 20_000 }, (_, i) => `host.${i}.example=${'x'.repeat(30)}`);
  const before = Buffer.from(
    JSON.stringify({ labels, [KEY]: ['a:1'], 'log-opts': { tag: 'y'.repeat(100_000) } }, null, 2),
  );
  expect(before.length).toBeGreaterThan(1_000_000);
  const start = performance.now();
  checkEdits(before);
  expect(performance.now() - start).toBeLessThan(3_000);
});

// Seeded, so that a failure is found again.
function randomFrom(seed: number) {
  let state = seed;
  const below = (n: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  const pick = <T>(of: readonly T[]) => of[below(of.length)] as T;
  const some = <T>(most: number, make: () => T) => Array.from({ length: below(most + 1) }, make);
  return { below, pick, some };
}

type Random = ReturnType<typeof randomFrom>;

const pieces = [
  'a',
  'reg:5000',
  'ü🐳',
  '"',
  '\\a', // alone as a key, the V8 of Node 24 and 26 takes the next key with an escape for it
  ']}',
  ',',
  ': ',
  '\n\t',
  '\u0000',
  '\u2028',
  '// x',
  `${KEY}2`,
];
const scalars = ['0', '-1', '1e3', '0.5E-2', 'true', 'false', 'null', '123456789012345678901'];
const escaped = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;

function randomString({ below, pick, some }: Random): string {
  const text = some(3, () => pick(pieces)).join('');
  return below(4) ? JSON.stringify(text) : `"${text.split('').map(escaped).join('')}"`;
}

/** JSON text with blanks of the chosen sorts wherever JSON allows them, and `members` among those of the object. */
function randomObject(
  random: Random,
  blanks: readonly string[],
  depth: number,
  members: string[] = [],
): string {
  const { below, pick, some } = random;
  const gap = () => pick(blanks);
  const value = (): string => {
    const sort = below(depth > 0 ? 8 : 5);
    if (sort < 3) return pick(scalars);
    if (sort < 5) return randomString(random);
    if (sort < 6) return randomObject(random, blanks, depth - 1);
    return `[${some(3, () => gap() + value() + gap()).join(',') || gap()}]`;
  };
  const others = some(3, () => `${randomString(random)}${gap()}:${gap()}${value()}`);
  const all = [...others, ...members].sort(() => below(3) - 1);
  return `{${all.map((member) => gap() + member + gap()).join(',') || gap()}}`;
}

test('any object, in any layout', () => {
  const layouts = [
    [''],
    [' '],
    ['', ' '],
    ['\n', '\n  '],
    ['\r\n\t', ' '],
    ['\n    '],
    ['', ' ', '\n', '\r\n', '\t', '\r', '\n\n  '],
  ];
  for (let seed = 1; seed <= 3_000; seed++) {
    const random = randomFrom(seed);
    const layout = random.pick(layouts);
    const gap = () => random.pick(layout);
    const lists = random.some(2, () => {
      const entries = random.some(3, () => gap() + randomString(random) + gap());
      return `"${KEY}":${gap()}[${entries.join(',') || gap()}]`;
    });
    const text = gap() + randomObject(random, layout, 3, lists) + gap();
    try {
      checkEdits(Buffer.from((random.below(5) ? '' : '\ufeff') + text));
    } catch (error) {
      throw new Error(`seed ${seed}: ${JSON.stringify(text)}`, { cause: error });
    }
  }
});

test('accepts exactly what JSON.parse accepts', () => {
  const spoilers = [...'{}[],:"\\0e-.u\n\u0001\u00a0', '', 'null', '//'];
  const counts = { taken: 0, refused: 0 };
  for (let seed = 1; seed <= 20_000; seed++) {
    const random = randomFrom(seed);
    const text = [...randomObject(random, ['', ' ', '\n'], 2)];
    for (let i = random.below(3); i > 0; i--) {
      text.splice(random.below(text.length + 1), random.below(2), random.pick(spoilers));
    }
    const bytes = Buffer.from(text.join(''));
    let value: unknown;
    try {
      value = JSON.parse(bytes.toString());
    } catch {
      if (!isBlank(bytes)) expect(() => parsed(bytes), `seed ${seed}: ${bytes}`).toThrow(CliError);
      counts.refused++;
      continue;
    }
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      expect(parsed(bytes), `seed ${seed}: ${bytes}`).toEqual(value);
      counts.taken++;
    }
  }
  expect(Math.min(counts.taken, counts.refused)).toBeGreaterThan(5_000);
});
