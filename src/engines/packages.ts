// The package managers: how each finds, installs and removes a package, and what it calls the registry.
import type { Host } from '../host/host.ts';
import type { Program } from '../settings/settings.ts';

export type Manager = 'apt' | 'dnf' | 'zypper' | 'apk' | 'pacman';

/** A registry as a package of the system: its program, and its service, which this program does not use. */
export interface RegistryPackage {
  name: string;
  binary: string;
  service: string;
  /** What to try if the system has no package of that name. */
  hint?: string;
}

/** The way back from a package. */
export interface PackageUndo {
  manager: Manager;
  name: string;
  /** The former packages and users: what came with the package is removed with it, and nothing else. */
  before: { packages: string[]; users: string[] };
  service?: string;
  runtime?: true;
  /** The package's container engine, which others may use by now; `empty`: its empty directories, `absent`: those of them that did not exist. */
  engine?: { program: Program; empty: string[]; absent: string[]; group: boolean };
}

interface Row {
  /** The path of the manager: a system that has this file has the manager. */
  at: string;
  /** `full`: with the packages that the system recommends. */
  install(name: string, full?: boolean): string[];
  remove(names: string[]): string[];
  /** Fetches the lists of packages, if installing does not do so by itself. */
  refresh?: string[];
  /** The package is installed if the exit code is 0 and the output matches `state`. */
  installed(name: string): { words: string[]; state?: RegExp };
  /** Lists every installed package, one a line. */
  list: string[];
  /** Shows, without root, what the manager would install; the first group is the version. No match: it has no such package. */
  candidate(name: string): { words: string[]; version: RegExp };
  registry?: RegistryPackage;
  /** The packages of the engines; the first one is offered. */
  engines: Partial<Record<Program, string>>;
}

const docker = { binary: '/usr/bin/docker-registry', service: 'docker-registry' };

/** dpkg-query(1) replaces it; it is not a template string. */
const PACKAGE = '$'.concat('{Package}\\n');

/** `Version : 26.1.5`, as dnf, zypper and pacman print it. */
const VERSION = /^Version\s*: (\S+)/m;

/**
 * apt-get(8), apt-cache(8), dpkg(1), dnf(8) (4 and 5), zypper(8), apk(8), apk-policy(8), pacman(8).
 * The names: packages.debian.org/docker-registry, packages.fedoraproject.org/pkgs/docker-distribution (EPEL as well),
 * pkgs.alpinelinux.org/package/edge/community/x86_64/docker-registry, software.opensuse.org/package/distribution-registry;
 * packages.fedoraproject.org/pkgs/moby-engine, which RHEL and EPEL do not have: there it is podman.
 * Debian starts the services of a package at once, Fedora and SUSE when a preset says so (systemd.preset(5)), Alpine never.
 */
export const MANAGERS: Record<Manager, Row> = {
  apt: {
    at: '/usr/bin/apt-get',
    install: (name, full) => [
      ...['apt-get', 'install', '-y', '-q'],
      ...(full ? [] : ['--no-install-recommends']),
      name,
    ],
    remove: (names) => ['apt-get', 'purge', '-y', '-q', ...names],
    refresh: ['apt-get', 'update', '-q'],
    installed: (name) => ({ words: ['dpkg', '-s', name], state: /^Status: install ok installed$/m }),
    list: ['dpkg-query', '-W', '-f', PACKAGE],
    candidate: (name) => ({
      words: ['apt-cache', 'policy', name],
      version: /^ {2}Candidate: (?!\(none\))(\S+)/m,
    }),
    registry: { name: 'docker-registry', ...docker },
    engines: { docker: 'docker.io', podman: 'podman' },
  },
  dnf: {
    at: '/usr/bin/dnf',
    install: (name, full) => [
      ...['dnf', 'install', '-y'],
      ...(full ? [] : ['--setopt=install_weak_deps=False']),
      name,
    ],
    remove: (names) => ['dnf', 'remove', '-y', '--noautoremove', ...names],
    installed: (name) => ({ words: ['rpm', '-q', name] }),
    list: ['rpm', '-qa', '--qf', '%{NAME}\n'],
    candidate: (name) => ({ words: ['dnf', '-q', 'info', name], version: VERSION }),
    registry: {
      name: 'docker-distribution',
      binary: '/usr/bin/registry',
      service: 'docker-distribution',
      hint: 'On RHEL and its relatives it comes from EPEL:   dnf install epel-release',
    },
    engines: { docker: 'moby-engine', podman: 'podman' },
  },
  zypper: {
    at: '/usr/bin/zypper',
    install: (name, full) => [
      ...['zypper', '--non-interactive', 'install'],
      ...(full ? [] : ['--no-recommends']),
      name,
    ],
    remove: (names) => ['zypper', '--non-interactive', 'remove', ...names],
    installed: (name) => ({ words: ['rpm', '-q', name] }),
    list: ['rpm', '-qa', '--qf', '%{NAME}\n'],
    candidate: (name) => ({ words: ['zypper', '--non-interactive', 'info', name], version: VERSION }),
    registry: { name: 'distribution-registry', binary: '/usr/bin/registry', service: 'registry' },
    engines: { docker: 'docker', podman: 'podman' },
  },
  apk: {
    at: '/sbin/apk',
    install: (name) => ['apk', 'add', name],
    // Also removes what only this package needed.
    remove: ([name = '']) => ['apk', 'del', name],
    refresh: ['apk', 'update'],
    installed: (name) => ({ words: ['apk', 'info', '-e', name] }),
    list: ['apk', 'info'],
    candidate: (name) => ({ words: ['apk', 'policy', name], version: /^ {2}(\S+):$/m }),
    registry: { name: 'docker-registry', ...docker },
    engines: { docker: 'docker', podman: 'podman' },
  },
  // Arch has no registry in its repositories: the program must be on PATH, or a container engine runs it.
  pacman: {
    at: '/usr/bin/pacman',
    install: (name) => ['pacman', '-S', '--noconfirm', '--needed', name],
    remove: (names) => ['pacman', '-R', '--noconfirm', ...names],
    installed: (name) => ({ words: ['pacman', '-Q', name] }),
    list: ['pacman', '-Qq'],
    candidate: (name) => ({ words: ['pacman', '-Si', name], version: VERSION }),
    engines: { docker: 'docker', podman: 'podman' },
  },
};

