// Directories with names that mean something in a unit, a crontab or a shell. Each language is read back by its own rules.
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { execLine, execWords, unitValue, unitWord } from '../../../../src/host/systemd.ts';
import { stepKindOf } from '../../../../src/reconcile/undo.ts';
import { name } from '../../../../src/server/checks/engine.ts';
import { loadable } from '../../../../src/server/checks/storage.ts';
import { registriesHere } from '../../../../src/server/elsewhere.ts';
import { containerOf } from '../../../../src/server/plan/container.ts';
import type { PlanFacts } from '../../../../src/server/plan/inputs.ts';
import { nativeService } from '../../../../src/server/plan/native.ts';
import { jobsPlan, type Renewal } from '../../../../src/server/plan/renewal.ts';
import type { Settings } from '../../../../src/settings/settings.ts';
import { checkDirectory } from '../../../../src/settings/validation.ts';
import { cronLine, shellLine } from '../../../../src/terminal/shell.ts';
import { fakeHost } from '../../../helpers/fake-host.ts';

const NAMES = [
  '/srv/100%n',
  '/srv/a\\b',
  '/srv/a\\\\b',
  '/srv/a\\%b',
  '/srv/a\\',
  '/srv/two words',
  `/srv/it's "here"`,
  '/srv/$HOME',
  `/srv/${'$'}{HOME}`,
  '/srv/a;b #c',
  '/srv/é ü',
  '/srv/-x',
  "/srv/'\\%\\'",
];
const renewal = (schedule: Renewal['schedule'], dir: string): Renewal => ({
  schedule,
  node: `${dir}/program/node`,
  program: { folder: '/usr/lib/program', files: { 'dist/cli.js': '' }, version: '0123456789ab' },
});
const settings = (dir: string) =>
  ({ dir, name: 'r', renew: true, storage: `${dir}/data`, port: 5000, bind: '0.0.0.0' }) as Settings;
const lineOf = (text: string, key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1] ?? '';

/** Reads words as systemd does: quotes and escapes (systemd.syntax(7)), specifiers, and variables in the arguments (systemd.service(5)). */
function asSystemd(value: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < value.length; at++) {
    const char = value[at] as string;
    if (char === '\\') {
      const next = value[++at] ?? 'end of the line';
      if (!'"\\'.includes(next)) throw new Error(`\\${next} is an escape`);
      word = (word ?? '') + next;
    } else if (quote) {
      if (char === quote) quote = '';
      else word += char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (char === ' ') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + char;
  }
  if (quote) throw new Error('the quote does not end');
  if (word !== undefined) words.push(word);
  return words.map((text) =>
    text.replace(/%(.?)/g, (_, next) => {
      if (next !== '%') throw new Error(`%${next} is a specifier`);
      return '%';
    }),
  );
}
const inArguments = ([program = '', ...args]: string[]) => [
  program,
  ...args.map((word) =>
    word.replace(/\$(.?)/g, (_, next) => {
      if (next !== '$') throw new Error(`$${next} is a variable`);
      return '$';
    }),
  ),
];

/** What cron hands to the shell. Of two backslashes it may hand on one. */
const byCron = (line: string) => {
  if (/\\\\/.test(line) || /(?<!\\)%/.test(line)) throw new Error(`cron reads something else: ${line}`);
  return line.replaceAll('\\%', '%');
};
const byShell = (line: string): string[] => {
  const script = `set -- ${line}\nfor word do printf '%s\\0' "$word"; done`;
  return spawnSync('/bin/sh', ['-c', script], { encoding: 'utf8' }).stdout.split('\0').slice(0, -1);
};

