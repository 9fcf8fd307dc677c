// Files in YAML: read with line and column, filled without losing a comment.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse, parseDocument } from 'yaml';
import { CliError } from '../../src/errors.ts';
import { digestOf, editSettings, fillTemplate, readYaml } from '../../src/templates.ts';

const folder = new URL('../../templates/', import.meta.url);
const comments = (text: string) => text.split('\n').filter((line) => line.trim().startsWith('#'));

describe('the templates', () => {
  const names = readdirSync(folder).filter((name) => name.endsWith('.yml'));

  test.each(names)('%s is valid by itself, and as it would be written', (name) => {
    const text = readFileSync(new URL(name, folder), 'utf8');
    expect(parseDocument(text).errors).toEqual([]);
    expect(comments(text).length).toBeGreaterThan(0);
    if (parse(text)) expect(fillTemplate(name, {})).toBe(text);
  });

  test('config.yml: values go in, comments and the rest stay', () => {
    const before = readFileSync(new URL('config.yml', folder), 'utf8');
    const auth = { htpasswd: { realm: 'reg.example', path: '/auth/htpasswd' } };
    const text = fillTemplate('config.yml', {
      'http.secret': 'ab: c#d',
      'storage.delete.enabled': false,
      auth,
    });
    expect(comments(text)).toEqual(comments(before));
    expect(parse(text)).toEqual({
      ...parse(before),
      http: { ...parse(before).http, secret: 'ab: c#d' },
      storage: { ...parse(before).storage, delete: { enabled: false } },
      auth,
    });
  });

  test('a key that is not wanted is removed', () => {
    expect(parse(fillTemplate('config.yml', { health: undefined })).health).toBeUndefined();
  });
});

describe('YAML that a user wrote', () => {
  test.each([
    ['a: 1\nb: [1', 'line 2, column 6'],
    ['host: x\nhost: y\n', 'line 2, column 1: Map keys must be unique'],
    ['host: a: b', 'line 1, column 7: Nested mappings'],
    ['\thost: x', 'line 1, column 1: Tabs are not allowed as indentation'],
    ['a: 1\n---\nb: 2', 'line 2, column 1'],
    ['a: "x', 'line 1, column 6'],
  ])('%j tells where: %s', (text, wanted) => {
    expect(() => readYaml(text, 'a.yml')).toThrow(`a.yml, ${wanted}`);
    expect(() => readYaml(text, 'a.yml')).toThrow(expect.objectContaining({ exitCode: 2 }));
  });

  test.each([
    'a: *nowhere',
    `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefgh'
      .split('')
      .map((k, i) => `${k}: &${k} [${`*${'abcdefgh'[i]},`.repeat(9)}]`)
      .join('\n')}`,
  ])('a dangling or exploding alias is bad input, not a bug: %#', (text) =>
    expect(() => readYaml(text, 'a.yml')).toThrow(CliError),
  );

  test('is read as it is', () => {
    expect(readYaml('a: 1\nb: [x, "2"]\nc: yes\n', '')).toEqual({ a: 1, b: ['x', '2'], c: 'yes' });
    expect(readYaml('', '')).toBeNull();
    expect(readYaml('# nothing\n', '')).toBeNull();
  });
});

describe('settings.yml', () => {
  const values = { host: 'a.example', port: 5000, user: ['admin', 'ci'], delete: true };

  test('a new one is the template with the values below it', () => {
    const text = editSettings(undefined, values);
    expect(parse(text)).toEqual(values);
    expect(comments(text)).toEqual(comments(readFileSync(new URL('settings.yml', folder), 'utf8')));
    expect(text.split('\n').every((line) => line.length < 140)).toBe(true);
  });

  const byHand = `# mine\nuser: # people\n  - admin   # me\n  - 'ci'\n\nport:   5000\nhost: "a.example" # do not move\ndelete: true\n`;

  test('one that was edited by hand keeps every byte when nothing differs', () => {
    expect(editSettings(byHand, values)).toBe(byHand);
    expect(editSettings(editSettings(undefined, values), values)).toBe(editSettings(undefined, values));
  });

  test('changes only what differs, and keeps what the user wrote', () => {
    const text = editSettings(byHand, { ...values, port: 30001 });
    expect(parse(text)).toEqual({ ...values, port: 30001 });
    for (const comment of ['# mine', '# people', '# me', '# do not move']) expect(text).toContain(comment);
    expect(Object.keys(parse(text))).toEqual(['user', 'port', 'host', 'delete']);
  });

  test('new settings are added at the end, unknown ones are removed', () => {
    const text = editSettings(`${byHand}old: 1\n`, { ...values, bind: '::1' });
    expect(parse(text)).toEqual({ ...values, bind: '::1' });
    expect(text.trimEnd().split('\n').at(-1)).toMatch(/^bind: /);
  });

  test('an empty file is filled', () => {
    for (const empty of ['', '# only this\n']) expect(parse(editSettings(empty, values))).toEqual(values);
    expect(editSettings('# only this\n', values)).toContain('# only this');
  });

  test('values that look like something else stay what they are', () => {
    const odd = { host: '10.0.0.1', user: ['yes', '007', '1e3', 'null', '#x'], image: '@x', name: 'a: b' };
    expect(parse(editSettings(undefined, odd))).toEqual(odd);
    expect(parse(editSettings(byHand, odd))).toEqual(odd);
  });
});

test('a digest differs for different content, also if only the split into parts differs', () => {
  expect(digestOf('a', 'b')).toBe(digestOf('a', 'b'));
  expect(digestOf('a', 'b')).not.toBe(digestOf('ab'));
  expect(digestOf('a', 'b')).not.toBe(digestOf('b', 'a'));
  expect(digestOf('a')).toMatch(/^[0-9a-f]{32}$/);
});
