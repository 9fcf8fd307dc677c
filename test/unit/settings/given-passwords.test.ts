// Passwords that were given: whose they are, and that nothing says them again.
import { describe, expect, test } from 'vitest';
import type { InputError } from '../../../src/errors.ts';
import { givenPasswords } from '../../../src/settings/given-passwords.ts';
import { fakeHost } from '../../helpers/fake-host.ts';

async function given(text: string | undefined, users: string[]) {
  const host = fakeHost();
  if (text !== undefined) host.put('/secret', text);
  const answers = { 'password-file': { value: '/secret', where: '--password-file' } };
  const passwords = await givenPasswords(answers, {}, host, users);
  return Object.fromEntries([...passwords].map(([name, password]) => [name, password.reveal()]));
}

describe('assigns each password to its user', () => {
  test.each<[string, string[], Record<string, string>]>([
    ['geheim', ['admin'], { admin: 'geheim' }],
    ['geheim\n', ['admin'], { admin: 'geheim' }],
    ['geheim\r\n', ['admin'], { admin: 'geheim' }],
    ['\uFEFFgeheim\n', ['admin'], { admin: 'geheim' }],
    ['geheim\n', ['admin', 'ci'], { admin: 'geheim' }],
    [' spaces stay \n', ['admin'], { admin: ' spaces stay ' }],
    ['with:colon', ['admin'], { admin: 'with:colon' }],
    ['admin:one', ['admin'], { admin: 'one' }],
    ['ci:two', ['admin', 'ci'], { ci: 'two' }],
    ['ci:two\nadmin:o:n:e\n\n', ['admin', 'ci', 'dev'], { admin: 'o:n:e', ci: 'two' }],
  ])('%j for %j', async (text, users, wanted) => expect(await given(text, users)).toEqual(wanted));

  test('from the environment, where no file is given', async () => {
    const env = { REGISTRY_SETUP_PASSWORD: 'geheim' };
    const passwords = await givenPasswords({}, env, fakeHost(), ['admin']);
    expect(passwords.get('admin')?.reveal()).toBe('geheim');
    expect((await givenPasswords({}, {}, fakeHost(), ['admin'])).size).toBe(0);
  });
});

describe('an error names the line and never shows its text', () => {
  test.each<[string | undefined, string[], string]>([
    [undefined, ['admin'], '--password-file: there is no file /secret'],
    ['', ['admin'], '--password-file: a password cannot be empty'],
    ['\n', ['admin'], '--password-file: a password cannot be empty'],
    ['admin:', ['admin'], '--password-file: a password cannot be empty'],
    ['hunter2-'.repeat(10), ['admin'], '--password-file: a password has at most 72 bytes; this one has 80'],
    ['hunter2\nhunter3', ['admin'], '--password-file, line 1: is not NAME:PASSWORD of a user who may log in'],
    ['admin:ok\n\nci:hunter2', ['admin', 'ci'], '--password-file, line 2: is not NAME:PASSWORD'],
    ['admin:ok\nhunter2:hunter3', ['admin'], '--password-file, line 2: is not NAME:PASSWORD'],
    ['hunter2\u0007', ['admin'], '--password-file: a password cannot contain control characters'],
    ['hunter2', [], '--password-file: is not NAME:PASSWORD'],
  ])('%j for %j', async (text, users, wanted) => {
    const error: InputError = await given(text, users).then(
      () => expect.unreachable(),
      (e) => e,
    );
    expect(error.message).toContain(wanted);
    expect(error.exitCode).toBe(2);
    expect(JSON.stringify([error.message, error.fix, error.problems])).not.toContain('hunter');
  });
});
