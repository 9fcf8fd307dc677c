import { describe, expect, test } from 'vitest';
import type { Service } from '../../../src/engines/types.ts';
import { perform } from '../../../src/reconcile/undo.ts';
import { container } from '../../../src/resources/container.ts';
import type { ResourceOf } from '../../../src/resources/resource.ts';
import { imageIdOf } from '../../helpers/fake-docker.ts';
import { type FakeHost, fakeHost } from '../../helpers/fake-host.ts';
import { fiveCases, undoNow, vaultOn } from '../../helpers/provider-cases.ts';

const service: Service = {
  name: 'registry',
  image: 'registry:3',
  command: ['serve', '/etc/registry/config.yml'],
  publish: [{ bind: '0.0.0.0', port: 5000, to: 5000 }],
  mounts: [
    { source: '/opt/registry/config', target: '/etc/registry', readOnly: true },
    { source: '/opt/registry/data', target: '/var/lib/registry', readOnly: false },
  ],
  env: { A: 'b c' },
  owner: '/opt/registry',
  options: ['--log-opt', 'max-size=10m'],
};
const resource: ResourceOf<'container'> = { kind: 'container', service, digest: 'new' };
const former: ResourceOf<'container'> = { ...resource, digest: 'old' };

function withImage(host: FakeHost) {
  host.docker.images['registry:3'] = imageIdOf('registry:3');
}
const running = (what: ResourceOf<'container'>) => async (host: FakeHost) => {
  withImage(host);
  await container.apply(what, host);
};
const stopped = (what: ResourceOf<'container'>) => async (host: FakeHost) => {
  await running(what)(host);
  await host.run('docker', ['stop', 'registry']);
};

describe('a container', () => {
  fiveCases(container, resource, [
    { name: 'none', prepare: withImage, takes: 'create' },
    { name: 'one with other settings', prepare: running(former), takes: 'change' },
    { name: 'a stopped one with other settings', prepare: stopped(former), takes: 'change' },
    { name: 'a stopped one', prepare: stopped(resource), takes: 'start' },
    {
      name: 'one of an older image with the same name',
      prepare: async (host) => {
        await running(resource)(host);
        host.docker.images['registry:3'] = imageIdOf('newer');
      },
      takes: 'change',
    },
    { name: 'as wanted', prepare: running(resource), takes: undefined },
  ]);

  test('--dry-run shows the line that is run', async () => {
    const host = fakeHost();
    withImage(host);
    const drift = await container.check(resource, host);
    await container.apply(resource, host);
    expect(drift?.details.at(-1)?.replace("'A=b c'", 'A=b c')).toBe(host.done.at(-1));
  });

  test('the container can do nothing but its job', async () => {
    const host = fakeHost();
    await running(resource)(host);
    const line = host.docker.container('registry')?.args.join(' ');
    for (const words of [
      '--read-only',
      '--cap-drop ALL',
      '--security-opt no-new-privileges',
      '--pids-limit 512',
      '--restart unless-stopped',
      // Without an address: IPv6, too.
      '-p 5000:5000',
      '-v /opt/registry/config:/etc/registry:ro',
      '-v /opt/registry/data:/var/lib/registry',
      '--label registry-setup.dir=/opt/registry',
      '--log-opt max-size=10m registry:3 serve /etc/registry/config.yml',
    ])
      expect(`${line} `).toContain(`${words} `);
  });

  test('an IPv6 address to listen on is in brackets', async () => {
    const host = fakeHost();
    await running({ ...resource, service: { ...service, publish: [{ bind: '::1', port: 1, to: 2 }] } })(host);
    expect(host.docker.container('registry')?.args).toContain('[::1]:1:2');
  });

  test('a replacement is down only for a stop and a start, and new connections wait meanwhile', async () => {
    const host = fakeHost();
    await running(former)(host);
    host.done.length = 0;
    const words: string[] = [];
    host.before = (line) => {
      const [tool, word = ''] = line.split(' ');
      if (tool === 'docker') words.push(`${word}${host.filter.rules.length > 0 ? ', waiting' : ''}`);
    };
    await container.apply(resource, host);
    expect(words).toEqual(['rename', 'create', 'stop, waiting', 'start, waiting']);
    expect(host.filter.rules).toEqual([]);
  });

  // As after `docker network prune`: the engine starts a container in the network that it was made with, and in no other.
  test('a stopped one whose network was made anew is replaced', async () => {
    const host = fakeHost();
    withImage(host);
    const made = () =>
      host.run('docker', ['network', 'create', '--subnet', '10.9.0.0/28', '--label', 'a=b', 'net']);
    await made();
    const inNet = { ...resource, service: { ...service, network: { name: 'net', ip: '10.9.0.2' } } };
    await stopped(inNet)(host);
    expect((await container.check(inNet, host))?.what).toBe('start');
    await host.run('docker', ['network', 'rm', 'net']);
    await made();
    expect((await container.check(inNet, host))?.what).toBe('change');
    await container.apply(inNet, host);
    expect(await container.check(inNet, host)).toBeUndefined();
  });

  test('the former container is removed when the run ends, the new one never', async () => {
    const host = fakeHost();
    await running(former)(host);
    const undo = await container.undo(resource, host, vaultOn(host));
    await container.apply(resource, host);
    for (const step of undo.cleanup ?? []) await perform(step, host);
    expect(host.docker.containers).toHaveLength(1);
    expect(await container.check(resource, host)).toBeUndefined();

    const equal = await container.undo(resource, host, vaultOn(host));
    for (const step of equal.cleanup ?? []) await perform(step, host);
    expect(host.docker.containers).toHaveLength(1);
  });

  test('a replacement that cannot start is taken back', async () => {
    const host = fakeHost();
    await running(former)(host);
    host.docker.foreign('other', 'other:1', [6000]);
    const before = host.snapshot();
    const moved = { ...resource, service: { ...service, publish: [{ bind: '0.0.0.0', port: 6000, to: 1 }] } };
    const undo = await container.undo(moved, host, vaultOn(host));
    await expect(container.apply(moved, host)).rejects.toMatchObject({
      message: 'Docker could not start the container registry.',
      why: expect.stringContaining('port is already allocated'),
    });
    await undoNow(undo, host);
    expect(host.snapshot()).toEqual(before);
  });
});

