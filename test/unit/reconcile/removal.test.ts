import { describe, expect, test } from 'vitest';
import { type Removal, removal } from '../../../src/reconcile/removal.ts';
import { perform } from '../../../src/reconcile/undo.ts';
import type { Undo } from '../../../src/resources/undo.ts';
import { DAEMON } from '../../helpers/daemon.ts';
import { imageIdOf } from '../../helpers/fake-docker.ts';
import { type FakeHost, fakeHost } from '../../helpers/fake-host.ts';
import { fiveCases, vaultOn } from '../../helpers/provider-cases.ts';

const gone = (kind: string, id: string, undo: Undo): Removal => ({ kind: 'removal', of: { kind, id }, undo });
const path = '/srv/a/file';
const file = gone('file', path, { steps: [{ do: 'remove', path }] });
const dir = gone('dir', '/srv/a', { steps: [{ do: 'rmdir', path: '/srv/a' }] });
const container = gone('container', 'registry', {
  steps: [{ do: 'container', name: 'registry', owner: '/opt/registry' }],
});
const image = gone('image', 'registry:3', { steps: [{ do: 'image', ref: 'registry:3' }] });

const word = (name: string) => ['--label', `registry-setup.dir=${name}`];
async function start(host: FakeHost, owner = '/opt/registry') {
  host.docker.images['registry:3'] = imageIdOf('registry:3');
  await host.run('docker', ['run', '-d', '--name', 'registry', ...word(owner), 'registry:3']);
}

describe('a file to be removed', () => {
  fiveCases(removal, file, [
    { name: 'there', prepare: (host) => host.put(path, 'ours', 0o600), takes: 'remove' },
    { name: 'gone already', prepare: () => {}, takes: undefined },
  ]);
});

test('a removal tells as data whether it removes files and restarts Docker', async () => {
  const host = fakeHost();
  host.put(path, 'ours');
  host.put('/copy', 'before');
  const restart = { do: 'restart', daemon: DAEMON } as const;
  const restore = { do: 'restore', path, copy: '/copy', mode: 0o644, uid: 0, gid: 0 } as const;
  const removed = await removal.check(
    gone('moved', 'docker', { steps: [{ do: 'remove', path }, restart] }),
    host,
  );
  expect(removed).toMatchObject({ deletes: true, restarts: DAEMON });
  const restored = await removal.check(gone('file', path, { steps: [restore] }), host);
  expect(Object.keys(restored ?? {})).toEqual(['what', 'details']);
});

describe('a directory to be removed', () => {
  fiveCases(removal, dir, [
    { name: 'empty', prepare: (host) => host.mkdir('/srv/a', 0o711), takes: 'remove' },
    { name: 'gone already', prepare: () => {}, takes: undefined },
  ]);

  test('a directory that is not empty stays', async () => {
    const host = fakeHost();
    host.put('/srv/a/image', 'precious');
    await removal.apply(dir, host);
    expect(host.text('/srv/a/image')).toBe('precious');
  });
});

describe('a container to be removed', () => {
  fiveCases(removal, container, [
    { name: 'running', prepare: start, takes: 'remove' },
    {
      name: 'stopped',
      prepare: async (host) => {
        await start(host);
        await host.run('docker', ['stop', 'registry']);
      },
      takes: 'remove',
    },
    { name: 'gone already', prepare: () => {}, takes: undefined },
    {
      name: 'gone, and somebody else has the name',
      prepare: (host) => void host.docker.foreign('registry'),
      takes: undefined,
    },
    {
      name: 'gone, and another set-up has the name',
      prepare: (host) => start(host, '/srv/other'),
      takes: undefined,
    },
  ]);

  test('the container is set aside until the run is over, and then removed', async () => {
    const host = fakeHost();
    await start(host);
    const undo = await removal.undo(container, host, vaultOn(host));
    await removal.apply(container, host);
    expect(host.docker.container('registry')).toBeUndefined();
    expect(host.docker.containers).toMatchObject([{ running: false }]);
    for (const step of undo.cleanup ?? []) await perform(step, host);
    expect(host.docker.containers).toEqual([]);
  });
});

test('an image is removed last: its container uses it until the run is over', async () => {
  const host = fakeHost();
  await start(host);
  const undos = [];
  for (const resource of [container, image]) {
    expect(await removal.check(resource, host)).toMatchObject({ what: 'remove' });
    undos.push(await removal.undo(resource, host, vaultOn(host)));
    await removal.apply(resource, host);
  }
  expect(host.docker.images['registry:3'], 'there is a way back').toBeDefined();
  for (const step of undos.flatMap(({ cleanup = [] }) => cleanup)) await perform(step, host);
  expect(host.docker.images['registry:3']).toBeUndefined();
});

test('the removal of an unused image can be undone until then, too', async () => {
  const host = fakeHost();
  host.docker.images['registry:3'] = imageIdOf('registry:3');
  const undo = await removal.undo(image, host, vaultOn(host));
  await removal.apply(image, host);
  expect(host.docker.images['registry:3']).toBeDefined();
  for (const step of undo.cleanup ?? []) await perform(step, host);
  expect(host.docker.images['registry:3']).toBeUndefined();
});

test('a removal is shown as commands', async () => {
  const host = fakeHost();
  host.put(path, '');
  await start(host);
  const details = await Promise.all([file, dir, container, image].map((r) => removal.check(r, host)));
  expect(details.flatMap((drift) => drift?.details)).toEqual([
    'rm /srv/a/file',
    'rmdir /srv/a      (if it is empty)',
    'docker rm -fv registry',
    'docker rmi registry:3      (if nothing else uses it)',
  ]);
});

test('what deletes is a command for root, the rest a hint', async () => {
  const host = fakeHost();
  host.put(path, '');
  host.put('/srv/tree/x', '');
  await start(host);
  const tree = gone('program', '/srv/tree', { steps: [{ do: 'removeTree', path: '/srv/tree' }] });
  const lines = await Promise.all([file, dir, tree, image].map((r) => removal.byHand(r, host)));
  expect(lines.flat()).toEqual([
    'sudo rm /srv/a/file',
    'sudo rmdir /srv/a      (if it is empty)',
    'sudo rm -r /srv/tree',
    '# docker rmi registry:3      (if nothing else uses it)',
  ]);
});