/** Returns the manager of this system; undefined if it is unknown. */
export async function managerOf(host: Host): Promise<Manager | undefined> {
  const names = Object.keys(MANAGERS) as Manager[];
  const there = await Promise.all(names.map((name) => host.stat(MANAGERS[name].at)));
  return names.find((_, i) => there[i]);
}

/** Tells whether a package is installed completely. */
export async function isInstalled(host: Host, manager: Manager, name: string): Promise<boolean> {
  const { words, state } = MANAGERS[manager].installed(name);
  const [program = '', ...args] = words;
  const { code, stdout } = await host.run(program, args);
  return code === 0 && (!state || state.test(stdout));
}

/** Debian's words for a package of which nothing, or only its configuration, is left. */
const GONE = /^Status: \S+ \S+ (not-installed|config-files)$/m;

/** Tells whether any part of a package is here: an interrupted manager leaves it half installed. */
export async function isThere(host: Host, manager: Manager, name: string): Promise<boolean> {
  if (manager !== 'apt') return isInstalled(host, manager, name);
  const { code, stdout } = await host.run('dpkg', ['-s', name]);
  return code === 0 && !GONE.test(stdout);
}

const PROGRAMS = 'apt-get|dnf|dnf-3|dnf5|zypper|apk|pacman';
const IDLE_WITHIN = 10 * 60_000;

/** Waits up to 10 minutes for a package manager that still runs: one that a killed run left behind continues to its end. */
export async function managerIdle(host: Host): Promise<void> {
  const since = performance.now();
  while ((await host.run('pgrep', ['-x', PROGRAMS])).code === 0 && performance.now() - since < IDLE_WITHIN)
    await new Promise((done) => setTimeout(done, 500));
}

/** Returns the version that a package manager would install, in its own words; undefined if it has no such package. */
async function candidate(host: Host, manager: Manager, name: string): Promise<string | undefined> {
  const { words, version } = MANAGERS[manager].candidate(name);
  const [program = '', ...args] = words;
  const { stdout } = await host.run(program, args, { env: { LC_ALL: 'C.UTF-8' } });
  return version.exec(stdout)?.[1];
}

/** A container engine that the system has as a package. */
export interface EnginePackage {
  manager: Manager;
  program: Program;
  name: string;
  /** Empty if the manager has no list of packages yet. */
  version: string;
}

/**
 * Returns the engine that the packages of this system provide: the wanted one; without a wish Docker, else podman.
 * @returns undefined if the manager is unknown, or has none of them
 */
export async function enginePackage(host: Host, choice?: Program): Promise<EnginePackage | undefined> {
  const manager = await managerOf(host);
  if (!manager) return undefined;
  const programs: Program[] = choice ? [choice] : ['docker', 'podman'];
  for (const program of programs) {
    const name = MANAGERS[manager].engines[program];
    const version = name && (await candidate(host, manager, name));
    if (name && version) return { manager, program, name, version };
  }
  // A fresh Debian has no list of packages before the first `apt-get update`: the names are known, the versions are not.
  const [program] = programs;
  const name = program && MANAGERS[manager].engines[program];
  if (!program || !name || manager !== 'apt' || (await hasLists(host))) return undefined;
  return { manager, program, name, version: '' };
}

const hasLists = async (host: Host) =>
  (await host.list('/var/lib/apt/lists')).some((name) => name.includes('Packages'));
