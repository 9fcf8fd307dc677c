// From a plan to a machine that follows it.
import { describe, expect, test } from 'vitest';
import { CliError, Interrupted } from '../../../src/errors.ts';
import { readOldest } from '../../../src/reconcile/journal.ts';
import type { Step } from '../../../src/reconcile/progress.ts';
import {
  applyOrUndo,
  type Change,
  diff,
  orphans,
  type Planned,
  stepsOf,
} from '../../../src/reconcile/reconcile.ts';
import { type Removal, removal } from '../../../src/reconcile/removal.ts';
import { beginRun } from '../../../src/reconcile/run.ts';
import { type Key, textOfKey } from '../../../src/resources/key.ts';
import { providerOf, type Resource } from '../../../src/resources/resource.ts';
import { imageIdOf } from '../../helpers/fake-docker.ts';
import { fakeSystemd, on } from '../../helpers/fake-system.ts';
import { machine, smallPlan, type Variant } from '../../helpers/plans.ts';
import { DIR, failing, follow, silent } from '../../helpers/run.ts';

const titles = (changes: { title: string; drift: { what: string } }[]) =>
  changes.map(({ title, drift }) => `${drift.what} ${title.replace(`${DIR}/`, '')}`);

/** Any two of them are a change that somebody may make. */
const variants: Record<string, Variant> = {
  plain: {},
  'a user more': { users: 'admin:hash' },
  'two users': { users: 'admin:hash\nci:hash' },
  'another port': { port: 5050, digest: 'd2' },
  'another image': { image: 'mirror/registry:3', digest: 'd3' },
  everything: { port: 1, config: 'x', digest: 'd4', users: 'u', image: 'mirror/registry:3' },
};
const pairs = Object.keys(variants).flatMap((a) => Object.keys(variants).map((b) => [a, b] as const));

function machineWithMirror() {
  const host = machine();
  host.docker.remote['mirror/registry:3'] = imageIdOf('mirror/registry:3');
  return host;
}

describe('diff', () => {
  test('reads only, and tells in the order of the plan what is not as it should be', async () => {
    const host = machine();
    await host.mkdir(DIR, 0o755);
    const before = host.snapshot();
    host.done.length = 0;
    expect(titles(await diff(smallPlan(), host))).toEqual([
      'create config',
      'create config/config.yml',
      'create /srv/images/here',
      'create settings.yml',
      'create container registry',
    ]);
    expect(host.done).toEqual([]);
    expect(host.snapshot()).toEqual(before);
  });

  test('tells what somebody changed by hand', async () => {
    const host = machine();
    await follow(host, smallPlan());
    host.put(`${DIR}/config/config.yml`, 'edited', 0o600);
    await host.chmod(`${DIR}/config`, 0o777);
    await host.run('docker', ['stop', 'registry']);
    expect(titles(await diff(smallPlan(), host))).toEqual([
      'change config',
      'change config/config.yml',
      'start container registry',
    ]);
  });
});

describe.each(pairs)('from %s to %s', (from, to) => {
  const [before, after] = [smallPlan(variants[from]), smallPlan(variants[to])];

  test('a second run finds nothing to do', async () => {
    const host = machineWithMirror();
    await follow(host, before);
    const changed = await follow(host, after);
    expect(changed.length > 0).toBe(from !== to);
    const done = host.snapshot();
    expect(await follow(host, after)).toEqual([]);
    expect(host.snapshot()).toEqual(done);
    expect(host.docker.containers).toMatchObject([{ name: 'registry', running: true }]);
  });

  test('the change, and everything, can be undone', async () => {
    const host = machineWithMirror();
    host.docker.images['mirror/registry:3'] = imageIdOf('mirror/registry:3');
    const nothing = host.snapshot();
    await follow(host, before);
    const one = host.snapshot();
    const failed = follow(host, after, { more: [failing(new CliError('no'))] });
    await expect(failed).rejects.toThrow('no');
    expect(host.snapshot()).toEqual(one);
    await follow(host, after);
    await follow(host, []);
    expect(host.snapshot()).toEqual(nothing);
  });
});

test('a new user restarts nothing', async () => {
  const host = machine();
  await follow(host, smallPlan({ users: 'admin:hash' }));
  const [container] = structuredClone(host.docker.containers);
  host.done.length = 0;
  await follow(host, smallPlan({ users: 'admin:hash\nci:hash' }));
  expect(host.docker.containers).toEqual([container]);
  expect(host.done.filter((line) => line.startsWith('docker'))).toEqual([]);
});

describe('what is no longer wanted', () => {
  test('is removed in reverse order; what no plan ever names stays until uninstall', async () => {
    const host = machine();
    await follow(host, smallPlan({ users: 'admin:hash' }));
    const oldest = await readOldest(host, DIR);
    const key = { kind: 'file', id: `${DIR}/generated-passwords`, kept: true as const };
    oldest.set(textOfKey(key), { key, title: '', undo: { steps: [] } });
    const gone = orphans(smallPlan(), oldest);
    expect(gone.map(({ of }) => of)).toEqual([
      { kind: 'file', id: `${DIR}/auth/htpasswd` },
      { kind: 'dir', id: `${DIR}/auth` },
    ]);
  });
});

