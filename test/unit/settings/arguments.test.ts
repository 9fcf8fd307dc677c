// What the person said, and where.
import { describe, expect, test } from 'vitest';
import { InputError } from '../../../src/errors.ts';
import { nearest, readAnswers, readArguments, readEnvironment } from '../../../src/settings/arguments.ts';
import { COMMANDS, FLAG_NAMES, flag, spelled, takes } from '../../../src/settings/flags.ts';

const words = (line: string) => line.split(' ').filter(Boolean);
const read = (line: string) => readArguments(words(line));
const values = (line: string) =>
  Object.fromEntries(Object.entries(read(line).answers).map(([name, { value }]) => [name, value]));

/** Everything that is wrong, as a person reads it. */
function complaint(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    expect((error as InputError).exitCode).toBe(2);
    return (error as InputError).message;
  }
  return 'nothing is wrong';
}

describe('the command line', () => {
  test.each<[string, Record<string, unknown>]>([
    ['', {}],
    ['--host a.example --port 30001', { host: 'a.example', port: 30001 }],
    ['--host=a.example', { host: 'a.example' }],
    ['--user admin --user ci,dev', { user: ['admin', 'ci', 'dev'] }],
    ['--user admin,', { user: ['admin'] }],
    ['--no-delete', { delete: false }],
    ['--delete', { delete: true }],
    ['--no-color --yes', { color: false, yes: true }],
    ['-y -q', { yes: true, quiet: true }],
    ['-yq', { yes: true, quiet: true }],
    ['-hV', { help: true, version: true }],
    ['--host=', { host: '' }],
    ['--port 5000 --port 5001', { port: 5001 }],
  ])('%s', (line, wanted) => expect(values(line)).toEqual(wanted));

  test.each([
    ['', 'setup', []],
    ['--yes', 'setup', []],
    ['status --json', 'status', []],
    ['--json status', 'status', []],
    ['--client', 'client', []],
    ['client', 'client', []],
    ['user add ci', 'user', ['add', 'ci']],
    ['user add ci dev --yes', 'user', ['add', 'ci', 'dev']],
  ])('"%s" is for %s', (line, command, operands) => expect(read(line)).toMatchObject({ command, operands }));

  test('where each was said is known', () => {
    expect(read('--port 1 -y --no-delete').answers).toMatchObject({
      port: { where: '--port' },
      yes: { where: '--yes' },
      delete: { where: '--no-delete' },
    });
  });

  test.each([
    ['--prot 1', '--prot: there is no such flag; did you mean --port?'],
    ['--usr x', '--usr: there is no such flag; did you mean --user?'],
    ['--zzzzzzzz', '--zzzzzzzz: there is no such flag'],
    ['-x', '-x: there is no such flag'],
    ['-yx', '-x: there is no such flag'],
    ['--no-host', '--no-host: there is no such flag'],
    ['--no-delte', '--no-delte: there is no such flag; did you mean --no-delete?'],
    ['--password geheim', '--password: there is no such flag'],
    ['--port', '--port: needs a value: --port PORT'],
    ['--host --yes', '--host: needs a value: --host NAME|IP'],
    ['--port 80a', '--port: takes a whole number, not "80a"'],
    ['--port -1', '--port: takes a whole number, not "-1"'],
    ['--port 5e3', '--port: takes a whole number, not "5e3"'],
    ['--auth ldap', '--auth: is none, htpasswd, token, not "ldap"'],
    ['--yes=no', '--yes: takes no value, so not "no"'],
    ['--no-delete=1', '--no-delete: takes no value, so not "1"'],
    ['status --host a', '--host: "status" does not take it'],
    ['stats', 'stats: there is no such command; did you mean "status"?'],
    ['frobnicate', 'frobnicate: there is no such command'],
  ])('%s → %s', (line, wanted) =>
    expect(complaint(() => read(line)).split('; did')[0]).toBe(wanted.split('; did')[0]),
  );

  test('names the nearest flag, and only where one is near', () => {
    expect(complaint(() => read('--prot 1'))).toContain('did you mean --port?');
    expect(complaint(() => read('--no-delte'))).toContain('did you mean --no-delete?');
    expect(complaint(() => read('--zzzzzzzz'))).not.toContain('did you mean');
    expect(nearest('uninstal', COMMANDS)).toBe('uninstall');
  });

  test('every problem at once', () => {
    const said = complaint(() => read('--auth ldap --prot 1 --port x --host'));
    for (const name of ['--prot', '--port', '--host', '--auth']) expect(said).toContain(`${name}: `);
  });

  test('the value of an unknown flag is not taken for a command', () => {
    expect(complaint(() => read('--prot 5000'))).not.toContain('5000');
  });

  test('what is wrong with a password flag does not show the password', () => {
    expect(complaint(() => read('--password geheim'))).not.toContain('geheim');
    expect(complaint(() => read('--password=geheim'))).not.toContain('geheim');
  });
});

