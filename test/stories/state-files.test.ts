// The files of DIR/.state as other versions wrote them: before there was a format number, and in a format to come.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { madeForOthers, remembered } from '../../src/client/records.ts';
import { FORMAT, readOldest, readUnfinished } from '../../src/reconcile/journal.ts';
import { diff, wayBack } from '../../src/reconcile/reconcile.ts';
import { asRecovered } from '../../src/reconcile/recovered-host.ts';
import { removal } from '../../src/reconcile/removal.ts';
import { beginRun } from '../../src/reconcile/run.ts';
import { textOfKey } from '../../src/resources/key.ts';
import { keyOf } from '../../src/resources/resource.ts';
import { runCommand } from '../helpers/context.ts';
import { type FakeHost, fakeHost } from '../helpers/fake-host.ts';
import { machine, smallPlan } from '../helpers/plans.ts';
import { DIR, follow } from '../helpers/run.ts';

vi.mock('../../src/server/checks/proof.ts', async (original) => ({
  ...(await original<typeof import('../../src/server/checks/proof.ts')>()),
  liveChecks: () => [],
}));

const FIXTURES = new URL('../fixtures/state', import.meta.url).pathname;
const state = (name: string) => `${DIR}/.state/${name}`;

/** Files that the last version without a format number wrote. */
function putFormer(host: FakeHost, name: string) {
  for (const path of readdirSync(join(FIXTURES, name), { recursive: true, withFileTypes: true }))
    if (path.isFile()) {
      const file = join(path.parentPath, path.name);
      host.put(state(file.slice(join(FIXTURES, name).length + 1)), readFileSync(file, 'utf8'), 0o600);
    }
}

/** Every kind of resource, the last one first. */
const TITLES = [
  '/opt/registry/generated-passwords',
  'login docker:registry.lan:5000',
  'registry-setup-registry.lan-5000',
  'docker:insecure-registries',
  '/etc/docker/daemon.json:insecure-registries:registry.lan:5000',
  'line for registry.lan in the hosts file',
  'rule for port 5000 in ufw',
  'timer registry-renew',
  'background process registry',
  'service registry',
  'podman container registry',
  'container registry',
  'copy of this program in /opt/registry/program/0.1.0-abc',
  '/opt/registry/bin/node',
  'program /opt/registry/bin/registry',
  'ownership of /srv',
  '/opt/registry/config/config.yml',
  '/opt/registry/config',
  'user registry-setup',
  'podman image docker.io/library/registry:3',
  'image registry:3',
  'Docker',
  'package docker.io',
  '/opt/registry',
];

