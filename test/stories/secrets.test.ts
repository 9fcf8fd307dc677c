// A secret is never printed, whatever prints it.
import { format, inspect } from 'node:util';
import { expect, test } from 'vitest';
import { CliError } from '../../src/errors.ts';
import { Secret } from '../../src/secret.ts';
import { HASHES } from '../../src/server/auth/htpasswd.ts';
import { masked, unifiedDiff } from '../../src/terminal/diff.ts';
import { errorDocument, errorLines } from '../../src/terminal/output.ts';

const VALUE = 'correct horse';
const secret = new Secret(VALUE);
const plain = (_: string, text: string) => text;

test.each<[string, () => string]>([
  ['a template', () => `${secret}`],
  ['a sum', () => `x ${String(secret)}`],
  ['JSON', () => JSON.stringify({ secret })],
  ['JSON of a list', () => JSON.stringify([...new Map([['admin', secret]])])],
  ['inspect', () => inspect(secret, { showHidden: true, depth: 9 })],
  ['inspect of what holds it', () => inspect({ a: [new Map([['x', secret]])] }, { depth: 9 })],
  ['console', () => format('%s %o %O %j', secret, secret, secret, secret)],
  ['its keys', () => JSON.stringify(Object.getOwnPropertyDescriptors(secret))],
  ['an error', () => errorLines(new CliError(`no ${secret}`, { why: `${secret}` }), true, plain).join()],
  ['a bug', () => errorLines(new Error(`no ${secret}`), true, plain).join()],
  [
    'an error as JSON',
    () => JSON.stringify(errorDocument(new CliError(`no ${secret}`, { fix: [`${secret}`] }))),
  ],
])('by %s', (_, print) => {
  expect(print()).not.toContain(VALUE);
  expect(print()).not.toContain('horse');
});

test('reveal() returns the secret', () => {
  expect(secret.reveal()).toBe(VALUE);
  expect(`${secret}`).toBe('[secret]');
});

const MASK = { pattern: '(?<=^key: ).+$' };

test.each([
  ['key: one', 'key: [secret]'],
  ['a: 1\nkey: one two\nb: 2', 'a: 1\nkey: [secret]\nb: 2'],
  ['key: one\r\nb: 2\r\n', 'key: [secret]\r\nb: 2\r\n'],
  ['nothing', 'nothing'],
])('masked: %j', (text, wanted) => expect(masked(text, MASK)).toBe(wanted));

test('masked: everything, and nothing', () => {
  expect(masked('x', 'all')).toBe('[secret]');
  expect(masked('x', undefined)).toBe('x');
});

test.each([
  'admin:$2b$10$abcdefghijklmnopqrstuv',
  'admin:$2y$05$x',
  'an admin:$2b$10$x',
  'admin:$apr1$salt$hash',
  'admin:{SHA}x',
  'admin:geheim',
  '#admin:$2b$10$x',
])('what follows a name in htpasswd: %s', (line) => {
  const shown = masked(`first:$2b$05$x\n${line}\n\nlast:$2b$05$x\r\n`, { pattern: HASHES });
  expect(shown).toBe(`first:[secret]\n${line.split(':')[0]}:[secret]\n\nlast:[secret]\r\n`);
});

test('a diff shows no secret on any side, nor in the lines around', () => {
  const before = 'key: old-secret\nname: a\nother: 1\n';
  const after = 'key: new-secret\nname: b\nother: 1\n';
  for (const [from, to] of [
    [before, after],
    [undefined, after],
    [before, undefined],
  ] as const) {
    const shown = unifiedDiff('/x', from, to, MASK).join('\n');
    expect(shown).not.toMatch(/(old|new)-secret/);
    expect(shown).toContain('key: [secret]');
  }
  expect(unifiedDiff('/x', before, after, 'all').join()).toBe('/x: [secret]');
});

test('a diff is one that patch(1) takes', () => {
  expect(unifiedDiff('/x', 'a\nb\nc\nd\ne\nf\n', 'a\nb\nc\nD\ne\nf\n')).toEqual([
    '--- /x',
    '+++ /x',
    '@@ -2,5 +2,5 @@',
    ' b',
    ' c',
    '-d',
    '+D',
    ' e',
    ' f',
  ]);
});
