// What is remembered in DIR/.state: the lock, the journal, the oldest undo.
import { describe, expect, test } from 'vitest';
import { CliError, Interrupted } from '../../../src/errors.ts';
import { readOldest, readUnfinished } from '../../../src/reconcile/journal.ts';
import { lockHolder } from '../../../src/reconcile/lock.ts';
import { keyOf } from '../../../src/reconcile/reconcile.ts';
import { beginRun, recover } from '../../../src/reconcile/run.ts';
import { container } from '../../../src/resources/container.ts';
import { imageIdOf } from '../../helpers/fake-docker.ts';
import { type FakeHost, fakeHost } from '../../helpers/fake-host.ts';
import { machine, smallPlan } from '../../helpers/plans.ts';
import { DIR, failing, follow } from '../../helpers/run.ts';

const state = (name: string) => `${DIR}/.state/${name}`;

describe('the lock', () => {
  const other = { pid: 4711, ticks: '88', command: 'registry-setup rotate', since: '2026-05-03T10:00:00Z' };
  /** The line of proc(5); a program's name may hold anything. */
  const stat = (pid: number, ticks: string) => `${pid} (no) de (x) S ${'0 '.repeat(18)}${ticks} 0 0`;

  async function held(ticks = other.ticks): Promise<FakeHost> {
    const host = fakeHost();
    host.put(state('lock'), JSON.stringify(other));
    host.put(`/proc/${other.pid}/stat`, stat(other.pid, ticks));
    return host;
  }

  test('names who holds it, and the second run touches nothing', async () => {
    const host = await held();
    const before = host.snapshot();
    const refused = beginRun(host, DIR, 'registry-setup');
    await expect(refused).rejects.toMatchObject({
      message: 'Another run is at work here: "registry-setup rotate" (pid 4711), since 2026-05-03T10:00:00Z.',
      fix: expect.arrayContaining(['  ps -fp 4711']),
    });
    expect(host.snapshot()).toEqual(before);
    expect(await lockHolder(host, DIR)).toEqual(other);
  });

  test.each([
    ['whose process is gone', (host: FakeHost) => host.removeTree('/proc/4711')],
    [
      'whose pid is another process by now',
      (host: FakeHost) => host.put('/proc/4711/stat', stat(4711, '99')),
    ],
    [
      'whose process is a zombie',
      (host: FakeHost) => host.put('/proc/4711/stat', stat(4711, '88').replace(' S ', ' Z ')),
    ],
    ['that its maker died over', (host: FakeHost) => host.put(state('lock'), '')],
    ['that is torn', (host: FakeHost) => host.put(state('lock'), '{"pid":47')],
  ])('one %s is taken over', async (_, change) => {
    const host = await held();
    await change(host);
    expect(await lockHolder(host, DIR)).toBeUndefined();
    const run = await beginRun(host, DIR, 'registry-setup');
    expect(JSON.parse(host.text(state('lock')) ?? '')).toMatchObject({
      pid: process.pid,
      command: 'registry-setup',
    });
    await run.release();
    expect(host.text(state('lock'))).toBeUndefined();
  });

  test('a lock that is being written is waited for', async () => {
    const host = await held();
    host.put(state('lock'), '');
    setTimeout(() => host.put(state('lock'), JSON.stringify(other)), 30);
    await expect(beginRun(host, DIR, 'registry-setup')).rejects.toThrow('pid 4711');
  });

  test('the state is readable by root only', async () => {
    const host = machine();
    host.put(`${DIR}/settings.yml`, 'old');
    await follow(host, smallPlan());
    const { files } = host.snapshot() as { files: Record<string, string> };
    const modes = Object.entries(files).filter(([path]) => path.startsWith(`${DIR}/.state`));
    expect(modes.length).toBeGreaterThan(3);
    for (const [path, entry] of modes) expect(entry, path).toMatch(/^(dir 700|file 600) /);
  });
});

test('a removal leaves the files of .state alone once its lock is gone: the next run has begun', async () => {
  const host = machine();
  await follow(host, smallPlan());
  host.done.length = 0;
  await follow(host, []);
  const released = host.done.lastIndexOf(`remove ${state('lock')}`);
  expect(host.done.slice(0, released)).toContain(`remove ${state('oldest.json')}`);
  expect(host.done.slice(released + 1).filter((operation) => !operation.startsWith('rmdir'))).toEqual([]);
});

