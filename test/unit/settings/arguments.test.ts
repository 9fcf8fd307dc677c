// What the person said, and where.
import { describe, expect, test } from 'vitest';
import { BUILT } from '../../../src/commands/help.ts';
import { InputError } from '../../../src/errors.ts';
import { readAnswers, readArguments, readEnvironment } from '../../../src/settings/arguments.ts';
import { COMMANDS, FLAG_NAMES, flag, spelled, takes } from '../../../src/settings/flags.ts';
import { nearest } from '../../../src/settings/nearest.ts';
import { OPERANDS } from '../../../src/settings/operands.ts';
import { strayVariables, variableOf } from '../../../src/settings/variables.ts';

const words = (line: string) => line.split(' ').filter(Boolean);
const read = (line: string) => readArguments(words(line));
const values = (line: string) =>
  Object.fromEntries(Object.entries(read(line).answers).map(([name, { value }]) => [name, value]));

function caught(act: () => unknown): InputError {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    expect((error as InputError).exitCode).toBe(2);
    return error as InputError;
  }
  throw new Error('nothing is wrong');
}

/** Everything that is wrong, as a person reads it. */
const complaint = (act: () => unknown): string => caught(act).message;

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
    ['--port 5000 --port 5000 --yes --yes', { port: 5000, yes: true }],
    ['client reg.example:5443', { host: 'reg.example:5443' }],
    ['--client reg.example --port 5443 --yes', { host: 'reg.example', port: 5443, yes: true }],
    ['--client reg.example --host reg.example', { host: 'reg.example' }],
    ['client -- reg.example', { host: 'reg.example' }],
    ['help', { help: true }],
  ])('%s', (line, wanted) => expect(values(line)).toEqual(wanted));

  test.each([
    ['', 'setup', []],
    ['--yes', 'setup', []],
    ['status --json', 'status', []],
    ['--json status', 'status', []],
    ['--client', 'client', []],
    ['client', 'client', []],
    ['user add ci', 'user', ['add', 'ci']],
    ['user', 'user', []],
    ['-- status', 'status', []],
    ['help', 'setup', []],
    ['help user', 'user', []],
    ['help user add', 'user', ['add']],
    ['bundle x.run', 'bundle', ['x.run']],
  ])('"%s" is for %s', (line, command, operands) => expect(read(line)).toMatchObject({ command, operands }));

  test('records where each value was given', () => {
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
    ['--auth ldap', '--auth: takes none, htpasswd, token, not "ldap"'],
    ['--yes=no', '--yes: takes no value, so not "no"'],
    ['--no-delete=1', '--no-delete: takes no value, so not "1"'],
    ['status --host a', '--host: "status" does not take this flag'],
    ['stats', 'stats: there is no such command; did you mean "status"?'],
    ['frobnicate', 'frobnicate: there is no such command'],
    ['help frobnicate', 'frobnicate: there is no such command'],
    ['--host --', '--host: needs a value: --host NAME|IP'],
    ['--host -X', '--host: needs a value: --host NAME|IP'],
    ['uninstall --dir=', '--dir: needs a value, and it is empty: --dir DIR'],
    ['client a --target=', '--target: needs a value, and it is empty: --target NAME'],
    ['client a --ca=', '--ca: needs a value, and it is empty: --ca FILE'],
    ['--port 5000 --port 5001', '--port: is given twice: 5000 and 5001'],
    ['client a --host b', 'HOST: is given twice: b and a'],
    ['--delete --no-delete', '--no-delete: contradicts --delete'],
    ['rotate --ca --if-expiring 30', '--if-expiring: does not go with --ca'],
    ['rotate --token-key --if-expiring 30', '--if-expiring: does not go with --token-key'],
    ['rotate --ca --token-key', '--token-key: does not go with --ca'],
    ['client a --undo --target docker', '--target: does not go with --undo'],
    ['status --client', '--client: "status" does not take this flag'],
    ['--client=reg.example', '--client: takes no value'],
    ['--no-client', '--no-client: there is no such flag'],
    ['user list --reader bob', '--reader: "user list" does not take this flag'],
    ['user --password-stdin', '--password-stdin: "user list" does not take this flag'],
    ['user remove bob --password-file f', '--password-file: "user remove" does not take this flag'],
    ['user rename bob', 'rename: "user" takes list, add, remove, password'],
  ])('%s → %s', (line, wanted) =>
    expect(complaint(() => read(line)).split('; did')[0]).toBe(wanted.split('; did')[0]),
  );

  test('names the nearest flag, but only if one is near', () => {
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

  test.each([
    '--password geheim',
    '--password=geheim',
    '--passwd geheim --yes',
    '-p geheim',
    '-pgeheim',
    '--password-stdin=geheim',
    '--password-stdin geheim',
    'status --password geheim',
    'user add ci geheim',
    'user password ci geheim',
    'user add ci --password geheim',
    'user password ci --password-stdin geheim',
    'user --password-stdin geheim',
  ])('no error shows the password: %s', (line) => {
    const error = caught(() => read(line));
    expect(JSON.stringify(error) + error.message + error.fix).not.toContain('geheim');
  });

  test.each(['--password geheim', '-p geheim', 'user add ci --password geheim', 'user add ci geheim'])(
    'where a password goes is said: %s',
    (line) => expect(caught(() => read(line)).fix.join()).toContain('--password-stdin < FILE'),
  );
});

