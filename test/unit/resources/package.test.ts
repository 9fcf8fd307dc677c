import { describe, expect, test } from 'vitest';
import { perform } from '../../../src/reconcile/undo.ts';
import { pack } from '../../../src/resources/package.ts';
import type { ResourceOf } from '../../../src/resources/resource.ts';
import type { UndoStep } from '../../../src/resources/undo.ts';
import { fakeEngine } from '../../helpers/fake-engine.ts';
import { fakeHost } from '../../helpers/fake-host.ts';
import { fakeApt, fakeSystemd, on, said } from '../../helpers/fake-system.ts';
import { fiveCases, vaultOn } from '../../helpers/provider-cases.ts';

const plain: ResourceOf<'package'> = { kind: 'package', manager: 'apt', name: 'docker-registry' };
const resource: ResourceOf<'package'> = { ...plain, service: 'docker-registry' };

describe('a package', () => {
  fiveCases(pack, plain, [
    { name: 'not installed', prepare: (host) => fakeApt(host, 'docker-registry', false), takes: 'create' },
    { name: 'there already', prepare: (host) => fakeApt(host, 'docker-registry', true), takes: undefined },
  ]);
});

describe('the service that a package would start', () => {
  test('is masked before the package is there, and unmasked after it is gone', async () => {
    const host = fakeHost();
    fakeApt(host, 'docker-registry', false);
    fakeSystemd(host, 'docker-registry', { active: false, enabled: false });
    const undo = await pack.undo(resource, host, vaultOn(host));
    await pack.apply(resource, host);
    const order = said(host).filter((line) => /mask|install/.test(line));
    expect(order[0]).toBe('systemctl mask docker-registry.service');
    expect(host.text('/usr/sbin/policy-rc.d'), 'systemd needs no policy').toBeUndefined();
    for (const step of undo.steps) await perform(step, host);
    expect(host.text('/etc/systemd/system/docker-registry.service')).toBeUndefined();
    expect(await pack.check(resource, host)).toBeDefined();
  });

  test('a service that somebody has written in the place of the mask stays', async () => {
    const host = fakeHost();
    fakeApt(host, 'docker-registry', false);
    fakeSystemd(host, 'docker-registry', { active: false, enabled: false });
    const undo = await pack.undo(resource, host, vaultOn(host));
    await pack.apply(resource, host);
    host.put('/etc/systemd/system/docker-registry.service', 'theirs');
    for (const step of undo.steps) await perform(step, host);
    expect(host.text('/etc/systemd/system/docker-registry.service')).toBe('theirs');
  });

  test('without systemd a policy forbids it, for as long as apt runs', async () => {
    const host = fakeHost();
    fakeApt(host, 'docker-registry', false);
    host.put('/usr/sbin/.keep', '');
    let during: string | undefined;
    on(host, 'apt-get -o DPkg::Lock::Timeout=120 install', () => {
      during = host.text('/usr/sbin/policy-rc.d');
      return {};
    });
    await pack.apply(resource, host);
    expect(during).toContain('exit 101');
    expect(host.text('/usr/sbin/policy-rc.d')).toBeUndefined();
    expect(said(host)).toContain('update-rc.d');
  });

  test('a policy of somebody else stays as it is', async () => {
    const host = fakeHost();
    fakeApt(host, 'docker-registry', false);
    host.put('/usr/sbin/policy-rc.d', 'theirs', 0o755);
    await pack.apply(resource, host);
    expect(host.text('/usr/sbin/policy-rc.d')).toBe('theirs');
  });
});

test('packages that came with it are removed with it, and none that were there before', async () => {
  const host = fakeHost();
  fakeApt(host, 'docker-registry', false);
  const undo = await pack.undo(plain, host, vaultOn(host));
  await pack.apply(plain, host);
  const words: string[][] = [];
  const run = host.run;
  host.run = (command, args, options) => {
    words.push([command, ...args]);
    return run(command, args, options);
  };
  for (const step of undo.steps) await perform(step, host);
  const purge = words.find((line) => line.includes('purge') && !line.includes('-s'));
  expect(purge?.slice(-2)).toEqual(['docker-registry', 'adduser']);
});

test('a list of packages that is too old is fetched, and the installation tried again', async () => {
  const host = fakeHost();
  fakeApt(host, 'docker-registry', false);
  let tries = 0;
  on(host, 'apt-get -o DPkg::Lock::Timeout=120 install', () => ({ code: ++tries === 1 ? 100 : 0 }));
  on(host, 'apt-get -o DPkg::Lock::Timeout=120 update', () => undefined);
  await pack.apply(plain, host);
  expect(tries).toBe(2);
});

test('our service of the same name: the mask is temporary, and our unit is not a link to /dev/null', async () => {
  const host = fakeHost();
  fakeApt(host, 'docker-registry', false);
  fakeSystemd(host, 'docker-registry', { active: false, enabled: false });
  on(host, 'systemctl mask --runtime docker-registry.service', () => {
    host.put('/run/systemd/system/docker-registry.service', '');
    return {};
  });
  const ours: ResourceOf<'package'> = { ...resource, runtime: true };
  const undo = await pack.undo(ours, host, vaultOn(host));
  await pack.apply(ours, host);
  expect(host.text('/etc/systemd/system/docker-registry.service')).toBeUndefined();
  host.put('/etc/systemd/system/docker-registry.service', 'ours');
  for (const step of undo.steps) await perform(step, host);
  expect(host.text('/run/systemd/system/docker-registry.service')).toBeUndefined();
  expect(host.text('/etc/systemd/system/docker-registry.service')).toBe('ours');
});

