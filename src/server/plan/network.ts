// What the machine itself needs for its registry to be found: a way through its firewall, a line in its hosts file.
import type { EngineInfo } from '../../engines/types.ts';
import { isLoopback, isOn, openings, passageOf } from '../../host/firewall/firewall.ts';
import type { Opening, Served } from '../../host/firewall/types.ts';
import type { Host } from '../../host/host.ts';
import { HOSTS, hostsOffer } from '../../host/resolution.ts';
import { localEndpoint } from '../../registry/endpoint.ts';
import type { Resource, ResourceOf } from '../../resources/resource.ts';
import type { Oldest } from '../../resources/undo.ts';
import { PORTS_INSIDE, type Settings } from '../../settings/settings.ts';
import type { Facts } from './facts.ts';

/**
 * The line itself. It leads to where the set-up's own proof connects: loopback, unless one address alone is listened on. Loopback
 * is right for as long as the registry is on this machine, while an address of the machine may be another one tomorrow;
 * and a Docker on the server, which takes loopback for safe, pushes to its own registry without having been told of the CA.
 */
const hostsLine = (settings: Settings): ResourceOf<'hosts'> => ({
  kind: 'hosts',
  path: HOSTS,
  name: settings.host,
  address: localEndpoint(settings).connectTo ?? '127.0.0.1',
});

/** What a firewall must let clients reach. */
export const served = ({ host: called, bind, port, auth, authPort }: Settings): Served => ({
  called,
  bind,
  ports: [
    { port, inside: PORTS_INSIDE.registry },
    ...(auth === 'token' ? [{ port: authPort, inside: PORTS_INSIDE.auth }] : []),
  ],
});

/** The ports that are wanted open and are shut, for whoever may open them. */
export async function shutOpenings(settings: Settings, engine: EngineInfo, host: Host): Promise<Opening[]> {
  if (host.machine.uid !== 0) return [];
  const all = await openings(served(settings), engine, host);
  const passages = await Promise.all(all.map((opening) => passageOf(opening, host)));
  return all.filter((_, i) => passages[i] === 'shut');
}

/** Rules that we made in a firewall which is off by now: that it is off is left alone, and so are they. */
async function resting({ port, authPort, bind }: Settings, oldest: Oldest, host: Host): Promise<Opening[]> {
  if (isLoopback(bind)) return [];
  const made = [...oldest.values()]
    .flatMap(({ undo }) => undo.steps)
    .flatMap((step) => (step.do === 'firewall' ? [step.opening] : []));
  const off = await Promise.all(made.map(async ({ program }) => !(await isOn(host, program))));
  return made.filter((opening, i) => off[i] && [port, authPort].includes(opening.port));
}

/**
 * What is done where nobody answered: the good answer of each question, once there is something to answer.
 * A name is looked at when it is new: a name server that is away for a moment is no reason to write to a file.
 */
export async function aroundDefaults(
  settings: Settings,
  engine: EngineInfo,
  { last }: Facts,
  host: Host,
): Promise<Pick<Settings, 'openPort' | 'hostsLine'>> {
  const { openPort, hostsLine: line, host: name } = settings;
  const shut = openPort === undefined && (await shutOpenings(settings, engine, host)).length > 0;
  const isNew = line === undefined && last?.host?.value !== name;
  const lost = isNew && (await hostsOffer(host, name))?.good === true;
  return { ...(shut && { openPort: true }), ...(lost && { hostsLine: true }) };
}

/** @param oldest what was ever done here */
export async function around(
  settings: Settings,
  engine: EngineInfo,
  host: Host,
  oldest: Oldest,
): Promise<Resource[]> {
  const wanted = settings.openPort === true && host.machine.uid === 0;
  const all = wanted ? await openings(served(settings), engine, host) : [];
  const rules = [...all, ...(wanted ? await resting(settings, oldest, host) : [])];
  return [
    ...rules.map((rule): Resource => ({ kind: 'firewall', ...rule })),
    ...(settings.hostsLine === true ? [hostsLine(settings)] : []),
  ];
}