describe('the words after a command', () => {
  /** Every call that can be: a command, with its verb, and the words that it takes. */
  const calls = Object.entries(OPERANDS).flatMap(([command, row]) =>
    'verbs' in row
      ? Object.entries(row.verbs).map(([verb, operands]) => [`${command} ${verb}`, operands.length] as const)
      : [[command, row.length] as const],
  );

  const takesMore = ['image remove'];

  test('are known for every command that works', () => {
    expect(Object.keys(OPERANDS).sort()).toEqual([...BUILT].sort());
  });

  test.each(calls.filter(([call]) => !takesMore.includes(call)))(
    '%s takes %i, and refuses every other one',
    (call, count) => {
      const line = [call, ...Array.from({ length: count }, (_, i) => `word${i}`)];
      expect(readArguments(line.join(' ').split(' '))).toBeDefined();
      for (const stray of ['stray', '', '-', 'status', 'dry-run', '\u2013purge'])
        for (const more of [[stray], ['--yes', stray], [stray, '--yes'], ['--', stray], ['--', '--purge']])
          expect(
            complaint(() => readArguments([...line.join(' ').split(' '), ...more])),
            `${line.join(' ')} ${more.join(' ')}`,
          ).toMatch(/takes (no further word|one word, [A-Z]+|2 words at most, [A-Z]+ and [A-Z]+|one name)/);
    },
  );

  test.each(takesMore)(
    '%s takes any number of words, and refuses one that looks like a flag, or is empty',
    (call) => {
      expect(readArguments([...call.split(' '), 'a', 'b:1', 'c@sha256:0']).operands).toEqual([
        call.split(' ')[1],
        'a',
        'b:1',
        'c@sha256:0',
      ]);
      for (const stray of ['', '-', '\u2013purge'])
        expect(complaint(() => readArguments([...call.split(' '), 'a', stray]))).toMatch(
          /takes words like [A-Z]+/,
        );
      expect(complaint(() => readArguments(call.split(' ')))).toContain('needs REF');
      expect(readArguments([...call.split(' '), '--help']).answers.help?.value).toBe(true);
    },
  );

  test('a word that is a flag without its hyphens, or with a long dash, is reported with that flag', () => {
    for (const word of ['dry-run', '\u2013dry-run', '\u2014dry-run'])
      expect(complaint(() => readArguments(['uninstall', word, '--yes']))).toContain(
        'did you mean --dry-run?',
      );
  });

  test('the error shows how to name a registry in another directory', () => {
    expect(caught(() => read('uninstall registry2 --yes')).fix).toEqual([
      'A registry elsewhere:   registry-setup uninstall --dir DIR',
    ]);
    expect(caught(() => read('status /opt/second')).fix).toEqual([
      'A registry elsewhere:   registry-setup status --dir /opt/second',
    ]);
  });

  test('an empty host counts as none', () => {
    expect(complaint(() => readArguments(['client', '']))).toBe('HOST: is empty');
  });
});