describe('a package that brings an engine', () => {
  const docker: ResourceOf<'package'> = {
    kind: 'package',
    manager: 'apt',
    name: 'docker.io',
    engine: 'docker',
  };
  fiveCases(pack, docker, [
    { name: 'none', prepare: (host) => void fakeEngine(host, { installed: false }), takes: 'create' },
    {
      name: 'there already',
      prepare: (host) => void fakeEngine(host, { installed: true, active: true, enabled: true }),
      takes: undefined,
    },
  ]);

  test('is removed with what it has stored, except for what was there before', async () => {
    const host = fakeHost();
    fakeEngine(host, { installed: false });
    host.put('/var/lib/containerd/of-somebody', 'x');
    const undo = await pack.undo(docker, host, vaultOn(host));
    await pack.apply(docker, host);
    host.put('/var/lib/docker/overlay2/layer', 'x');
    for (const step of undo.steps) await perform(step, host);
    expect(await host.list('/var/lib/docker')).toEqual([]);
    expect(host.text('/var/lib/containerd/of-somebody')).toBe('x');
  });

  test('is removed; settings that others have made stay', async () => {
    const host = fakeHost();
    fakeEngine(host, { installed: false });
    const undo = await pack.undo(docker, host, vaultOn(host));
    await pack.apply(docker, host);
    host.put('/etc/docker/key.json', 'its own');
    host.put('/etc/docker/certs.d/other:5000/ca.crt', 'theirs');
    for (const step of undo.steps) await perform(step, host);
    expect(await host.list('/etc/docker')).toEqual(['certs.d']);
    expect(host.text('/etc/docker/certs.d/other:5000/ca.crt')).toBe('theirs');
  });

  test('an empty directory that was there before stays', async () => {
    const host = fakeHost();
    fakeEngine(host, { installed: false });
    host.put('/etc/docker/daemon.json', '{}');
    await host.remove('/etc/docker/daemon.json');
    const undo = await pack.undo(docker, host, vaultOn(host));
    for (const step of undo.steps) await perform(step, host);
    expect(await host.stat('/etc/docker')).toMatchObject({ type: 'dir' });
  });

  test('another package has brought the same engine since: what it has stored stays', async () => {
    const host = fakeHost();
    fakeEngine(host, { installed: false });
    const undo = await pack.undo(docker, host, vaultOn(host));
    host.put('/var/lib/fake/other-dockerd', 'yes');
    host.put('/var/lib/docker/overlay2/layer', 'x');
    for (const step of undo.steps) await perform(step, host);
    expect(host.text('/var/lib/docker/overlay2/layer')).toBe('x');
  });

  test('stays when somebody has put a container into it meanwhile', async () => {
    const host = fakeHost();
    fakeEngine(host, { installed: false });
    const undo = await pack.undo(docker, host, vaultOn(host));
    await pack.apply(docker, host);
    host.docker.foreign('web');
    const [step] = undo.steps;
    await expect(perform(step as UndoStep, host)).rejects.toThrow(
      'Docker stays: the container web is in it.',
    );
    expect(await pack.check(docker, host)).toBeUndefined();
  });
});

describe('a run that was killed in the middle of the installation', () => {
  /** `mends`: what makes it whole. */
  async function undone(mends: string): Promise<string[]> {
    const host = fakeHost();
    fakeApt(host, 'docker-registry', false);
    const undo = await pack.undo(plain, host, vaultOn(host));
    let rounds = 0;
    on(host, 'pgrep -x', () => ({ code: ++rounds < 2 ? 0 : 1 }));
    let state = 'install reinstreq half-installed';
    on(host, 'dpkg -s docker-registry', () => ({ stdout: `Status: ${state}\n` }));
    on(host, 'dpkg --audit', () => ({ stdout: state.startsWith('install ok') ? '' : 'in a mess' }));
    for (const words of ['dpkg --configure', 'apt-get -o DPkg::Lock::Timeout=120 install'])
      on(host, words, () => {
        if (words.includes(mends)) state = 'install ok installed';
        return {};
      });
    on(host, 'apt-get -o DPkg::Lock::Timeout=120 purge', () => {
      if (state === 'install ok installed') state = 'deinstall ok config-files';
      return {};
    });
    for (const step of undo.steps) await perform(step, host);
    expect(state).toBe('deinstall ok config-files');
    expect(rounds, 'the manager that still ran was waited for').toBe(2);
    return said(host);
  }

  test('an unconfigured package is configured, then removed', async () => {
    expect(await undone('--configure')).not.toContain('apt-get -o DPkg::Lock::Timeout=120 install');
  });
  test('a half-unpacked package is installed again, then removed', async () => {
    expect(await undone('install')).toContain('dpkg --configure');
  });
});

test('RHEL has no package of the registry: the error says where to get one', async () => {
  const host = fakeHost();
  on(host, 'dnf install', () => ({ code: 1, stderr: 'Error: Unable to find a match: docker-distribution' }));
  const wanted: ResourceOf<'package'> = { kind: 'package', manager: 'dnf', name: 'docker-distribution' };
  await expect(pack.apply(wanted, host)).rejects.toMatchObject({
    fix: expect.arrayContaining([expect.stringContaining('dnf install epel-release')]),
  });
});