describe('what was written before there was a format', () => {
  test('is read: every kind, by its key', async () => {
    const host = fakeHost();
    putFormer(host, 'every-kind');
    const oldest = await readOldest(host, DIR);
    expect(wayBack(oldest).map(removal.title)).toEqual(TITLES);
    const keys = [...oldest.values()].map(({ key }) => key);
    expect(keys.filter(({ kept }) => kept).map(({ kind, id }) => [kind, id])).toEqual([
      ['package', 'docker.io'],
      ['engine', ''],
      ['file', '/opt/registry/generated-passwords'],
    ]);
    expect(keys.filter(({ engine }) => engine).map(({ kind, engine }) => [kind, engine])).toEqual([
      ['image', 'podman'],
      ['container', 'podman'],
    ]);
    const left = await readUnfinished(host, DIR);
    expect(left).toMatchObject({ command: 'registry-setup in a test', committed: false });
    expect(left?.entries.map(({ key }) => textOfKey(key))).toEqual([...oldest.keys()]);
  });

  test('is recognized: a plan that still names it removes nothing', async () => {
    const host = fakeHost();
    putFormer(host, 'killed');
    const oldest = await readOldest(host, DIR);
    const wanted = smallPlan().map((resource) => textOfKey(keyOf(resource)));
    expect([...oldest.keys()].filter((key) => !wanted.includes(key))).toEqual([]);
  });

  const second = smallPlan({ digest: 'd2', port: 5050, config: 'two', users: 'admin:hash' });

  /** A machine on which a change was cut off at a step, with the state as the former version left it. */
  async function cutOff(name: string, step: string) {
    const undisturbed = machine();
    await follow(undisturbed, smallPlan());
    const from = undisturbed.done.length;
    await follow(undisturbed, second);
    const at = undisturbed.done.slice(from).findLastIndex((operation) => operation.startsWith(step)) + 1;
    expect(at).toBeGreaterThan(1);
    const host = machine();
    await follow(host, smallPlan());
    const before = host.docker.containers.map(({ id, name }) => [id, name]);
    host.dieBefore(at);
    await expect(follow(host, second)).rejects.toThrow('power');
    host.boot();
    await host.removeTree(state(''));
    await host.removeTree(`${DIR}/.state`);
    putFormer(host, name);
    return { host, before };
  }

  test('an interrupted run is put back', async () => {
    const { host, before } = await cutOff('killed', 'docker start registry');
    const seen = await asRecovered(host, DIR);
    expect((await seen.read(`${DIR}/config/config.yml`))?.toString()).toBe('one');
    await follow(host, undefined);
    expect(await diff(smallPlan(), host)).toEqual([]);
    expect(host.docker.containers.map(({ id, name }) => [id, name])).toEqual(before);
    expect(await host.list(`${DIR}/.state`)).toEqual(['oldest.json']);
  });

  test('a run that was over is tidied up, and everything can be removed', async () => {
    const nothing = machine().snapshot();
    const { host } = await cutOff('over', `remove ${state('copies')}`);
    await follow(host, undefined);
    expect(await diff(second, host)).toEqual([]);
    expect(host.docker.containers).toHaveLength(1);
    await follow(host, []);
    expect(host.snapshot()).toEqual(nothing);
  });

  test('a change rewrites it with its format', async () => {
    const host = machine();
    await follow(host, smallPlan());
    putFormer(host, 'over');
    await host.remove(state('journal'));
    const former = await readOldest(host, DIR);
    await follow(host, smallPlan({ digest: 'd2' }));
    expect(JSON.parse(host.text(state('oldest.json')) ?? '')).toMatchObject({ format: FORMAT });
    expect([...(await readOldest(host, DIR)).keys()]).toEqual([...former.keys()]);
  });
});

describe('what a newer version wrote', () => {
  const newer = { format: FORMAT + 1, by: '7.1.0' };
  const files = {
    'oldest.json': JSON.stringify({ ...newer, what: 'nobody knows' }),
    journal: `${JSON.stringify({ ...newer, pid: 4, command: 'registry-setup' })}\n{"x":1}\n`,
  };

  describe.each(Object.entries(files))('%s', (name, text) => {
    const refusal = (path: string) => ({
      message: `${path} was written by a newer registry-setup (7.1.0).`,
      fix: ['Use registry-setup 7.1.0 or newer.'],
      exitCode: 2,
    });

    test.each([
      '--yes --port 5050',
      '--yes --port 5050 --dry-run',
      'status',
      'uninstall --yes',
      'user add ci --yes',
    ])('registry-setup %s refuses it, and touches nothing', async (line) => {
      const host = machine();
      await runCommand(host, '--yes --tls insecure');
      host.put(state(name), text, 0o600);
      host.put(state('.journal.0123abcd.tmp'), 'x', 0o600);
      const before = host.snapshot();
      await expect(runCommand(host, line)).rejects.toMatchObject(refusal(state(name)));
      expect(host.snapshot()).toEqual(before);
    });

    test('a run refuses it before it takes the lock', async () => {
      const host = machine();
      host.put(state(name), text, 0o600);
      host.done.length = 0;
      await expect(beginRun(host, DIR, 'registry-setup')).rejects.toMatchObject(refusal(state(name)));
      expect(host.done).toEqual([]);
    });

    test('a client refuses it', async () => {
      const host = machine();
      const path = `/var/lib/registry-setup/client/a.lan_5000/.state/${name}`;
      host.put(path, text, 0o600);
      await expect(remembered(host, '/var/lib/registry-setup/client')).rejects.toMatchObject(refusal(path));
      if (name === 'journal') return;
      const others = madeForOthers(host, '/var/lib/registry-setup/client', '');
      await expect(others).rejects.toMatchObject(refusal(path));
    });
  });
});
