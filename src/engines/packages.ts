// The package managers: how a package is looked for, installed and taken away, and what each calls the registry.
import type { Host } from '../host.ts';

export type Manager = 'apt' | 'dnf' | 'zypper' | 'apk' | 'pacman';

/** A registry as a package of the system: its program, and the service that it brings and that we do not use. */
export interface RegistryPackage {
  name: string;
  binary: string;
  service: string;
}

interface Row {
  /** Where the manager is: that is how a system is known to have it. */
  at: string;
  install(name: string): string[];
  remove(names: string[]): string[];
  /** Exit code 0 and, with `state`, these words: it is installed. */
  installed(name: string): { words: string[]; state?: RegExp };
  /** Every package that is there, one a line. */
  list: string[];
  registry?: RegistryPackage;
  /** Docker from the same source, with what the system recommends beside it. */
  docker: string[];
}

const docker = { binary: '/usr/bin/docker-registry', service: 'docker-registry' };

/** dpkg-query(1) replaces it; a template string it is not. */
const PACKAGE = '$'.concat('{Package}\\n');

/**
 * apt-get(8), dpkg(1), dnf(8), zypper(8), apk(8), pacman(8).
 * The names: packages.debian.org/docker-registry, packages.fedoraproject.org/pkgs/docker-distribution (EPEL as well),
 * pkgs.alpinelinux.org/package/edge/community/x86_64/docker-registry, software.opensuse.org/package/distribution-registry.
 */
export const MANAGERS: Record<Manager, Row> = {
  apt: {
    at: '/usr/bin/apt-get',
    install: (name) => ['apt-get', 'install', '-y', '-q', '--no-install-recommends', name],
    remove: (names) => ['apt-get', 'purge', '-y', '-q', ...names],
    installed: (name) => ({ words: ['dpkg', '-s', name], state: /^Status: install ok installed$/m }),
    list: ['dpkg-query', '-W', '-f', PACKAGE],
    registry: { name: 'docker-registry', ...docker },
    docker: ['apt-get', 'install', '-y', '-q', 'docker.io'],
  },
  dnf: {
    at: '/usr/bin/dnf',
    install: (name) => ['dnf', 'install', '-y', '--setopt=install_weak_deps=False', name],
    remove: (names) => ['dnf', 'remove', '-y', '--noautoremove', ...names],
    installed: (name) => ({ words: ['rpm', '-q', name] }),
    list: ['rpm', '-qa', '--qf', '%{NAME}\n'],
    registry: { name: 'docker-distribution', binary: '/usr/bin/registry', service: 'docker-distribution' },
    docker: ['dnf', 'install', '-y', 'moby-engine'],
  },
  zypper: {
    at: '/usr/bin/zypper',
    install: (name) => ['zypper', '--non-interactive', 'install', '--no-recommends', name],
    remove: (names) => ['zypper', '--non-interactive', 'remove', ...names],
    installed: (name) => ({ words: ['rpm', '-q', name] }),
    list: ['rpm', '-qa', '--qf', '%{NAME}\n'],
    registry: { name: 'distribution-registry', binary: '/usr/bin/registry', service: 'registry' },
    docker: ['zypper', '--non-interactive', 'install', 'docker'],
  },
  apk: {
    at: '/sbin/apk',
    install: (name) => ['apk', 'add', name],
    // What only it needed goes with it.
    remove: ([name = '']) => ['apk', 'del', name],
    installed: (name) => ({ words: ['apk', 'info', '-e', name] }),
    list: ['apk', 'info'],
    registry: { name: 'docker-registry', ...docker },
    docker: ['apk', 'add', 'docker'],
  },
  // Arch has no registry in its repositories: there the program is taken from PATH, or a container engine.
  pacman: {
    at: '/usr/bin/pacman',
    install: (name) => ['pacman', '-S', '--noconfirm', '--needed', name],
    remove: (names) => ['pacman', '-R', '--noconfirm', ...names],
    installed: (name) => ({ words: ['pacman', '-Q', name] }),
    list: ['pacman', '-Qq'],
    docker: ['pacman', '-S', '--noconfirm', '--needed', 'docker'],
  },
};

/** The manager of this system; undefined where it is none that is known. */
export async function managerOf(host: Host): Promise<Manager | undefined> {
  const names = Object.keys(MANAGERS) as Manager[];
  const there = await Promise.all(names.map((name) => host.stat(MANAGERS[name].at)));
  return names.find((_, i) => there[i]);
}

export async function isInstalled(host: Host, manager: Manager, name: string): Promise<boolean> {
  const { words, state } = MANAGERS[manager].installed(name);
  const [program = '', ...args] = words;
  const { code, stdout } = await host.run(program, args);
  return code === 0 && (!state || state.test(stdout));
}