describe('a container of the same name that is not ours', () => {
  test('made by hand: never touched, and the error has two ways out', async () => {
    const host = fakeHost();
    host.docker.foreign('registry', 'registry:2');
    const found = container.check(resource, host);
    await expect(found).rejects.toMatchObject({
      message: 'The container "registry" (registry:2) was not made by registry-setup.',
      exitCode: 2,
      fix: [expect.stringContaining('--name registry-2'), expect.stringContaining('docker rename registry')],
    });
    await expect(container.apply(resource, host)).rejects.toThrow('not made by');
    await expect(container.undo(resource, host, vaultOn(host))).rejects.toThrow('not made by');
    expect(host.done).toEqual([]);
  });

  test('of another set-up: the error names its directory', async () => {
    const host = fakeHost();
    await running({ ...resource, service: { ...service, owner: '/srv/other' } })(host);
    await expect(container.check(resource, host)).rejects.toMatchObject({
      message: 'The container "registry" (registry:3) belongs to the registry in /srv/other.',
      fix: expect.arrayContaining([expect.stringContaining('--dir /srv/other')]),
    });
  });

  test('that took the name of one that has gone: the way back does not touch it', async () => {
    const host = fakeHost();
    withImage(host);
    const undo = await container.undo(resource, host, vaultOn(host));
    host.docker.foreign('registry');
    const before = host.snapshot();
    await undoNow(undo, host);
    expect(host.snapshot()).toEqual(before);
  });

  test('that took the name while the former one is set aside: told, not touched', async () => {
    const host = fakeHost();
    await running(former)(host);
    const undo = await container.undo(resource, host, vaultOn(host));
    await container.apply(resource, host);
    await host.run('docker', ['rm', '-fv', 'registry']);
    host.docker.foreign('registry');
    await expect(undoNow(undo, host)).rejects.toThrow('another container has taken its name');
    expect(host.docker.container('registry')?.image).toBe('somebody/thing:1');
  });
});
