// A package of the system. What it would start by itself does not start: it is masked first, and stays so.
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

/** `service`: what it would start by itself, and must not; `runtime`: the set-up's own takes its name; `engine`: what it brings, for all. */
export interface PackageResource {
  kind: 'package';
  manager: Manager;
  name: string;
  service?: string;
  runtime?: true;
  engine?: Program;
}

type PackageStep = { do: 'package' } & PackageUndo;

/** A package manager may have to download much, and wait for another one. */
const LIMIT = 30 * 60_000;
/** debconf asks nothing, needrestart neither; messages in one language, since they are read. */
const QUIET = { DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_MODE: 'l', LC_ALL: 'C.UTF-8' };
/** Debian's way to say that nothing may be started while packages are configured, where no systemd can mask it. (invoke-rc.d(8)) */
const POLICY = '/usr/sbin/policy-rc.d';

/** Waits for a lock instead of failing: unattended upgrades run on a fresh machine. */
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

/** For good in /etc; for now in /run, where a unit of that name in /etc is stronger. (systemctl(1), mask --runtime) */
const maskPath = (service: string, runtime?: true) =>
  `/${runtime ? 'run' : 'etc'}/systemd/system/${service}.service`;

/** Users that are there now; a package may make one, and leave it behind. */
async function userNames(host: Host): Promise<string[]> {
  const text = (await host.read('/etc/passwd'))?.toString() ?? '';
  return text.split('\n').flatMap((line) => line.split(':')[0] || []);
}

export const pack: Provider<PackageResource, PackageStep> = {
  title: ({ name }) => `package ${name}`,
  id: ({ name }) => name,
  // With another engine it may be wanted again.
  kept: true,
  removed: (name) => `package ${name}`,
  review: (changes) =>
    changes.map(
      ({ title, resource }) => `install the ${title}${resource.engine ? ' and what it needs' : ''}`,
    ),

  async check({ manager, name, service, runtime, engine }, host) {
    if (await isInstalled(host, manager, name)) return undefined;
    const line = shellLine(...split(MANAGERS[manager].install(name, engine !== undefined)));
    const fate = runtime ? 'does not start, and ours takes its place' : 'is masked and never starts';
    const held = service ? [`its own service ${service} ${fate}`] : [];
    return { what: 'create', details: [line, ...held] };
  },

  async undo({ manager, name, service, runtime, engine }, host) {
    if (await isInstalled(host, manager, name)) return { steps: [] };
    const [program = '', ...args] = MANAGERS[manager].list;
    const [{ stdout }, users] = await Promise.all([host.run(program, args), userNames(host)]);
    const before = { packages: stdout.split('\n').filter(Boolean), users };
    const brings = engine && { engine: { program: engine, ...(await beforeEngine(host)) } };
    const masked = { ...(service && { service }), ...(runtime && { runtime }) };
    return { steps: [{ do: 'package', manager, name, before, ...masked, ...brings }] };
  },

  async apply({ manager, name, service, runtime, engine }, host, report) {
    const systemd = await hasSystemd(host);
    const mask = systemctlLine({}, 'mask', ...(runtime ? ['--runtime'] : []), `${service}.service`);
    if (service && systemd) await must(host, mask, 'systemctl mask');
    await quietly(host, service !== undefined && !systemd, () =>
      install(host, manager, MANAGERS[manager].install(name, engine !== undefined), report),
    );
    // A machine with init scripts would start it when it starts itself.
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

/** Where engines keep what is in them. */
const STORES = ['/var/lib/docker', '/var/lib/containerd', '/var/lib/containers', '/etc/docker'];
/** Where persons and other programs put settings as well, it is what the engine itself makes. */
const MADE: Record<string, string[]> = { '/etc/docker': ['key.json'] };
const GROUP = /^docker:/m;

/** What an engine will leave behind when its package goes: directories of its own, and the group that may talk to it. */
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

/** While it does so, no package starts or stops anything, where no systemd can mask it. */
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

/** A fresh machine may have no list of packages yet, or one that is too old: it is fetched, and the installation tried once more. */
export async function install(
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

/** Takes it away, with what came with it and nothing else needs; and the mask last, so that nothing starts on the way out. */
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
  // A mask is empty, or a link to /dev/null. A service that somebody has written there since is theirs. (systemctl(1), mask)
  const mask = maskPath(service, runtime);
  if ((await host.stat(mask))?.size === 0) await host.remove(mask);
  await systemctl(host, {}, 'daemon-reload');
}

/** What dpkg was in the middle of when the power failed can neither be used nor removed before it is whole. (dpkg(1), --audit) */
async function makeWhole(host: Host, { manager, name, engine }: PackageStep): Promise<void> {
  const { stdout } = await host.run('dpkg', ['--audit']);
  if (stdout.trim() === '') return;
  const limit = { timeout: LIMIT, env: QUIET };
  await host.run('dpkg', ['--configure', '-a'], limit);
  if ((await host.run('dpkg', ['--audit'])).stdout.trim() === '') return;
  const [program = '', ...args] = patient(MANAGERS[manager].install(name, engine !== undefined));
  await host.run(program, args, limit);
}

/** Its package may take along whatever is in it, as Debian's does: what others have put there is not ours to lose. */
async function mustBeUnused(host: Host, { manager, name }: PackageStep, program: 'docker' | 'podman') {
  const [first] = (await othersIn(host, program)) ?? [];
  if (!first) return;
  throw new CliError(`${TITLE[program]} stays: ${first} is in it.`, {
    why: `By hand, when it is not needed any more: ${MANAGERS[manager].remove([name]).join(' ')}`,
  });
}

/** Another package may have brought the same engine since, and what lies in its directories is in use: its program tells. */
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
  // Its bridge outlives it until the machine starts again.
  if (empty.includes('/var/lib/docker')) await host.run('ip', ['link', 'delete', 'docker0']);
}

/** What only is recommended by others came for it as well. (apt.conf(5)) */
const STRICT = ['Recommends', 'Suggests'].flatMap((kind) => [
  '-o',
  `APT::AutoRemove::${kind}Important=false`,
]);

/** What apt would take away with it, because it came for it and nothing else needs it. */
async function nowUnneeded(host: Host, name: string): Promise<string[]> {
  const words = ['purge', '-s', '-q', ...STRICT, '--auto-remove', name];
  const { stdout } = await host.run('apt-get', words, { env: QUIET });
  return [...stdout.matchAll(/^(?:Purg|Remv) (\S+)/gm)].map(([, found = '']) => found);
}
