// A run that was cut off is undone before the next command reads anything; what changed between a decision and the lock is noticed.
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { calledAs } from '../../src/terminal/command.ts';
import { runCommand } from '../helpers/context.ts';
import type { FakeHost } from '../helpers/fake-host.ts';
import { machine } from '../helpers/plans.ts';
import { scripted } from '../helpers/scripted-prompts.ts';

vi.mock('../../src/server/checks/proof.ts', async (original) => ({
  ...(await original<typeof import('../../src/server/checks/proof.ts')>()),
  liveChecks: () => [],
}));
vi.mock('../../src/registry/http.ts', async (original) => ({
  ...(await original<typeof import('../../src/registry/http.ts')>()),
  ask: async () => ({ status: 401, headers: {}, body: Buffer.alloc(0) }),
}));

const DIR = '/opt/registry';
const SETTINGS = `${DIR}/settings.yml`;
const SETUP = '--yes --host registry.example --no-hosts-line --user admin --user bob';

let host: FakeHost;
/** The machine after the set-up: its keys take seconds to make. */
let first: { files: Record<string, string>; containers: FakeHost['docker']['containers'] } | undefined;

beforeEach(async () => {
  host = machine();
  if (!first) {
    await runCommand(host, SETUP);
    first = structuredClone(host.snapshot()) as unknown as NonNullable<typeof first>;
    return;
  }
  for (const [path, entry] of Object.entries(first.files)) {
    const [, type, mode = '', content = ''] = /^(\w+) (\d+) \S+ ([\s\S]*)$/.exec(entry) ?? [];
    if (type === 'file') host.put(path, content, Number.parseInt(mode, 8));
    else if (!(await host.stat(path))) await host.mkdir(path, Number.parseInt(mode, 8));
  }
  // The fake engine counts its containers anew.
  for (const one of structuredClone(first.containers))
    host.docker.containers.push({ ...one, id: `f${one.id.slice(1)}` });
  host.boot();
});

const text = (name: string) => host.text(`${DIR}/${name}`);
/** What a registry is to its users. */
const registry = () => ({
  settings: text('settings.yml'),
  users: text('auth/htpasswd'),
  roots: text('certs/ca.crt'),
  containers: host.docker.containers.map(({ name, running, args }) => ({ name, running, args })),
});

/** Runs a command and kills it when the settings are written: before the container, before the commit. */
async function killed(line: string): Promise<void> {
  let dies = 0;
  host.before = (operation) => {
    if (dies > 0 || operation.includes(`write ${SETTINGS}`)) dies++;
    if (dies > 2) throw new Error('killed');
  };
  await runCommand(host, line).catch(() => {});
  host.before = () => {};
  host.boot();
  expect(text('.state/journal'), line).toContain(SETTINGS);
}

describe.each([
  '--yes --auth none',
  '--yes --port 5443 --bind 127.0.0.1',
  '--yes --tls insecure',
  'user add zed --yes',
  'user remove bob --yes',
])('killed: %s', (change) => {
  test.each(['--yes', 'rotate --if-expiring 30 --yes'])('the next %s puts it back', async (next) => {
    const before = registry();
    await killed(change);
    expect(text('settings.yml')).not.toBe(before.settings);
    const { heard } = await runCommand(host, next);
    expect(heard.join('\n')).toContain('Undoing what it had done');
    expect(registry()).toEqual(before);
    expect(text('.state/journal')).toBeUndefined();
  });

  test('user list shows what is in force, and changes nothing', async () => {
    const { documents } = await runCommand(host, 'user list');
    await killed(change);
    const then = host.snapshot();
    expect((await runCommand(host, 'user list')).documents).toEqual(documents);
    expect(host.snapshot()).toEqual(then);
  });

  test('a dry run shows what the next run does after that, and changes nothing', async () => {
    await killed(change);
    const then = host.snapshot();
    const { heard } = await runCommand(host, '--yes --dry-run --port 5055');
    expect(heard.join('\n')).not.toMatch(/5443|auth: none/);
    expect(host.snapshot()).toEqual(then);
  });

  test('uninstall removes everything', async () => {
    await killed(change);
    await runCommand(host, 'uninstall --yes');
    expect(host.docker.containers).toEqual([]);
    expect(text('settings.yml')).toBeUndefined();
    expect(await host.list(DIR)).toEqual([]);
  });
});

test('plain HTTP: the run at the start of the machine puts a killed run back, and has nothing to renew', async () => {
  await runCommand(host, '--yes --tls insecure');
  const before = registry();
  await killed('--yes --port 5443 --bind 127.0.0.1');
  const { heard } = await runCommand(host, 'rotate --if-expiring 30 --yes');
  expect(heard.join('\n')).toMatch(/Undoing what it had done[\s\S]*this registry is plain HTTP/);
  expect(registry()).toEqual(before);
  await expect(runCommand(host, 'rotate --yes')).rejects.toThrow('There is no certificate');
});

test('a user is added by the same command again', async () => {
  await killed('user add zed --yes');
  await runCommand(host, 'user add zed --yes');
  expect(text('settings.yml')).toContain('zed');
  expect(text('auth/htpasswd')).toMatch(/^zed:/m);
});

