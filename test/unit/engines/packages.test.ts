// What the package managers say, word for word, and what is asked of each.
import { describe, expect, test } from 'vitest';
import {
  enginePackage,
  isInstalled,
  MANAGERS,
  type Manager,
  managerOf,
} from '../../../src/engines/packages.ts';
import { fakeHost } from '../../helpers/fake-host.ts';

/** A machine with that manager, which answers these words so. */
function machine(manager: Manager, answers: Record<string, object>) {
  const host = fakeHost();
  host.put(MANAGERS[manager].at, '', 0o755);
  Object.assign(host.commands, answers);
  return host;
}

const DNF4 = `Available Packages
Name         : moby-engine
Version      : 24.0.5
Release      : 1.fc39
Architecture : x86_64
`;
const DNF5 = `Available packages
Name           : moby-engine
Epoch          : 0
Version        : 28.1.1
Release        : 2.fc42
`;
const ZYPPER = `Loading repository data...
Reading installed packages...


Information for package docker:
-------------------------------
Repository     : Main Repository (OSS)
Name           : docker
Version        : 27.5.1_ce-1.1
Arch           : x86_64
`;
const APK = `docker policy:
  26.1.5-r0:
    https://dl-cdn.alpinelinux.org/alpine/v3.20/community
`;
const PACMAN = `Repository      : extra
Name            : docker
Version         : 1:28.5.1-1
Description     : Pack, ship and run any application as a lightweight container
`;
const APT = `docker.io:
  Installed: (none)
  Candidate: 26.1.5+dfsg1-9+deb13u1
  Version table:
     26.1.5+dfsg1-9+deb13u1 500
`;

describe('Docker as a package', () => {
  test.each([
    ['apt', 'apt-cache policy docker.io', APT, 'docker.io', '26.1.5+dfsg1-9+deb13u1'],
    ['dnf', 'dnf -q info moby-engine', DNF4, 'moby-engine', '24.0.5'],
    ['dnf', 'dnf -q info moby-engine', DNF5, 'moby-engine', '28.1.1'],
    ['zypper', 'zypper --non-interactive info docker', ZYPPER, 'docker', '27.5.1_ce-1.1'],
    ['apk', 'apk policy docker', APK, 'docker', '26.1.5-r0'],
    ['pacman', 'pacman -Si docker', PACMAN, 'docker', '1:28.5.1-1'],
  ] as const)('%s: %s', async (manager, asked, stdout, name, version) => {
    const host = machine(manager, { [asked]: { stdout } });
    expect(await enginePackage(host)).toEqual({ manager, program: 'docker', name, version });
  });

  test('RHEL has no package of Docker: podman is offered', async () => {
    const host = machine('dnf', {
      'dnf -q info moby-engine': { code: 1, stderr: 'Error: No matching Packages to list' },
      'dnf -q info podman': { stdout: 'Available Packages\nName         : podman\nVersion      : 5.4.0\n' },
    });
    expect(await enginePackage(host)).toMatchObject({ program: 'podman', name: 'podman', version: '5.4.0' });
    expect(await enginePackage(host, 'docker')).toBeUndefined();
  });

  test('a Debian that has fetched no list yet: its names are known', async () => {
    const host = machine('apt', { 'apt-cache policy': { stdout: '' } });
    expect(await enginePackage(host)).toMatchObject({ name: 'docker.io', version: '' });
    host.put('/var/lib/apt/lists/deb.debian.org_debian_dists_trixie_main_binary-amd64_Packages', '');
    expect(await enginePackage(host)).toBeUndefined();
  });

  test('apt knows the name and has nothing to install under it', async () => {
    const host = machine('apt', { 'apt-cache policy': { stdout: 'docker.io:\n  Candidate: (none)\n' } });
    host.put('/var/lib/apt/lists/x_Packages.lz4', '');
    expect(await enginePackage(host)).toBeUndefined();
  });

  test('no known package manager', async () => {
    expect(await managerOf(fakeHost())).toBeUndefined();
    expect(await enginePackage(fakeHost())).toBeUndefined();
  });
});

describe('the arguments of a package manager', () => {
  test.each([
    [
      'apt',
      'apt-get install -y -q --no-install-recommends docker-registry',
      'apt-get purge -y -q docker-registry',
    ],
    [
      'dnf',
      'dnf install -y --setopt=install_weak_deps=False docker-distribution',
      'dnf remove -y --noautoremove docker-distribution',
    ],
    [
      'zypper',
      'zypper --non-interactive install --no-recommends distribution-registry',
      'zypper --non-interactive remove distribution-registry',
    ],
    ['apk', 'apk add docker-registry', 'apk del docker-registry'],
  ] as const)('%s, for the registry: %s', (manager, install, remove) => {
    const row = MANAGERS[manager];
    const name = row.registry?.name ?? '';
    expect(row.install(name).join(' ')).toBe(install);
    expect(row.remove([name]).join(' ')).toBe(remove);
  });

  test.each([
    ['apt', 'apt-get install -y -q docker.io'],
    ['dnf', 'dnf install -y moby-engine'],
    ['zypper', 'zypper --non-interactive install docker'],
    ['apk', 'apk add docker'],
    ['pacman', 'pacman -S --noconfirm --needed docker'],
  ] as const)('%s, for Docker with what is recommended: %s', (manager, line) => {
    const { install, engines } = MANAGERS[manager];
    expect(install(engines.docker ?? '', true).join(' ')).toBe(line);
  });

  test('a package that was removed and has left its configuration is not installed', async () => {
    const host = machine('apt', { 'dpkg -s docker.io': { stdout: 'Status: deinstall ok config-files\n' } });
    expect(await isInstalled(host, 'apt', 'docker.io')).toBe(false);
    const rpm = machine('dnf', {
      'rpm -q moby-engine': { code: 1, stdout: 'package moby-engine is not installed' },
    });
    expect(await isInstalled(rpm, 'dnf', 'moby-engine')).toBe(false);
  });
});