describe.each(NAMES)('%s', (dir) => {
  const cli = expect.stringMatching(/\/program\/[0-9a-f]{12}\/dist\/cli\.js$/);
  const renew = [`${dir}/program/node`, cli, 'rotate', '--if-expiring', '30', '--yes', '--dir', dir];

  test('is a directory', () => expect(checkDirectory(dir)).toBeUndefined());

  test('the timer renews it', () => {
    const timer = jobsPlan(settings(dir), renewal('systemd', dir), true).find(({ kind }) => kind === 'timer');
    const { service } = timer as Extract<typeof timer, { kind: 'timer' }>;
    expect(inArguments(asSystemd(lineOf(service, 'ExecStart')))).toEqual(renew);
  });

  test('cron renews it', () => {
    const file = jobsPlan(settings(dir), renewal('cron', dir), true).find(({ kind }) => kind === 'file');
    const { content } = file as Extract<typeof file, { kind: 'file' }>;
    const line = / root (.*)$/m.exec(content)?.[1] ?? '';
    expect(byShell(byCron(line))).toEqual([...renew, '--quiet']);
  });

  test('the registry starts in it without a container, and may write there', async () => {
    const unit = nativeService(
      settings(dir),
      { binary: `${dir}/bin/registry`, serviceManager: 'systemd', user: 'r' },
      [],
    ).find(({ kind }) => kind === 'unit');
    const { text } = unit as Extract<typeof unit, { kind: 'unit' }>;
    const line = [`${dir}/bin/registry`, 'serve', `${dir}/config/config.yml`];
    expect(inArguments(asSystemd(lineOf(text, 'ExecStart')))).toEqual(line);
    expect(asSystemd(lineOf(text, 'ReadWritePaths'))).toEqual([`${dir}/data`]);
    const host = fakeHost();
    host.put('/etc/systemd/system/r.service', text);
    const facts = { engine: { state: 'absent' } } as never;
    expect(await name({ ...settings(dir), engine: 'native' }, facts, host), 'it is known again').toEqual([]);
    host.commands['docker ps'] = { code: 1 };
    host.commands['podman ps'] = { code: 1 };
    expect([...(await registriesHere(host)).keys()], 'it is found again').toEqual([dir]);
  });

  test('the unit of podman names it', () => {
    const service = { name: 'r', owner: dir, engine: 'podman' } as never;
    const [, unit] = containerOf(service, 'digest', { serviceManager: 'systemd' } as PlanFacts);
    const { text } = unit as Extract<typeof unit, { kind: 'unit' }>;
    expect(lineOf(text, 'Description').replaceAll('%%', '')).not.toContain('%');
  });

  test('what is to be done by hand can be pasted', () => {
    const words = stepKindOf({ do: 'removeTree', path: dir }).words({ do: 'removeTree', path: dir });
    expect(byShell(words)).toEqual(['rm', '-r', dir]);
  });
});

test('a usual path is written as it is', () => {
  expect(execLine('/usr/bin/node', ['/opt/registry/cli.js', '--yes'])).toBe(
    '/usr/bin/node /opt/registry/cli.js --yes',
  );
  expect([unitWord('/opt/registry'), unitValue('/opt/registry')]).toEqual(['/opt/registry', '/opt/registry']);
  expect(cronLine(shellLine('/usr/bin/node', ['--yes']))).toBe('/usr/bin/node --yes');
  expect(execWords('/usr/bin/registry serve "/srv/a b/config/config.yml"')).toEqual([
    '/usr/bin/registry',
    'serve',
    '/srv/a b/config/config.yml',
  ]);
});

test.each(['/srv/a:b', '/srv/a\nb', '/srv/a\u0001b'])('%j is refused', (dir) =>
  expect(checkDirectory(dir)).toBeDefined(),
);

test('a backslash in the name of --dir is refused, for Node.js would not run the renewal', async () => {
  const check = (dir: string) => loadable(settings(dir), {} as never, fakeHost());
  expect(await check('/srv/a\\b')).toMatchObject([
    { level: 'error', flag: '--dir', fix: [expect.stringContaining('--dir /srv/a-b')] },
  ]);
  expect(await check('/srv/100%n')).toEqual([]);
});