describe('a directory that cannot hold a run', () => {
  test.each([`mkdir ${DIR}/.state`, `create ${state('lock')}`, `append ${state('journal')}`])(
    'a full disk at "%s" leaves nothing',
    async (operation) => {
      const host = machine();
      const before = host.snapshot();
      host.before = (line) => {
        if (line === operation) throw new CliError('the disk is full');
      };
      await expect(follow(host, smallPlan())).rejects.toThrow('the disk is full');
      expect(host.snapshot()).toEqual(before);
    },
  );

  test('a damaged state is reported, and the lock is released', async () => {
    const host = fakeHost();
    host.put(state('oldest.json'), '{"dir:');
    await expect(beginRun(host, DIR, 'registry-setup')).rejects.toThrow(`${state('oldest.json')} is damaged`);
    expect(host.text(state('lock'))).toBeUndefined();
  });
});

describe('the journal', () => {
  test('a truncated last line does not count: its step was not done', async () => {
    const host = machine();
    host.dieBefore(13);
    await expect(follow(host, smallPlan())).rejects.toThrow();
    host.boot();
    const whole = await readUnfinished(host, DIR);
    host.put(state('journal'), `${host.text(state('journal'))}{"key":"file:/etc/passwd","undo":{"steps":[{`);
    expect(await readUnfinished(host, DIR)).toEqual(whole);
    expect(whole).toMatchObject({ command: 'registry-setup in a test', committed: false });
    expect(whole?.entries.length).toBeGreaterThan(2);
  });

  test('empty, it still shows an interrupted run', async () => {
    const host = fakeHost();
    host.put(state('journal'), '');
    expect(await readUnfinished(host, DIR)).toMatchObject({ entries: [], committed: false });
    host.put(state('journal'), '{"pid":1,"comm');
    expect(await readUnfinished(host, DIR)).toMatchObject({ entries: [], command: 'registry-setup' });
  });

  test('holds the undo of each resource before that resource is touched', async () => {
    const host = machine();
    const uncovered: string[] = [];
    host.before = (operation) => {
      const [, path = ''] = / (\/\S+)$/.exec(operation) ?? [];
      const lockIsHeld = host.text(state('lock')) !== undefined;
      // Rules that let clients wait end by themselves, and every roll-back takes them away.
      if (operation.startsWith('nft')) return;
      if (!lockIsHeld || path.includes('/.state')) return;
      const journal = host.text(state('journal')) ?? '';
      const named = operation.startsWith('docker')
        ? '"kind":"container","id":"registry"'
        : `"path":"${path}"`;
      if (!journal.endsWith('\n') || !journal.includes(named)) uncovered.push(operation);
    };
    for (const plan of [smallPlan(), smallPlan({ digest: 'd2', config: 'two', users: 'a' }), smallPlan(), []])
      await follow(host, plan);
    expect(uncovered).toEqual([]);
    expect(host.done.filter((line) => line.startsWith('docker')).length).toBeGreaterThan(5);
  });

  test('is gone when the run is over, and so is the lock', async () => {
    const host = machine();
    await follow(host, smallPlan());
    expect([host.text(state('journal')), host.text(state('lock'))]).toEqual([undefined, undefined]);
  });
});

describe('the oldest undo', () => {
  test('is kept over later runs: uninstall restores what was there before', async () => {
    const host = machine();
    host.put(`${DIR}/config/config.yml`, 'by somebody else', 0o640);
    await host.chmod(`${DIR}/config`, 0o711);
    const before = host.snapshot();
    await follow(host, smallPlan({ config: 'one' }));
    await follow(host, smallPlan({ config: 'two', digest: 'd2' }));
    await follow(host, smallPlan({ config: 'three', digest: 'd3' }));
    expect([...(await readOldest(host, DIR)).values()].flatMap(({ undo }) => undo.steps)).toHaveLength(6);
    expect(await host.list(state('copies')), 'copies that nobody needs are thrown away').toHaveLength(1);
    await follow(host, []);
    expect(host.snapshot()).toEqual({ ...before, containers: [] });
  });

  test('of an image that was there already is empty', async () => {
    const host = machine();
    await follow(host, smallPlan());
    await follow(host, []);
    expect(host.docker.images['registry:3']).toBeDefined();
  });

  test('an image that we pulled is removed with the rest, after its container', async () => {
    const host = fakeHost();
    host.docker.remote['registry:3'] = imageIdOf('registry:3');
    const before = host.snapshot();
    await follow(host, smallPlan());
    await follow(host, []);
    expect(host.snapshot()).toEqual(before);
  });

  test('of our own container is empty, also if its record was lost', async () => {
    const host = machine();
    await follow(host, smallPlan());
    await host.removeTree(`${DIR}/.state`);
    await follow(host, smallPlan({ digest: 'd2' }));
    await follow(host, []);
    expect(host.docker.containers).toEqual([]);
  });

  test('files that others put into our directory stay', async () => {
    const host = machine();
    await follow(host, smallPlan());
    host.put('/srv/images/here/docker/blob', 'precious');
    await follow(host, []);
    expect(host.text('/srv/images/here/docker/blob')).toBe('precious');
    expect(await host.stat(DIR)).toBeUndefined();
  });
});

