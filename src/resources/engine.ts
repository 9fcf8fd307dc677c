// The Docker of this machine: running, and started with it. Others may use it as well, so that it goes off again only when it was off before.
import type { EngineInfo } from '../engines/docker.ts';
import { CliError } from '../errors.ts';
import type { Host } from '../host.ts';
import type { Provider, ResourceOf, UndoStep } from '../resource.ts';

type Step = UndoStep & { do: 'engine' };

const STARTS_WITHIN = 30_000;
const LIMIT = { timeout: 120_000 };

/** What starts and stops services here: systemd, OpenRC (rc-service(8), rc-update(8)), or the scripts of SysV (service(8)). */
interface Init {
  /** The socket first: it would start the others again. */
  services: string[];
  start(service: string): string[];
  stop(service: string): string[];
  active(service: string): string[];
  /** With the machine. Undefined: its package has seen to it. */
  boot?: { on(service: string): string[]; off(service: string): string[]; is(service: string): string[] };
}

const SYSTEMD: Init = {
  services: ['docker.socket', 'docker.service', 'containerd.service'],
  start: (service) => ['systemctl', 'start', service],
  stop: (service) => ['systemctl', 'stop', service],
  active: (service) => ['systemctl', 'is-active', '--quiet', service],
  boot: {
    on: (service) => ['systemctl', 'enable', '--quiet', service],
    off: (service) => ['systemctl', 'disable', '--quiet', service],
    is: (service) => ['systemctl', 'is-enabled', '--quiet', service],
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

async function initOf(host: Host): Promise<Init> {
  if (await host.stat('/run/systemd/system')) return SYSTEMD;
  return (await host.stat('/sbin/rc-service')) ? OPENRC : SCRIPTS;
}

const DOCKER = (init: Init) => (init === SYSTEMD ? 'docker.service' : 'docker');
const says = async (host: Host, words: string[] | undefined) =>
  words !== undefined && (await host.run(words[0] ?? '', words.slice(1), LIMIT)).code === 0;

async function must(host: Host, [program = '', ...args]: string[]): Promise<void> {
  const { code, stderr } = await host.run(program, args, LIMIT);
  if (code !== 0)
    throw new CliError(`${[program, ...args].join(' ')} failed.`, {
      why: stderr.trim(),
      fix: program === 'systemctl' ? LOOK : [],
    });
}

const LOOK = 'journalctl -u docker -n 50';

/** Whether the Docker of this machine is started with it; where nothing can tell, it is. */
export async function startsWithMachine(host: Host): Promise<boolean> {
  const init = await initOf(host);
  return init.boot === undefined || says(host, init.boot.is(DOCKER(init)));
}

/** Whether there is a Docker on this machine to start: its command line may be here alone, for an engine elsewhere. */
export async function canStart(host: Host): Promise<boolean> {
  if ((await initOf(host)) === SYSTEMD) return says(host, ['systemctl', 'cat', 'docker.service']);
  return (await host.stat('/etc/init.d/docker')) !== undefined;
}

/** Docker runs, and would not after a restart of the machine. Another service may start it, as a snap's does. */
export async function staysOff({ kind, bring, rootless }: EngineInfo, host: Host): Promise<boolean> {
  if (kind !== 'docker' || bring || rootless || host.machine.uid !== 0) return false;
  return !(await startsWithMachine(host)) && (await canStart(host));
}

const answers = async (host: Host) => (await host.run('docker', ['version'], { timeout: 5_000 })).code === 0;

export const engine: Provider<ResourceOf<'engine'>> = {
  title: () => 'Docker',

  async check({ boot }, host) {
    const init = await initOf(host);
    const runs = await answers(host);
    const lacking = boot && !(await startsWithMachine(host)) ? (init.boot?.on(DOCKER(init)) ?? []) : [];
    if (runs && lacking.length === 0) return undefined;
    const words = [...(runs ? [] : [init.start(DOCKER(init))]), ...(lacking.length > 0 ? [lacking] : [])];
    return { what: 'start', details: words.map((line) => line.join(' ')) };
  },

  async undo(_, host) {
    const init = await initOf(host);
    const units: Step['units'] = [];
    for (const name of init.services) {
      const [active, enabled] = await Promise.all([
        says(host, init.active(name)),
        init.boot ? says(host, init.boot.is(name)) : true,
      ]);
      units.push({ name, active, enabled });
    }
    return { steps: [{ do: 'engine', units }] };
  },

  async apply({ boot }, host) {
    const init = await initOf(host);
    const service = DOCKER(init);
    if (boot && !(await startsWithMachine(host)) && init.boot) await must(host, init.boot.on(service));
    if (!(await answers(host))) await must(host, init.start(service));
    for (let waited = 0; waited < STARTS_WITHIN; waited += 250) {
      if (await answers(host)) return;
      await new Promise((done) => setTimeout(done, 250));
    }
    throw new CliError('Docker was started, and does not answer.', { fix: LOOK });
  },
};

/** Off again, what was off before; what its package has taken away meanwhile needs nothing. */
export async function undoEngine({ units }: Step, host: Host): Promise<void> {
  const init = await initOf(host);
  for (const { name, active, enabled } of units) {
    if (!active && (await says(host, init.active(name)))) await must(host, init.stop(name));
    if (!enabled && init.boot && (await says(host, init.boot.is(name))))
      await must(host, init.boot.off(name));
  }
}

/** Whether it runs, or starts with the machine, and did not before us. */
export async function engineLeft({ units }: Step, host: Host): Promise<boolean> {
  const init = await initOf(host);
  for (const { name, active, enabled } of units) {
    if (!active && (await says(host, init.active(name)))) return true;
    if (!enabled && (await says(host, init.boot?.is(name)))) return true;
  }
  return false;
}
