// A system package. Masks the service that the package would start by itself before installing it; the service stays masked.
import { othersIn } from '../engines/others.ts';
import {
  isInstalled,
  isThere,
  MANAGERS,
  type Manager,
  managerIdle,
  type PackageUndo,
} from '../engines/packages.ts';
import { TITLE } from '../engines/types.ts';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { hasSystemd, systemctl, systemctlLine } from '../host/systemd.ts';
import type { Program } from '../settings/settings.ts';
import { shellLine } from '../terminal/shell.ts';
import { type Provider, WHEN_OVER } from './provider.ts';

/** `service`: what the package would start, and must not; `runtime`: the set-up's service has its name; `engine`: what it brings, for all users. */
export interface PackageResource {
  kind: 'package';
  manager: Manager;
  name: string;
  service?: string;
  runtime?: true;
  engine?: Program;
}

type PackageStep = { do: 'package' } & PackageUndo;

/** Milliseconds; a package manager may download a lot, and wait for another one. */
const LIMIT = 30 * 60_000;
/** debconf and needrestart ask nothing; messages are in one language, because this program reads them. */
const QUIET = { DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_MODE: 'l', LC_ALL: 'C.UTF-8' };
/** Debian's file that forbids starting services while packages are configured, for a machine without systemd to mask them. (invoke-rc.d(8)) */
const POLICY = '/usr/sbin/policy-rc.d';

/** Makes apt-get wait for its lock, up to 120 s, instead of failing: unattended upgrades run on a fresh machine. */
const patient = (words: string[]) =>
  words[0] === 'apt-get' ? [...words.slice(0, 1), '-o', 'DPkg::Lock::Timeout=120', ...words.slice(1)] : words;

async function must(host: Host, words: string[], doing: string, report?: (text: string) => void) {
  const [program = '', ...args] = patient(words);
  const onLine = report && ((line: string) => report(line.slice(0, 70)));
  const { code, stdout, stderr } = await host.run(program, args, { timeout: LIMIT, env: QUIET, onLine });
  if (code === 0) return stdout;
  throw new CliError(`${doing} failed.`, {
    why: (stderr.trim() || stdout.trim()).split('\n').slice(-4).join('\n'),
    fix: ['See what it says:   ', shellLine(words[0] ?? '', words.slice(1))].join(''),
  });
}

/** A permanent mask is in /etc; a runtime mask is in /run, and a unit of that name in /etc overrides it. (systemctl(1), mask --runtime) */
const maskPath = (service: string, runtime?: true) =>
  `/${runtime ? 'run' : 'etc'}/systemd/system/${service}.service`;

/** Returns the users that exist now: a package may add one, and leave it behind. */
async function userNames(host: Host): Promise<string[]> {
  const text = (await host.read('/etc/passwd'))?.toString() ?? '';
  return text.split('\n').flatMap((line) => line.split(':')[0] || []);
}