describe('once it is written that a run is over', () => {
  test('a failed cleanup is not a failure; the next run does it', async () => {
    const host = machine();
    await follow(host, smallPlan());
    host.before = (operation) => {
      if (operation.startsWith('docker rm ')) throw new CliError('Docker does not answer.');
    };
    const changed = await follow(host, smallPlan({ digest: 'd2' }));
    expect(changed).toHaveLength(1);
    expect(host.docker.containers).toHaveLength(2);
    host.before = () => {};
    expect(await follow(host, smallPlan({ digest: 'd2' }))).toEqual([]);
    expect(host.docker.containers).toHaveLength(1);
    expect(host.text(state('journal'))).toBeUndefined();
  });

  test('nor is a disk that goes bad', async () => {
    const host = machine();
    host.before = (operation) => {
      if (operation.startsWith(`rename ${state('oldest.json')}`)) throw new CliError('Input/output error.');
    };
    await follow(host, smallPlan());
    expect(host.docker.containers).toHaveLength(1);
    host.before = () => {};
    expect(await follow(host, smallPlan())).toEqual([]);
    expect((await readOldest(host, DIR)).size).toBe(6);
    expect(host.text(state('journal'))).toBeUndefined();
  });

  test('Ctrl-C comes too late to undo it', async () => {
    const host = machine();
    await follow(host, smallPlan());
    const controller = new AbortController();
    const interruptible: FakeHost = Object.assign(Object.create(host), {
      run: async (...words: Parameters<FakeHost['run']>) => {
        if (controller.signal.aborted) throw new Interrupted();
        return host.run(...words);
      },
    });
    host.before = (operation) => {
      if (operation.startsWith('docker rm ')) controller.abort();
    };
    const options = { signal: controller.signal, uninterruptible: host };
    await follow(interruptible, smallPlan({ digest: 'd2' }), options);
    expect(controller.signal.aborted).toBe(true);
    expect(host.docker.containers).toMatchObject([{ name: 'registry', running: true }]);
    expect(host.docker.containers[0]?.labels['registry-setup.digest']).toBe('d2');
  });
});