describe('the environment', () => {
  test('has the names of the flags, in the flag’s own type', () => {
    const env = {
      REGISTRY_SETUP_HOST: 'a.example',
      REGISTRY_SETUP_PORT: '30001',
      REGISTRY_SETUP_USER: 'admin,ci',
      REGISTRY_SETUP_DELETE: 'false',
      REGISTRY_SETUP_PASSWORD_FILE: '/x',
      REGISTRY_SETUP_YES: '1',
      REGISTRY_SETUP_BIND: '',
      OTHER: 'x',
    };
    const answers = readEnvironment('setup', env);
    expect(Object.fromEntries(Object.entries(answers).map(([name, { value }]) => [name, value]))).toEqual({
      host: 'a.example',
      port: 30001,
      user: ['admin', 'ci'],
      delete: false,
      'password-file': '/x',
      yes: true,
    });
    expect(answers.port?.where).toBe('REGISTRY_SETUP_PORT');
  });

  test('says nothing to a command that does not take it', () => {
    expect(readEnvironment('status', { REGISTRY_SETUP_HOST: 'x', REGISTRY_SETUP_PORT: 'nonsense' })).toEqual(
      {},
    );
  });

  test('a value of the wrong kind names the variable', () => {
    expect(
      complaint(() => readEnvironment('setup', { REGISTRY_SETUP_PORT: 'x', REGISTRY_SETUP_YES: 'oui' })),
    ).toBe(
      'REGISTRY_SETUP_PORT: takes a whole number, not "x"\nREGISTRY_SETUP_YES: takes true or false, not "oui"',
    );
  });
});

describe('an answers file', () => {
  const answers = (value: unknown) => readAnswers('a.yml', value);

  test('takes the names of the flags', () => {
    expect(answers({ host: 'a', port: 1, user: ['x', 'y'], delete: false, dir: '/srv/r' })).toMatchObject({
      host: { value: 'a', where: 'a.yml: host' },
      port: { value: 1 },
      user: { value: ['x', 'y'] },
      delete: { value: false },
      dir: { value: '/srv/r' },
    });
    expect(answers({ 'no-delete': true, port: '80', user: 'x, y' })).toMatchObject({
      delete: { value: false },
      port: { value: 80 },
      user: { value: ['x', 'y'] },
    });
  });

  test('an empty one says nothing', () => {
    expect(answers(null)).toEqual({});
    expect(answers(undefined)).toEqual({});
  });

  test.each<[unknown, string]>([
    [['host'], 'a.yml: is a list of "name: value" lines, the names are those of the flags'],
    ['host', 'a.yml: is a list of "name: value" lines, the names are those of the flags'],
    [{ prot: 1 }, 'a.yml: prot: there is no such setting; did you mean port?'],
    [{ password: 'geheim' }, 'a.yml: password: there is no such setting (passwords: --password-file)'],
    [{ 'password-file': 'x' }, 'a.yml: password-file: there is no such setting (passwords: --password-file)'],
    [{ yes: true }, 'a.yml: yes: there is no such setting'],
    [{ port: [1] }, 'a.yml: port: takes one value, not [1]'],
    [{ port: 1.5 }, 'a.yml: port: takes a whole number, not "1.5"'],
    [{ host: null }, 'a.yml: host: takes one value, not nothing'],
    [{ host: true }, 'a.yml: host: takes one value, not true'],
    [{ delete: 'perhaps' }, 'a.yml: delete: takes true or false, not "perhaps"'],
    [{ delete: 3 }, 'a.yml: delete: takes true or false, not 3'],
    [{ user: null }, 'a.yml: user: takes a list of words'],
    [{ user: { name: 'x' } }, 'a.yml: user: takes a list of words'],
    [{ user: [['x']] }, 'a.yml: user: takes a list of words'],
    [{ user: true }, 'a.yml: user: takes a list of words'],
    [{ tls: 'yes' }, 'a.yml: tls: is insecure, self-signed, ca-signed, not "yes"'],
  ])('%j → %s', (value, wanted) => expect(complaint(() => answers(value))).toBe(wanted));

  test('every problem at once, and no password', () => {
    const said = complaint(() => answers({ password: 'geheim', port: 'x', zzz: 1 }));
    expect(said.split('\n')).toHaveLength(3);
    expect(said).not.toContain('geheim');
  });
});

test('every setting can be asked for by flag, by variable and in the file', () => {
  for (const name of FLAG_NAMES.filter((f) => flag(f).setting)) {
    const { kind, choices } = flag(name);
    const text = choices?.[0] ?? (kind === 'number' ? '7' : kind === 'switch' ? 'true' : 'word');
    const value = { number: 7, switch: true, list: [text], text, choice: text, file: text }[kind];
    const command = COMMANDS.find((c) => takes(c, name)) ?? 'setup';
    const variable = `REGISTRY_SETUP_${name.toUpperCase().replaceAll('-', '_')}`;
    expect(readEnvironment(command, { [variable]: text })[name]?.value, variable).toEqual(value);
    expect(readAnswers('f', { [name]: value })[name]?.value, name).toEqual(value);
    const argv = [command, ...(kind === 'switch' ? [spelled(name)] : [spelled(name), text])];
    const wanted = kind === 'switch' ? !flag(name).on : value;
    expect(
      readArguments(command === 'setup' ? argv.slice(1) : argv).answers[name]?.value,
      argv.join(' '),
    ).toEqual(wanted);
  }
});
