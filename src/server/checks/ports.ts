// Checks that the ports are free, and that this user may use them.
import { inspect } from '../../engines/containers.ts';
import { isRunning } from '../../engines/engine.ts';
import { foreign } from '../../engines/foreign.ts';
import { publisher as publisherOf } from '../../engines/podman.ts';
import type { Host } from '../../host/host.ts';
import { listeningPorts, type PortHolder, portHolder } from '../../host/ports.ts';
import { hasAuthPort, portsTaken } from '../../settings/gateway.ts';
import { DEFAULT_PORT, type EngineKind, type Settings } from '../../settings/settings.ts';
import { commandLine } from '../../terminal/command.ts';
import type { Facts } from '../plan/facts.ts';
import { programOf } from './engine.ts';
import { type Check, type Finding, fail } from './finding.ts';
import { behindIt, proxyNamed } from './proxies.ts';

/** Reports ports that something else holds. The set-up's own container may hold its port, even if it is about to be replaced. */
export const port: Check = async (settings, facts, host) => {
  const { authPort } = settings;
  const logins = hasAuthPort(settings) ? await portFree('--auth-port', authPort, settings, facts, host) : [];
  return [...(await portFree('--port', settings.port, settings, facts, host)), ...logins];
};

/** Tells whether the registry of the last run holds the port: as a native program, or in another engine. */
async function isHeldByUs(wanted: number, dir: string, { last, engine: now }: Facts, host: Host) {
  const said = (name: 'engine' | 'name' | 'port' | 'auth-port') => last?.[name]?.value;
  const before = said('engine') as EngineKind | undefined;
  if (!before || now.state !== 'ready' || (before === now.info.kind && before !== 'native')) return false;
  if (![said('port'), said('auth-port')].includes(wanted)) return false;
  return isRunning(host, { engine: before, name: String(said('name') ?? 'registry'), dir });
}

async function portFree(
  flag: string,
  wanted: number,
  settings: Settings,
  facts: Facts,
  host: Host,
): Promise<Finding[]> {
  const { dir } = settings;
  if (!facts.listening.has(wanted) && facts.engine.state !== 'ready') return [];
  if (await isHeldByUs(wanted, dir, facts, host)) return [];
  const held = await heldPort(wanted, facts, host, dir);
  if (!held) return [];
  const free = [wanted + 1, wanted + 2, 30_001].find((p) => !facts.listening.has(p)) ?? 5050;
  const fix = [`Use another port:          ${commandLine(`${flag} ${free}`)}`];
  const proxy = proxyNamed(held.name);
  if (proxy && flag === '--port' && settings.externalUrl === undefined)
    fix.push(behindIt(settings, wanted, proxy, facts.listening.has(DEFAULT_PORT) ? free : DEFAULT_PORT));
  if (held.stop) fix.push(`Or stop that one for good: ${held.stop}`);
  return fail(`Port ${wanted} is taken by ${held.holder}.`, fix, { flag, why: held.why });
}

/** What holds a port: `the program "nginx" (pid 7)`; the files of a container, and the command that stops it. */
interface Held {
  holder: string;
  /** The image of the container, or the program; '' if it is unknown. */
  name: string;
  why?: string | undefined;
  stop?: string | undefined;
}

/** Returns what holds a port; undefined if it is free, or is about to be. @param dir the registry whose containers do not count */
export async function heldPort(
  wanted: number,
  facts: Facts,
  host: Host,
  dir?: string,
): Promise<Held | undefined> {
  const program = programOf(facts);
  const publisher = program && (await publisherOf(host, wanted, program));
  if (!publisher && !facts.listening.has(wanted)) return undefined;
  if (publisher) {
    const owner = (await inspect(host, publisher.name, program))?.owner;
    if (dir !== undefined && owner === dir) return undefined;
  }
  const held = publisher ? undefined : await portHolder(host, wanted);
  // Without a container that publishes the port, the engine is about to give it back, as after a run that was killed.
  if (held && PROXIES.includes(held.program) && (await isGivenBack(host, wanted))) return undefined;
  const holder = publisher
    ? `the container "${publisher.name}" (${publisher.image}, ${publisher.status.toLowerCase()})`
    : holderWords(held);
  const there = publisher && program && (await foreign(host, publisher.name, program));
  return {
    holder,
    name: publisher?.image ?? held?.program ?? '',
    ...(there && { why: there.files, stop: there.stop }),
  };
}

/** What listens on a port for a container: of Docker, of podman, of both without root. */
const PROXIES = ['docker-proxy', 'conmon', 'rootlessport'];
/** How long an engine may need to give a port back; milliseconds. */
const PATIENCE = 1_000;

async function isGivenBack(host: Host, wanted: number): Promise<boolean> {
  for (let waited = 0; waited < PATIENCE; waited += 100) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    if (!(await listeningPorts(host)).has(wanted)) return true;
  }
  return false;
}

const holderWords = (held: PortHolder | undefined): string =>
  held ? `the program "${held.program}" (pid ${held.pid})` : 'another program';

/** Returns the first port that only root may use, by ip_unprivileged_port_start; without that file, those below 1024 (ip(7)). */
export async function lowPortOf(
  wanted: number[],
  host: Host,
): Promise<{ low: number; first: number } | undefined> {
  if (host.machine.uid === 0) return undefined;
  const text = (await host.read('/proc/sys/net/ipv4/ip_unprivileged_port_start'))?.toString();
  const first = Number(text ?? 1024);
  const low = wanted.find((p) => p < first);
  return low === undefined ? undefined : { low, first };
}

/** Reports ports that only root may use. */
export const lowPort: Check = async (settings, _, host) => {
  const found = await lowPortOf(portsTaken(settings), host);
  if (!found) return [];
  const { low, first } = found;
  const fix = [
    `Use a higher port:    ${commandLine(`--port ${low === 443 ? 5443 : 5000}`)}`,
    `Or allow low ports:   sudo sysctl net.ipv4.ip_unprivileged_port_start=${low}`,
  ];
  return fail(`Port ${low} is for root: without root, ports begin at ${first}.`, fix, { flag: '--port' });
};