export const pack: Provider<PackageResource, PackageStep> = {
  title: ({ name }) => `package ${name}`,
  id: ({ name }) => name,
  // Another engine may need the package again.
  kept: true,
  removed: (name) => `package ${name}`,
  review: (changes) =>
    changes.map(
      ({ title, resource }) => `install the ${title}${resource.engine ? ' and what it needs' : ''}`,
    ),

  async check({ manager, name, service, runtime, engine }, host) {
    if (await isInstalled(host, manager, name)) return undefined;
    const line = shellLine(...split(MANAGERS[manager].install(name, engine !== undefined)));
    const fate = runtime ? 'does not start; the registry takes its place' : 'is masked and never starts';
    const held = service ? [`its own service ${service} ${fate}`] : [];
    return { what: 'create', details: [line, ...held] };
  },

  async undo({ manager, name, service, runtime, engine }, host) {
    if (await isInstalled(host, manager, name)) return { steps: [] };
    const [program = '', ...args] = MANAGERS[manager].list;
    const [{ stdout }, users] = await Promise.all([host.run(program, args), userNames(host)]);
    const before = { packages: stdout.split('\n').filter(Boolean), users };
    const brings = engine && { engine: { program: engine, ...(await beforeEngine(host)) } };
    // A mask that was there before stays.
    const held = service && (await host.stat(maskPath(service, runtime)))?.size === 0;
    const masked = { ...(service && !held && { service }), ...(runtime && { runtime }) };
    return { steps: [{ do: 'package', manager, name, before, ...masked, ...brings }] };
  },

  async apply({ manager, name, service, runtime, engine }, host, report) {
    const systemd = await hasSystemd(host);
    const mask = systemctlLine({}, 'mask', ...(runtime ? ['--runtime'] : []), `${service}.service`);
    if (service && systemd) await must(host, mask, 'systemctl mask');
    await quietly(host, service !== undefined && !systemd, () =>
      install(host, manager, MANAGERS[manager].install(name, engine !== undefined), report),
    );
    // A machine with init scripts would start the service at boot.
    if (service && !systemd && manager === 'apt') await host.run('update-rc.d', [service, 'disable']);
  },

  steps: {
    package: {
      perform: undoPackage,
      isLeft: ({ manager, name }, host) => isThere(host, manager, name),
      // Containers use an engine until the run is over.
      inverse: async (step) => (step.engine ? WHEN_OVER.inverse(step) : { steps: [] }),
      performReversibly: (step, host) =>
        step.engine ? WHEN_OVER.performReversibly() : undoPackage(step, host),
      words: ({ manager, name }) => MANAGERS[manager].remove([name]).join(' '),
    },
  },
};

/** Where engines store data and settings. */
const STORES = ['/var/lib/docker', '/var/lib/containerd', '/var/lib/containers', '/etc/docker'];
/** What the engine itself makes in a directory where users and other programs put settings, too. */
const MADE: Record<string, string[]> = { '/etc/docker': ['key.json'] };
const GROUP = /^docker:/m;

/** Returns what tells later what an engine leaves behind when its package is removed: its directories, and the group that may use it. */
async function beforeEngine(host: Host): Promise<{ empty: string[]; absent: string[]; group: boolean }> {
  const [groups, lists, stats] = await Promise.all([
    host.read('/etc/group'),
    Promise.all(STORES.map((path) => host.list(path))),
    Promise.all(STORES.map((path) => host.stat(path))),
  ]);
  return {
    empty: STORES.filter((_, i) => lists[i]?.length === 0),
    absent: STORES.filter((_, i) => stats[i] === undefined),
    group: GROUP.test(groups?.toString() ?? ''),
  };
}

/** Does the work while no package may start or stop anything; `needed` if there is no systemd to mask the service. */
async function quietly(host: Host, needed: boolean, work: () => Promise<void>): Promise<void> {
  const forbids = needed && !(await host.stat(POLICY));
  if (forbids) await host.write(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await work();
  } finally {
    if (forbids) await host.remove(POLICY);
  }
}

const split = ([program = '', ...args]: string[]): [string, string[]] => [program, args];

/** Installs a package. If that fails, fetches the list of packages (missing or too old) and tries once more. @throws CliError */
async function install(
  host: Host,
  manager: Manager,
  words: string[],
  report?: (text: string) => void,
): Promise<void> {
  const doing = `Installing the package ${words.at(-1)}`;
  const { refresh, registry } = MANAGERS[manager];
  try {
    await must(host, words, doing, report);
  } catch (error) {
    if (!(error instanceof CliError) || error.exitCode === 130) throw error;
    if (!refresh)
      throw registry?.hint && words.at(-1) === registry.name ? hinted(error, registry.hint) : error;
    await must(host, refresh, refresh.join(' '), report);
    await must(host, words, doing, report);
  }
}

const hinted = ({ message, why, fix }: CliError, hint: string) =>
  new CliError(message, { why, fix: [...fix, hint] });

