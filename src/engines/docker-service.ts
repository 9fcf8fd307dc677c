// Docker as a service of the machine: whether it starts at boot, and how to start it with systemd, OpenRC or an init script.
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { hasSystemd, systemctlLine } from '../host/systemd.ts';
import { isPending } from './pending.ts';
import type { EngineInfo } from './types.ts';

export const STARTS_WITHIN = 30_000;
const LIMIT = { timeout: 120_000 };

/** What starts and stops services here: systemd, OpenRC (rc-service(8), rc-update(8)), or the scripts of SysV (service(8)). */
interface Init {
  /** The socket first: it would start the others again. */
  services: string[];
  start(service: string): string[];
  stop(service: string): string[];
  active(service: string): string[];
  /** Start at boot. Undefined: the package has arranged it. */
  boot?: { on(service: string): string[]; off(service: string): string[]; is(service: string): string[] };
}

const SYSTEMD: Init = {
  services: ['docker.socket', 'docker.service', 'containerd.service'],
  start: (service) => systemctlLine({}, 'start', service),
  stop: (service) => systemctlLine({}, 'stop', service),
  active: (service) => systemctlLine({}, 'is-active', '--quiet', service),
  boot: {
    on: (service) => systemctlLine({}, 'enable', '--quiet', service),
    off: (service) => systemctlLine({}, 'disable', '--quiet', service),
    is: (service) => systemctlLine({}, 'is-enabled', '--quiet', service),
  },
};
const OPENRC: Init = {
  services: ['docker', 'containerd'],
  start: (service) => ['rc-service', service, 'start'],
  stop: (service) => ['rc-service', service, 'stop'],
  active: (service) => ['rc-service', '--quiet', service, 'status'],
  boot: {
    on: (service) => ['rc-update', 'add', service, 'default'],
    off: (service) => ['rc-update', 'del', service, 'default'],
    is: (service) => ['test', '-e', `/etc/runlevels/default/${service}`],
  },
};
const SCRIPTS: Init = {
  services: ['docker'],
  start: (service) => ['service', service, 'start'],
  stop: (service) => ['service', service, 'stop'],
  active: (service) => ['service', service, 'status'],
};

/** Returns what starts and stops services on this machine. */
export async function initOf(host: Host): Promise<Init> {
  if (await hasSystemd(host)) return SYSTEMD;
  return (await host.stat('/sbin/rc-service')) ? OPENRC : SCRIPTS;
}

export const DOCKER = (init: Init) => (init === SYSTEMD ? 'docker.service' : 'docker');
/** Tells whether a command that changes nothing succeeds; false without a command. */
export const says = async (host: Host, words: string[] | undefined) =>
  words !== undefined &&
  (await host.run(words[0] ?? '', words.slice(1), { ...LIMIT, question: true })).code === 0;

/** Runs a command. @throws CliError with what it says if it fails */
export async function must(host: Host, [program = '', ...args]: string[]): Promise<void> {
  const { code, stderr } = await host.run(program, args, LIMIT);
  if (code !== 0)
    throw new CliError(`${[program, ...args].join(' ')} failed.`, {
      why: stderr.trim(),
      fix: program === 'systemctl' ? LOOK : [],
    });
}

export const LOOK = 'journalctl -u docker -n 50';

/** Tells whether the Docker of this machine starts at boot; true if nothing can tell. */
export async function startsWithMachine(host: Host): Promise<boolean> {
  const init = await initOf(host);
  return init.boot === undefined || says(host, init.boot.is(DOCKER(init)));
}

/** Tells whether this machine has a Docker to start: the command line may be here alone, for an engine elsewhere. */
export async function canStart(host: Host): Promise<boolean> {
  if ((await initOf(host)) === SYSTEMD) return says(host, systemctlLine({}, 'cat', 'docker.service'));
  return (await host.stat('/etc/init.d/docker')) !== undefined;
}

/** Tells whether Docker runs, but would not after a reboot. Another service may start it, as a snap's does. */
export async function staysOff(engine: EngineInfo, host: Host): Promise<boolean> {
  const { kind, rootless } = engine;
  if (kind !== 'docker' || isPending(engine) || rootless || host.machine.uid !== 0) return false;
  return !(await startsWithMachine(host)) && (await canStart(host));
}

/** Tells whether Docker answers within 5 seconds. */
export const answers = async (host: Host) =>
  (await host.run('docker', ['version'], { timeout: 5_000 })).code === 0;