test('a user is removed by the same command again', async () => {
  await killed('user remove bob --yes');
  await runCommand(host, 'user remove bob --yes');
  expect(text('settings.yml')).not.toContain('bob');
  expect(text('auth/htpasswd')).not.toMatch(/^bob:/m);
});

test('a lock that a killed run left, and nothing else, is removed by every command', async () => {
  const before = host.snapshot();
  host.put(`${DIR}/.state/lock`, '{"pid":4711,"ticks":"88","command":"registry-setup","since":"today"}');
  await runCommand(host, 'rotate --if-expiring 30 --yes');
  expect(host.snapshot()).toEqual(before);
});

/** The other run releases its lock after that many milliseconds; not in a later test. */
function endsAfter(milliseconds: number) {
  const timer = setTimeout(() => void host.remove(`${DIR}/.state/lock`), milliseconds);
  onTestFinished(() => clearTimeout(timer));
}

describe('another run that works for an hour', () => {
  const HOLDER = {
    pid: 4711,
    ticks: '88',
    command: 'registry-setup backup -',
    since: '2026-05-03T01:00:00Z',
  };
  /** It holds the lock; when it is looked at a second time, an hour has passed. */
  function longRun() {
    host.put('/proc/4711/stat', `4711 (node) S ${'0 '.repeat(18)}88 0`);
    host.put(`${DIR}/.state/lock`, JSON.stringify(HOLDER));
    const begin = performance.now();
    let looks = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => begin + (looks++ > 1 ? 3_600_000 : 0));
    endsAfter(1_500);
  }
  afterEach(() => void vi.restoreAllMocks());

  test('the renewal of every night waits for it', async () => {
    longRun();
    const { heard, documents } = await runCommand(host, 'rotate --if-expiring 30 --yes');
    expect(heard.join('\n')).toContain('Waiting for "registry-setup backup -" (pid 4711), since 2026');
    expect(documents[0]).toMatchObject({ ok: true, changed: [] });
  });

  test('a script does not, and is told who works', async () => {
    longRun();
    await expect(runCommand(host, 'rotate --yes')).rejects.toThrow('"registry-setup backup -" (pid 4711)');
  });
});

describe('another run, between the question and the lock', () => {
  /** Answers questions; another command runs while the last one waits for its answer. */
  const slow = (asked: string, other: string) => {
    const prompts = scripted([asked, true]);
    const confirm: typeof prompts.confirm = async (asked) => {
      await runCommand(host, other);
      return prompts.confirm(asked);
    };
    return { ...prompts, confirm };
  };

  test.each([
    ['rotate', 'Replace', 'rotate --ca --yes'],
    ['user remove bob', 'Remove', 'user add carol --yes'],
    ['rotate', 'Replace', '--yes --port 5055'],
    ['uninstall', 'Remove', 'user add carol --yes'],
  ])('%s (%s), meanwhile %s: refused, and the other change stays', async (line, asked, other) => {
    const refused = runCommand(host, line, { prompts: slow(asked, other) });
    calledAs('sh /root/registry.run');
    const fix = ['Look at it, and start again:', `  sh /root/registry.run ${line}`];
    await expect(refused).rejects.toMatchObject({ code: 'changed', exitCode: 1, fix });
    calledAs('registry-setup');
    const left = registry();
    // What the other run did is in force, whole.
    expect((await runCommand(host, '--yes')).heard.join()).toContain('Nothing to do');
    expect(registry()).toEqual(left);
    expect(text('.state/lock')).toBeUndefined();
  });

  test('without a terminal the command begins again, and both changes are there', async () => {
    let other = false;
    host.before = (operation) => {
      if (other || !operation.includes(`create ${DIR}/.state/lock`)) return;
      other = true;
      host.put(SETTINGS, (text('settings.yml') ?? '').replace(/^(\s*)- bob$/m, '$1- bob\n$1- carol'));
    };
    await runCommand(host, 'user add dave --yes');
    expect(text('settings.yml')).toMatch(/carol/);
    expect(text('settings.yml')).toMatch(/dave/);
  });
});

describe('a run that is at work', () => {
  const holds = () => {
    host.put(
      `${DIR}/.state/lock`,
      '{"pid":4711,"ticks":"88","command":"registry-setup rotate","since":"today"}',
    );
    host.put('/proc/4711/stat', `4711 (node) S ${'0 '.repeat(18)}88`);
  };

  test('is waited for by a run that nobody watches', async () => {
    holds();
    endsAfter(300);
    const { heard } = await runCommand(host, 'user add zed --yes');
    expect(heard.join()).toContain('Waiting for "registry-setup rotate" (pid 4711), since ');
    expect(text('settings.yml')).toContain('zed');
  });

  test('is named at once to a user at a terminal', async () => {
    holds();
    const refused = runCommand(host, 'rotate', { prompts: scripted() });
    await expect(refused).rejects.toThrow('Another run is at work here: "registry-setup rotate" (pid 4711)');
  });
});