/** Removes the package, and what came with it and nothing else needs. Removes the mask last, so that nothing starts meanwhile. */
async function undoPackage(step: PackageStep, host: Host): Promise<void> {
  const { manager, name, before, service, runtime, engine } = step;
  const systemd = await hasSystemd(host);
  await managerIdle(host);
  if (manager === 'apt') await makeWhole(host, step);
  if (await isThere(host, manager, name)) {
    if (engine) await mustBeUnused(host, step, engine.program);
    const came = (other: string) => other !== name && !before.packages.includes(other);
    const unneeded = manager === 'apt' ? (await nowUnneeded(host, name)).filter(came) : [];
    await quietly(host, service !== undefined && !systemd, async () => {
      await must(host, MANAGERS[manager].remove([name, ...unneeded]), `Removing the package ${name}`);
    });
  }
  const users = await userNames(host);
  if (users.includes(name) && !before.users.includes(name)) await host.run('userdel', [name]);
  if (engine && !(await hasDaemon(host, engine.program))) await sweepEngine(host, engine);
  if (!service || !systemd) return;
  // A mask is empty, or a link to /dev/null. A service that a user has written there since stays. (systemctl(1), mask)
  const mask = maskPath(service, runtime);
  if ((await host.stat(mask))?.size !== 0) return;
  await host.remove(mask);
  await systemctl(host, {}, 'daemon-reload');
}

/** Completes packages that dpkg left half installed, as after a power cut: else they can be neither used nor removed. (dpkg(1), --audit) */
async function makeWhole(host: Host, { manager, name, engine }: PackageStep): Promise<void> {
  const { stdout } = await host.run('dpkg', ['--audit']);
  if (stdout.trim() === '') return;
  const limit = { timeout: LIMIT, env: QUIET };
  await host.run('dpkg', ['--configure', '-a'], limit);
  if ((await host.run('dpkg', ['--audit'])).stdout.trim() === '') return;
  const [program = '', ...args] = patient(MANAGERS[manager].install(name, engine !== undefined));
  await host.run(program, args, limit);
}

/** @throws CliError if others use the engine: its package may delete all of its data, as Debian's does */
async function mustBeUnused(host: Host, { manager, name }: PackageStep, program: 'docker' | 'podman') {
  const [first] = (await othersIn(host, program)) ?? [];
  if (!first) return;
  throw new CliError(`${TITLE[program]} stays: ${first} is in it.`, {
    why: `By hand, when it is no longer needed: ${MANAGERS[manager].remove([name]).join(' ')}`,
  });
}

/** Tells whether the engine's program still exists: another package may have installed the same engine since, and use its directories. */
async function hasDaemon(host: Host, program: 'docker' | 'podman'): Promise<boolean> {
  const daemon = { docker: 'dockerd', podman: 'podman' }[program];
  return (await host.run(daemon, ['--version'])).code !== 127;
}

async function sweepEngine(
  host: Host,
  { empty, absent, group }: NonNullable<PackageStep['engine']>,
): Promise<void> {
  for (const path of empty) {
    for (const entry of MADE[path] ?? (await host.list(path))) await host.removeTree(`${path}/${entry}`);
    if (absent.includes(path)) await host.rmdir(path);
  }
  if (!group && GROUP.test((await host.read('/etc/group'))?.toString() ?? ''))
    await host.run('groupdel', ['docker']);
  // Docker's bridge stays until the next boot.
  if (empty.includes('/var/lib/docker') && (await host.stat('/sys/class/net/docker0')))
    await host.run('ip', ['link', 'delete', 'docker0']);
}

/** Packages that others merely recommend or suggest do not count as needed. (apt.conf(5)) */
const STRICT = ['Recommends', 'Suggests'].flatMap((kind) => [
  '-o',
  `APT::AutoRemove::${kind}Important=false`,
]);

/** Returns the packages that apt would remove with this one, because they came with it and nothing else needs them. */
async function nowUnneeded(host: Host, name: string): Promise<string[]> {
  const words = ['purge', '-s', '-q', ...STRICT, '--auto-remove', name];
  const { stdout } = await host.run('apt-get', words, { env: QUIET });
  return [...stdout.matchAll(/^(?:Purg|Remv) (\S+)/gm)].map(([, found = '']) => found);
}