test('no destructive command is suggested to a user who wants to set up', () => {
  for (const word of ['install', 'init', 'up', 'Install']) {
    const { message, fix } = caught(() => read(word));
    expect(message).not.toContain('uninstall');
    expect(fix).toEqual(['registry-setup']);
  }
  expect(complaint(() => read('instal'))).not.toContain('uninstall');
  expect(complaint(() => read('uninstal'))).toContain('did you mean "uninstall"?');
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

  test('has the opposite of a switch that is on, as the help shows it', () => {
    const env = { REGISTRY_SETUP_NO_DELETE: '1', REGISTRY_SETUP_NO_RENEW: 'false' };
    expect(readEnvironment('setup', env)).toMatchObject({ delete: { value: false }, renew: { value: true } });
  });

  test('never sets a flag that destroys or that changes the action of a command', () => {
    for (const command of COMMANDS)
      for (const name of ['purge', 'with-engine', 'undo', 'new-ca', 'token-key'] as const)
        expect(readEnvironment(command, { [variableOf(name)]: '1' }), `${command} ${name}`).toEqual({});
    expect(readEnvironment('uninstall', { REGISTRY_SETUP_YES: '1' })).toEqual({});
  });

  test('an unknown variable is reported with the nearest name', () => {
    const env = {
      REGISTRY_SETUP_PRT: '5',
      REGISTRY_SETUP_FROBNICATE: '1',
      REGISTRY_SETUP_PURGE: '0',
      REGISTRY_SETUP_EMPTY: '',
      // These mean something.
      REGISTRY_SETUP_PORT: '5000',
      REGISTRY_SETUP_NO_DELETE: '1',
      REGISTRY_SETUP_UNDO: '1',
      REGISTRY_SETUP_PASSWORD: 'geheim',
      REGISTRY_SETUP_PASSPHRASE: 'geheim',
      REGISTRY_SETUP_LAB_PROGRAMS: '/x',
      OTHER: 'x',
    };
    expect(strayVariables('uninstall', env, {})).toEqual([
      'REGISTRY_SETUP_PRT is not known; did you mean REGISTRY_SETUP_PORT?',
      'REGISTRY_SETUP_FROBNICATE is not known.',
    ]);
    expect(strayVariables('client', { REGISTRY_SETUP_UNDO: '1' }, {})).toHaveLength(1);
    expect(strayVariables('client', { REGISTRY_SETUP_UNDO: '1' }, read('client --undo').answers)).toEqual([]);
  });

  test('does not affect a command that does not take the flag', () => {
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

  test('an empty file gives no answers', () => {
    expect(answers(null)).toEqual({});
    expect(answers(undefined)).toEqual({});
  });

  test.each<[unknown, string]>([
    [['host'], 'a.yml: must be a list of "name: value" lines; the names are those of the flags'],
    ['host', 'a.yml: must be a list of "name: value" lines; the names are those of the flags'],
    [{ prot: 1 }, 'a.yml: prot: there is no such setting; did you mean port?'],
    [{ password: 'geheim' }, 'a.yml: password: there is no such setting (passwords: --password-file)'],
    [{ 'password-file': 'x' }, 'a.yml: password-file: there is no such setting (passwords: --password-file)'],
    [{ yes: true }, 'a.yml: yes: there is no such setting'],
    [{ purge: true }, 'a.yml: purge: there is no such setting (only on the command line: --purge)'],
    [{ undo: true }, 'a.yml: undo: there is no such setting (only on the command line: --undo)'],
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
    [{ tls: 'yes' }, 'a.yml: tls: takes insecure, self-signed, ca-signed, not "yes"'],
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