describe('lines of progress', () => {
  test('files that follow each other are one line; the rest is named', async () => {
    const host = machine();
    const run = await beginRun(host, DIR, '');
    const lines = async (plan: Planned[]) =>
      stepsOf(await diff(plan, host), DIR, host, run).map(({ title }) => title);
    expect(await lines(smallPlan({ users: 'u' }))).toEqual([
      '3 files in /opt/registry',
      'Container registry',
    ]);
    expect(await lines([{ kind: 'dir', path: '/srv/one', mode: 0o755 }])).toEqual([
      '1 directory in /opt/registry',
    ]);
    await run.release();
    await follow(host, smallPlan({ users: 'u' }));
    const plan = smallPlan({ digest: 'd2', config: 'two' });
    expect(await lines([...plan, ...orphans(plan, await readOldest(host, DIR))])).toEqual([
      '1 file in /opt/registry',
      'Replaced container registry',
      'Removed 1 file in /opt/registry',
    ]);
    await host.run('docker', ['stop', 'registry']);
    expect(await lines(smallPlan())).toEqual(['Started container registry']);
  });

  /** The lines for the changes that lead from what was made to a plan. */
  async function linesOf(plan: Resource[], ...made: Key[]) {
    const removals = made.map((of): Removal => ({ kind: 'removal', of, undo: { steps: [] } }));
    const change = (resource: Planned): Change => {
      const title =
        resource.kind === 'removal' ? removal.title(resource) : providerOf(resource).title(resource);
      return {
        resource,
        title,
        drift: { what: resource.kind === 'removal' ? 'remove' : 'create', details: [] },
      };
    };
    const host = machine();
    const run = await beginRun(host, DIR, '');
    return stepsOf([...plan, ...removals].map(change), DIR, host, run).map(({ title }) => title);
  }
  const dir = (name: string) => ({ kind: 'dir', path: `${DIR}/${name}`, mode: 0o755 }) as const;
  const file = (name: string) =>
    ({ kind: 'file', path: `${DIR}/${name}`, content: '', mode: 0o644 }) as const;
  const unit = { kind: 'unit', name: 'registry', text: '' } as const;
  const gone = (kind: string, id: string): Key => ({ kind, id });

  test('directories are counted where there are no files', async () => {
    expect(await linesOf([dir('a'), dir('b')])).toEqual(['2 directories in /opt/registry']);
    expect(await linesOf([dir('a'), file('a/b'), file('a/c')])).toEqual(['2 files in /opt/registry']);
  });

  test('what is made and what is removed are two lines', async () => {
    expect(await linesOf([file('a')], gone('file', '/x'), gone('dir', '/y'))).toEqual([
      '1 file in /opt/registry',
      'Removed 1 file in /opt/registry',
    ]);
  });

  const left = [
    gone('container', 'registry'),
    gone('file', '/x'),
    gone('process', 'registry'),
    gone('owner', '/srv'),
  ];

  test('what holds the port, and the owner of the images, goes before the first service comes', async () => {
    expect(await linesOf([file('a'), unit, file('b')], ...left)).toEqual([
      '1 file in /opt/registry',
      'Removed container registry',
      'Removed background process registry',
      'Removed ownership of /srv',
      'Service registry',
      '1 file in /opt/registry',
      'Removed 1 file in /opt/registry',
    ]);
    expect(await linesOf([unit], gone('unit', 'other'))).toEqual([
      'Removed service other',
      'Service registry',
    ]);
  });

  test('where no service comes, everything goes in its order', async () => {
    expect(await linesOf([file('a')], ...left)).toEqual([
      '1 file in /opt/registry',
      'Removed container registry',
      'Removed 1 file in /opt/registry',
      'Removed background process registry',
      'Removed ownership of /srv',
    ]);
  });
});

describe('steps that are known only when others are done', () => {
  const heard: string[] = [];
  const step = (title: string): Step => ({ title, run: async () => void heard.push(title) as undefined });

  async function apply(afterwards: (() => Promise<Step[]>)[]) {
    const host = machine();
    const before = host.snapshot();
    const run = await beginRun(host, DIR, '');
    heard.length = 0;
    const signal = new AbortController().signal;
    const steps = [...stepsOf(await diff(smallPlan(), host), DIR, host, run), step('first')];
    const applied = applyOrUndo({ steps, afterwards, run, output: silent(), signal, uninterruptible: host });
    return { host, before, applied: applied.finally(run.release) };
  }

  test('are asked for then, and done', async () => {
    const next = async () => {
      heard.push('asked');
      return [step('second'), step('third')];
    };
    const { applied } = await apply([next, async () => [], async () => [step('last')]]);
    await applied;
    expect(heard).toEqual(['first', 'asked', 'second', 'third', 'last']);
  });

  test.each([
    ['fail', async () => [failing(new CliError('no'))]],
    ['cannot be known', () => Promise.reject(new CliError('no'))],
  ])('undo all of it if they %s', async (_, next: () => Promise<Step[]>) => {
    const { host, before, applied } = await apply([next]);
    await expect(applied).rejects.toThrow('no');
    expect(heard).toEqual(['first']);
    expect(host.snapshot()).toEqual(before);
  });
});