describe('going back', () => {
  const broken = failing(new CliError('The registry does not answer.', { fix: 'look at it' }));

  test('leaves everything as it was, and says so', async () => {
    const host = machine();
    await follow(host, smallPlan());
    const before = host.snapshot();
    const failed = follow(host, smallPlan({ digest: 'd2', config: 'two', users: 'a' }), { more: [broken] });
    await expect(failed).rejects.toMatchObject({
      message: 'The registry does not answer.',
      exitCode: 1,
      fix: ['Everything was put back as it was.', 'look at it'],
    });
    expect(host.snapshot()).toEqual(before);
  });

  test('from a removal on a full disk, where the engine renames nothing: the registry was never stopped', async () => {
    const host = machine();
    await follow(host, smallPlan());
    host.done.length = 0;
    host.before = (operation) => {
      if (operation.startsWith('docker rename')) throw new CliError('no space left on device');
    };
    await expect(follow(host, [])).rejects.toThrow('no space left');
    expect(host.done.filter((operation) => operation.startsWith('docker'))).toEqual([]);
    expect(host.docker.containers).toMatchObject([{ name: 'registry', running: true }]);
  });

  test('leaves an image that was pulled: the next try is spared the wait', async () => {
    const host = fakeHost();
    host.docker.remote['registry:3'] = imageIdOf('registry:3');
    const before = host.snapshot();
    await expect(follow(host, smallPlan(), { more: [broken] })).rejects.toThrow();
    expect(host.snapshot()).toEqual({ ...before, images: { 'registry:3': imageIdOf('registry:3') } });
  });

  test('keeps empty directories that were there before', async () => {
    const host = machine();
    for (const dir of [DIR, `${DIR}/config`, '/srv/images', '/srv/images/here']) await host.mkdir(dir, 0o750);
    const before = host.snapshot();
    await expect(follow(host, smallPlan(), { more: [broken] })).rejects.toThrow();
    expect(host.snapshot()).toEqual(before);
    await follow(host, smallPlan());
    await follow(host, []);
    expect(host.snapshot()).toEqual(before);
  });

  test('also removes the directory that a run killed before its journal has left', async () => {
    const host = machine();
    const before = host.snapshot();
    await host.mkdir(DIR, 0o755);
    host.put(state('lock'), '');
    await follow(host, smallPlan());
    await follow(host, []);
    expect(host.snapshot()).toEqual(before);
  });

  test('undoes the last step first, and starts services when their files are back', async () => {
    const host = machine();
    await follow(host, smallPlan());
    host.done.length = 0;
    await expect(
      follow(host, smallPlan({ digest: 'd2', config: 'two' }), { more: [broken] }),
    ).rejects.toThrow();
    const back = host.done
      .slice(host.done.findIndex((line) => line.startsWith('docker start')) + 1)
      .filter((line) => /^(docker|write)/.test(line))
      .map((line) => line.replace(/ [0-9a-f]{64}/, '').replace(`${DIR}/`, ''));
    expect(back).toEqual([
      'docker rm -fv',
      'docker rename registry',
      'write config/config.yml',
      'docker start',
    ]);
  });

  test('one failing step does not stop the others, is reported, and can be tried again', async () => {
    const host = machine();
    await follow(host, smallPlan());
    const before = host.snapshot();
    host.before = (operation) => {
      const going = host.done.some((line) => line.startsWith('docker rm '));
      if (going && operation === `write ${DIR}/config/config.yml`) throw new CliError('Immutable.');
    };
    const failed = follow(host, smallPlan({ digest: 'd2', config: 'two', users: 'a' }), { more: [broken] });
    await expect(failed).rejects.toMatchObject({
      message: 'The registry does not answer.',
      fix: [
        'Not everything could be put back. Left to do by hand:',
        `  ${DIR}/config/config.yml: Immutable.`,
        'look at it',
      ],
    });
    expect(host.text(`${DIR}/auth/htpasswd`)).toBeUndefined();
    expect(host.text(`${DIR}/config/config.yml`)).toBe('two');
    expect(host.docker.containers).toMatchObject([{ name: 'registry', running: true }]);

    host.before = () => {};
    await expect(follow(host, undefined, { more: [broken] })).rejects.toThrow();
    expect(host.snapshot()).toEqual(before);
  });

  test('what cannot be undone stays in the journal until a run succeeds, and bars none', async () => {
    const host = machine();
    await follow(host, smallPlan());
    host.dieBefore(12);
    await expect(follow(host, smallPlan({ config: 'two', digest: 'd2' }))).rejects.toThrow();
    host.boot();
    const config = `${DIR}/config/config.yml`;
    const immutable = () => {
      host.before = (operation) => {
        if (operation.includes('config.yml')) throw new CliError('Immutable.');
      };
    };
    immutable();
    await expect(follow(host, smallPlan({ config: 'three' }))).rejects.toThrow('Immutable.');
    expect(await readUnfinished(host, DIR)).toMatchObject({
      entries: expect.arrayContaining([expect.objectContaining({ key: { kind: 'file', id: config } })]),
    });
    // Nothing of the plan touches that file: the run succeeds, and what was left is forgotten.
    host.before = () => {};
    const before = host.text(config);
    immutable();
    await follow(host, smallPlan({ config: before ?? '', digest: 'd2' }));
    expect(await readUnfinished(host, DIR)).toBeUndefined();
    host.before = () => {};
    await follow(host, []);
    expect(host.text(`${DIR}/.state/oldest.json`)).toBeUndefined();
  });
});

describe('a container that one run replaces twice', () => {
  const replaced = async () => {
    const host = fakeHost();
    host.docker.images['registry:3'] = imageIdOf('registry:3');
    const service = { name: 'registry', image: 'registry:3', command: [], publish: [], mounts: [], env: {} };
    const as = (digest: string) => ({
      kind: 'container' as const,
      service: { ...service, owner: DIR, options: [] },
      digest,
    });
    await container.apply(as('first'), host);
    const before = host.docker.container('registry')?.id;
    const run = await beginRun(host, DIR, 'registry-setup');
    for (const digest of ['read-only', 'writable']) {
      const undo = await container.undo(as(digest), host, run);
      await run.record(keyOf(as(digest)), 'container registry', undo, true);
      await container.apply(as(digest), host);
    }
    const now = () => ({
      id: host.docker.container('registry')?.id,
      running: host.docker.container('registry')?.running,
      all: host.docker.containers.length,
    });
    return { host, run, now, first: { id: before, running: true, all: 1 } };
  };

  test('is the first one again after a roll-back', async () => {
    const { host, run, now, first } = await replaced();
    expect(await run.rollBack(host)).toEqual([]);
    expect(now()).toEqual(first);
  });

  test('is not lost if a roll-back that was cut off is repeated', async () => {
    const { host, run, now, first } = await replaced();
    const journal = host.text(state('journal')) ?? '';
    await run.rollBack(host);
    await run.release();
    host.put(state('journal'), journal);
    const left = await readUnfinished(host, DIR);
    if (!left) throw new Error('no journal');
    await recover(host, DIR, await beginRun(host, DIR, 'registry-setup'), left);
    expect(now()).toEqual(first);
  });
});
