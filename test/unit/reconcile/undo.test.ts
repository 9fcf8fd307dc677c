// Every step back that any kind of resource can make: each is known, and one that has nothing to take back does nothing.
import { describe, expect, test } from 'vitest';
import { inverse, perform, performReversibly, stepKindOf, wouldChange } from '../../../src/reconcile/undo.ts';
import { PROVIDERS } from '../../../src/resources/providers.ts';
import type { UndoStep } from '../../../src/resources/undo.ts';
import { DAEMON, runDockerd } from '../../helpers/daemon.ts';
import { imageIdOf } from '../../helpers/fake-docker.ts';
import { type FakeHost, fakeHost } from '../../helpers/fake-host.ts';
import { fakeApt, fakeSystemd, fakeUfw, fakeUsers } from '../../helpers/fake-system.ts';
import { undoNow, vaultOn } from '../../helpers/provider-cases.ts';

const owner = { mode: 0o644, uid: 0, gid: 0 };
const before = { ...owner, made: true };

/** One of each; the compiler names a step that is missing here. */
const samples: { [D in UndoStep['do']]: Extract<UndoStep, { do: D }> } = {
  restore: { do: 'restore', path: '/srv/here', copy: '/srv/copy', ...owner },
  remove: { do: 'remove', path: '/srv/none' },
  rmdir: { do: 'rmdir', path: '/srv/none' },
  chmod: { do: 'chmod', path: '/srv', ...owner, mode: 0o755 },
  removeTree: { do: 'removeTree', path: '/srv/none' },
  rename: { do: 'rename', from: '/srv/none', to: '/srv/other' },
  container: { do: 'container', name: 'registry', owner: '/opt/registry' },
  start: { do: 'start', id: '0001'.repeat(16) },
  discard: { do: 'discard', id: 'ffff'.repeat(16) },
  image: { do: 'image', ref: 'registry:3' },
  trialProcess: { do: 'trialProcess', pid: '/srv/pid', word: '/srv/config.yml' },
  tag: { do: 'tag', ref: 'registry:3', id: imageIdOf('registry:3') },
  package: { do: 'package', manager: 'apt', name: 'docker.io', before: { packages: [], users: [] } },
  engine: { do: 'engine', units: [{ name: 'docker.service', active: false, enabled: false }] },
  account: { do: 'account', name: 'registry-setup' },
  owner: { do: 'owner', path: '/srv', uid: 0, gid: 0 },
  unit: { do: 'unit', name: 'registry', on: false },
  process: { do: 'process', name: 'registry', script: '/opt/registry/run/registry.sh' },
  timer: { do: 'timer', name: 'registry-renew', on: false },
  daemonJson: {
    do: 'daemonJson',
    ...{ daemon: DAEMON, directive: 'insecure-registries', entry: 'a:5000', present: false },
    ...before,
  },
  trustStore: { do: 'trustStore', store: 'debian' },
  restart: { do: 'restart', daemon: DAEMON },
  line: { do: 'line', path: '/etc/hosts', line: '127.0.0.1 a # registry-setup', ...before },
  firewall: { do: 'firewall', opening: { program: 'ufw', port: 5000 }, present: false },
  network: { do: 'network', name: 'registry-network', owner: '/opt/registry' },
  reload: { do: 'reload', name: 'registry-gateway', config: '/etc/gateway/nginx.conf' },
  testImage: {
    do: 'testImage',
    storage: '/srv/images',
    repository: `registry-setup-check-${'0'.repeat(12)}`,
    digests: ['0'.repeat(64)],
  },
  restoredImages: { do: 'restoredImages', storage: '/srv/images' },
  purge: { do: 'purge', storage: '/srv/none' },
  login: { do: 'login', tool: 'docker', registry: 'a:5000', path: '/root/.docker/config.json', ...before },
};

/** A machine on which none of it was ever done; one container runs. */
async function untouched() {
  const host = fakeHost();
  fakeApt(host, 'docker.io', false);
  fakeUsers(host, 'registry-setup', false);
  fakeSystemd(host, 'registry', { active: false, enabled: false });
  fakeUfw(host, true);
  for (const word of ['is-active', 'is-enabled'])
    for (const unit of ['docker.service', 'registry-renew.timer', 'registry-renew.service'])
      host.commands[`systemctl ${word} --quiet ${unit}`] = { code: 3 };
  host.commands['systemctl disable --now registry-renew.timer'] = { code: 1 };
  host.commands['update-ca-certificates'] = {};
  host.docker.images['other:1'] = imageIdOf('other:1');
  await host.run('docker', ['run', '-d', '--name', 'other', 'other:1']);
  host.put('/srv/here', 'here');
  host.put('/srv/copy', 'here');
  runDockerd(host);
  return host;
}

test.each(Object.values(samples))('$do is known, and says what it does', (step) => {
  const kind = stepKindOf(step);
  expect(kind.words(step)).toMatch(/\w/);
  for (const part of ['perform', 'isLeft', 'inverse'] as const) expect(kind[part]).toBeTypeOf('function');
});

test('a step that only a newer version knows is named', () => {
  expect(() => stepKindOf({ do: 'fold' } as never)).toThrow('does not know the step "fold"');
});

test('every step has a sample here, and belongs to one kind only', () => {
  const names = Object.values(PROVIDERS).flatMap(({ steps }) => Object.keys(steps));
  expect(names.filter((name) => !(name in samples))).toEqual([]);
  expect(names).toHaveLength(new Set(names).size);
});