describe('failures', () => {
  test('a resource that still differs after its change is a failure, and everything is put back', async () => {
    const host = machine();
    const before = host.snapshot();
    // A file system that has its own idea of modes.
    const { mkdir } = host;
    host.mkdir = (path, mode) => mkdir(path, path.endsWith('/config') ? 0o777 : mode);
    await expect(follow(host, smallPlan())).rejects.toMatchObject({
      message: `${DIR}/config is not as it should be after the change.`,
      why: `chmod 0700 ${DIR}/config      (is 0777)`,
      exitCode: 1,
    });
    expect(host.snapshot()).toEqual(before);
  });

  test('a container that ended at once is left to the proof to report', async () => {
    const host = machine();
    host.docker.broken.add('registry:3');
    const proof = failing(new CliError('its last words'));
    await expect(follow(host, smallPlan(), { more: [proof] })).rejects.toThrow('its last words');
    expect(host.docker.containers).toEqual([]);
  });

  test('a container that is gone at once is a failure, though one that ended is not', async () => {
    const host = machine();
    const { run } = host;
    host.run = async (...words) => {
      const result = await run(...words);
      if (words[0] === 'docker' && words[1][0] === 'run') host.docker.containers = [];
      return result;
    };
    await expect(follow(host, smallPlan())).rejects.toThrow('container registry is not as it should be');
  });

  test('a service that does not run is a failure', async () => {
    const host = machine();
    fakeSystemd(host, 'registry', { active: false, enabled: false });
    on(host, 'systemctl restart registry.service', () => undefined);
    const plan: Resource[] = [{ kind: 'unit', name: 'registry', text: '# Written by registry-setup' }];
    await expect(follow(host, plan)).rejects.toThrow('service registry is not as it should be');
  });

  test('anything but an error of ours is a bug, and says so, after everything was put back', async () => {
    const host = machine();
    const before = host.snapshot();
    const bug = failing(new TypeError("Cannot read properties of undefined (reading 'x')"));
    await expect(follow(host, smallPlan(), { more: [bug] })).rejects.toMatchObject({
      message: 'Something went wrong.',
      why: expect.stringMatching(/^This is a bug in registry-setup: TypeError: Cannot read.*\n +at /),
      fix: ['Everything was put back as it was.'],
      exitCode: 1,
    });
    expect(host.snapshot()).toEqual(before);
    await expect(follow(host, smallPlan(), { more: [failing('a word' as never)] })).rejects.toMatchObject({
      why: 'This is a bug in registry-setup: a word',
    });
  });

  test('exit 2 means that nothing was touched, so a failure half-way is 1', async () => {
    const host = machine();
    const misuse = failing(new CliError('bad', { exitCode: 2 }));
    await expect(follow(host, smallPlan(), { more: [misuse] })).rejects.toMatchObject({ exitCode: 1 });
  });

  test('a failed step stops the steps after it', async () => {
    const host = machine();
    const heard: string[] = [];
    const after: Step = { title: 'after', run: async () => void heard.push('after') as undefined };
    const failed = follow(host, smallPlan(), { more: [failing(new CliError('no')), after] });
    await expect(failed).rejects.toThrow('no');
    expect(heard).toEqual([]);
  });
});

describe('Ctrl-C', () => {
  /** Where it may come; the last one is after the last step, before the run is over. */
  const moments = [`mkdir ${DIR}/config`, `write ${DIR}/settings.yml`, 'docker run'];

  test.each(moments)('at "%s": undone, 130', async (moment) => {
    const host = machine();
    const before = host.snapshot();
    const controller = new AbortController();
    host.before = (operation) => {
      if (operation.startsWith(moment)) controller.abort();
    };
    const interrupted = follow(host, smallPlan(), { signal: controller.signal });
    await expect(interrupted).rejects.toMatchObject({
      message: 'Interrupted.',
      exitCode: 130,
      fix: ['Everything was put back as it was.'],
    });
    expect(host.snapshot()).toEqual(before);
  });

  test('in the last step, whatever that step makes of it', async () => {
    const host = machine();
    const before = host.snapshot();
    for (const reaction of [undefined, new Interrupted(), new CliError('Docker could not …')]) {
      const controller = new AbortController();
      const proof: Step = {
        title: 'a proof',
        run: async () => {
          controller.abort();
          if (reaction) throw reaction;
          return undefined;
        },
      };
      const interrupted = follow(host, smallPlan(), { signal: controller.signal, more: [proof] });
      await expect(interrupted).rejects.toMatchObject({ message: 'Interrupted.', exitCode: 130 });
      expect({ ...host.snapshot() }).toEqual(before);
    }
  });
});
