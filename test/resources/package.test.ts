import { describe, expect, test } from 'vitest';
import { MANAGERS } from '../../src/engines/packages.ts';
import type { ResourceOf } from '../../src/resource.ts';
import { pack } from '../../src/resources/package.ts';
import { perform } from '../../src/undo.ts';
import { fakeHost } from '../helpers/fake-host.ts';
import { fakeApt, fakeSystemd, on, said } from '../helpers/fake-system.ts';
import { fiveCases, vaultOn } from '../helpers/provider-cases.ts';

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

test('what came with it goes with it, and nothing that was there before', async () => {
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

test.each([
  ['apt', 'apt-get install -y -q --no-install-recommends docker-registry'],
  ['dnf', 'dnf install -y --setopt=install_weak_deps=False docker-distribution'],
  ['zypper', 'zypper --non-interactive install --no-recommends distribution-registry'],
  ['apk', 'apk add docker-registry'],
] as const)('%s: %s', (manager, line) => {
  const { install, registry } = MANAGERS[manager];
  expect(install(registry?.name ?? '').join(' ')).toBe(line);
});
