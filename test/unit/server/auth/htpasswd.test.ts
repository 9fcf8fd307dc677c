// Lines of an htpasswd file. The oracle is `htpasswd` of Apache, where it is installed.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../../../src/secret.ts';
import {
  generatePassword,
  hashesOf,
  hashGenerated,
  htpasswdText,
  passwordFits,
  readHtpasswd,
} from '../../../../src/server/auth/htpasswd.ts';
import { temporaryDirectory } from '../../../helpers/tmp.ts';

const PASSWORDS = [
  'x',
  ' spaces ',
  'a:b',
  'ünïcödé',
  '密码',
  '🗝️',
  '"\'`$(rm)\\',
  '#!',
  '%s%00',
  'ü'.repeat(36),
];
const cost = (hash: string) => Number(hash.split('$')[2]);
const withoutApache =
  spawnSync('htpasswd', ['-h']).error && 'htpasswd is not installed (apt-get install apache2-utils)';

describe('a hash', () => {
  test('costs 10 for a chosen password, 5 for a generated one', async () => {
    expect((await hashesOf([{ password: new Secret('x') }])).map(cost)).toEqual([10]);
    expect(cost(await hashGenerated(generatePassword()))).toBe(5);
  });

  test('many at once: each fits its own password; one that fits already stays, and so does one of this run', async () => {
    const chosen = PASSWORDS.map((text) => ({ password: new Secret(text), before: undefined }));
    const hashes = await hashesOf(chosen);
    for (const [i, { password }] of chosen.entries())
      expect(await passwordFits(password, hashes[i] as string)).toBe(true);
    expect(await hashesOf(chosen)).toEqual(hashes);
    const again = PASSWORDS.map((text, i) => ({
      password: new Secret(text),
      before: hashes[(i + (i % 2)) % 10],
    }));
    const kept = await hashesOf(again);
    for (const [i, { password }] of again.entries()) {
      expect(kept[i] === hashes[i]).toBe(i % 2 === 0);
      expect(await passwordFits(password, kept[i] as string)).toBe(true);
    }
  });

  test.each(PASSWORDS)('fits its password %s and no other', async (text) => {
    const hash = await hashGenerated(new Secret(text));
    expect(await passwordFits(new Secret(text), hash)).toBe(true);
    expect(await passwordFits(new Secret(`${text.slice(1)}y`), hash)).toBe(false);
  });

  test('Apache agrees', async (context) => {
    if (withoutApache) return context.skip(withoutApache);
    const file = join(temporaryDirectory(), 'htpasswd');
    const logins = await Promise.all(
      PASSWORDS.map(async (text, i) => ({ name: `u${i}`, hash: await hashGenerated(new Secret(text)) })),
    );
    writeFileSync(file, htpasswdText(logins));
    const verify = (name: string, text: string) =>
      spawnSync('htpasswd', ['-vi', file, name], { input: text, encoding: 'utf8' }).status;
    PASSWORDS.forEach((text, i) => {
      expect(verify(`u${i}`, text), text).toBe(0);
      expect(verify(`u${i}`, `y${text.slice(1)}`), text).not.toBe(0);
    });
  });

  test('a hash that Apache made is accepted', async (context) => {
    if (withoutApache) return context.skip(withoutApache);
    const { stdout } = spawnSync('htpasswd', ['-niBC', '5', 'admin'], { input: 'geheim', encoding: 'utf8' });
    const [login] = readHtpasswd(stdout);
    expect(login?.name).toBe('admin');
    expect(await passwordFits(new Secret('geheim'), login?.hash ?? '')).toBe(true);
  });
});

test('a generated password has 128 random bits and more, no look-alikes, and no sign that a shell reads', () => {
  const made = Array.from({ length: 300 }, () => generatePassword().reveal());
  expect(new Set(made).size).toBe(300);
  for (const text of made) expect(text).toMatch(/^([a-hj-km-np-z2-9]{7}-){3}[a-hj-km-np-z2-9]{7}$/);
  const signs = new Set(made.join('').replaceAll('-', ''));
  expect(28 * Math.log2(signs.size)).toBeGreaterThan(128);
  // Every sign at every place: a die that is not loaded.
  const counts = [...signs].map((sign) => made.join('').split(sign).length - 1);
  expect(Math.min(...counts)).toBeGreaterThan(150);
});

test('reading skips the lines that the registry skips', () => {
  const text =
    '# a comment\n\nadmin:$2b$10$one\r\n ci:$2y$05$two \nold:$apr1$x\nplain:geheim\n:$2b$10$x\nnocolon\n';
  expect(readHtpasswd(text)).toEqual([
    { name: 'admin', hash: '$2b$10$one' },
    { name: 'ci', hash: '$2y$05$two' },
  ]);
  expect(readHtpasswd('')).toEqual([]);
});

test('writing and reading are each other’s opposite', () => {
  const logins = [
    { name: 'a', hash: '$2b$05$x' },
    { name: 'b.c', hash: '$2y$10$y' },
  ];
  expect(readHtpasswd(htpasswdText(logins))).toEqual(logins);
  expect(htpasswdText(logins)).toBe('a:$2b$05$x\nb.c:$2y$10$y\n');
});