/** Whether they are needed cannot be seen: they are done in any case. */
const ALWAYS = ['restore', 'chmod', 'rename', 'start', 'discard', 'restart', 'testImage', 'purge'];

test.each(Object.values(samples))('$do of what never happened changes nothing, either way', async (step) => {
  const host = await untouched();
  const machine = host.snapshot();
  expect(await wouldChange(step, host)).toBe(ALWAYS.includes(step.do));
  await perform(step, host);
  expect(host.snapshot()).toEqual(machine);
  const back = await inverse(step, host, vaultOn(host));
  await performReversibly(step, host);
  expect(host.snapshot()).toEqual(machine);
  await undoNow(back, host);
  expect(host.snapshot()).toEqual(machine);
  for (const left of back.cleanup ?? []) await perform(left, host);
  expect(host.snapshot()).toEqual(machine);
});

describe('a file to put back', () => {
  const path = '/srv/config/file';
  const restore = { do: 'restore', path, copy: '/srv/copy', mode: 0o640, uid: 5, gid: 6 } as const;

  /** The file as it is to be. */
  async function there() {
    const host = fakeHost();
    host.put('/srv/copy', 'before');
    host.put(path, 'before');
    await host.chmod(path, 0o640, { uid: 5, gid: 6 });
    return host;
  }

  test.each([
    ['bytes', (host: FakeHost) => host.write(path, 'after', restore)],
    ['mode', (host: FakeHost) => host.chmod(path, 0o644)],
    ['owner', (host: FakeHost) => host.chmod(path, 0o640, { uid: 0, gid: 6 })],
    ['group', (host: FakeHost) => host.chmod(path, 0o640, { uid: 5, gid: 0 })],
    ['place, with its directory', (host: FakeHost) => host.removeTree('/srv/config')],
  ])('gets its %s back', async (_, change) => {
    const host = await there();
    const before = host.snapshot();
    await change(host);
    expect(host.snapshot()).not.toEqual(before);
    await perform(restore, host);
    expect(host.snapshot()).toEqual(before);
  });

  test('is not written if nothing of it has changed: the disk may be full', async () => {
    const host = await there();
    host.before = () => {
      throw new Error('no space left on device');
    };
    await perform(restore, host);
  });

  test('whose copy is gone stays as it is, and both are named', async () => {
    const host = await there();
    await host.remove('/srv/copy');
    const before = host.snapshot();
    await expect(perform(restore, host)).rejects.toThrow('the copy /srv/copy of /srv/config/file is gone');
    expect(host.snapshot()).toEqual(before);
  });
});

describe('a directory to put back', () => {
  const chmod = { do: 'chmod', path: '/srv/data', mode: 0o750, uid: 5, gid: 6 } as const;

  test.each([
    ['mode', (host: FakeHost) => host.chmod(chmod.path, 0o755)],
    ['owner', (host: FakeHost) => host.chmod(chmod.path, 0o750, { uid: 0, gid: 6 })],
    ['group', (host: FakeHost) => host.chmod(chmod.path, 0o750, { uid: 5, gid: 0 })],
    ['place', (host: FakeHost) => host.rmdir(chmod.path)],
  ])('gets its %s back', async (_, change) => {
    const host = fakeHost();
    host.put('/srv/x', '');
    await host.mkdir(chmod.path, chmod.mode);
    await host.chmod(chmod.path, chmod.mode, chmod);
    const before = host.snapshot();
    await change(host);
    expect(host.snapshot()).not.toEqual(before);
    await perform(chmod, host);
    expect(host.snapshot()).toEqual(before);
  });
});

test('a directory that somebody makes while its removal is under way stays', async () => {
  const host = fakeHost();
  host.put('/srv/x', '');
  const rmdir = { do: 'rmdir', path: '/srv/data' } as const;
  const { cleanup = [] } = await inverse(rmdir, host, vaultOn(host));
  await performReversibly(rmdir, host);
  await host.mkdir('/srv/data', 0o755);
  for (const step of cleanup) await perform(step, host);
  expect(await host.stat('/srv/data')).toBeDefined();
});

describe('a tree to be removed', () => {
  const tree = { do: 'removeTree', path: '/srv/tree' } as const;

  function withTree() {
    const host = fakeHost();
    host.put('/srv/tree/a/b', 'deep');
    host.put('/srv/beside', 'stays');
    return host;
  }

  test('is gone with all that is in it', async () => {
    const host = withTree();
    await perform(tree, host);
    expect(await host.list('/srv')).toEqual(['beside']);
  });

  test('comes back whole while the run is not over', async () => {
    const host = withTree();
    const before = host.snapshot();
    const back = await inverse(tree, host, vaultOn(host));
    await performReversibly(tree, host);
    expect(await host.stat('/srv/tree')).toBeUndefined();
    await undoNow(back, host);
    expect(host.snapshot()).toEqual(before);
  });

  test('leaves nothing when the run is over', async () => {
    const host = withTree();
    const back = await inverse(tree, host, vaultOn(host));
    await performReversibly(tree, host);
    for (const step of back.cleanup ?? []) await perform(step, host);
    expect(await host.list('/srv')).toEqual(['beside']);
  });
});

test.each([
  ['put /srv/here back as it was', samples.restore],
  ['rm /srv/none', samples.remove],
  ['rmdir /srv/none      (if it is empty)', samples.rmdir],
  ['chmod 755 /srv', samples.chmod],
  ['rm -r /srv/none', samples.removeTree],
  ['mv /srv/none /srv/other', samples.rename],
])('a step on files is shown as: %s', (words, step) => {
  expect(stepKindOf(step).words(step)).toBe(words);
});
