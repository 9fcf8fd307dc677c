// Plans what the machine itself needs for its registry to be found: a way through its firewall, a line in its hosts file.
import type { EngineInfo } from '../../engines/types.ts';
import { isLoopback, isOn, openings, passageOf } from '../../host/firewall/firewall.ts';
import type { Opening, Served } from '../../host/firewall/types.ts';
import type { Host } from '../../host/host.ts';
import { HOSTS, hostsOffer } from '../../host/resolution.ts';
import { localEndpoint } from '../../registry/endpoint.ts';
import type { Resource, ResourceOf } from '../../resources/resource.ts';
import type { Oldest } from '../../resources/undo.ts';
import { hasAuthPort } from '../../settings/gateway.ts';
import { isPublicRegistry } from '../../settings/public-registries.ts';
import { PORTS_INSIDE, type Settings } from '../../settings/settings.ts';
import type { Facts } from './facts.ts';

/**
 * Returns the hosts line. It leads to where the set-up's own proof connects: loopback, unless the registry listens on one address
 * alone. Loopback stays right as long as the registry is on this machine, while the machine's address may be another one tomorrow.
 * And Docker trusts loopback: a Docker on the server pushes to its own registry without the CA.
 */
const hostsLine = (settings: Settings): ResourceOf<'hosts'> => ({
  kind: 'hosts',
  path: HOSTS,
  name: settings.host,
  address: localEndpoint(settings).connectTo ?? '127.0.0.1',
});

/** Returns what a firewall must let clients reach. */
export const served = (settings: Settings): Served => ({
  called: settings.host,
  bind: settings.bind,
  ports: [
    { port: settings.port, inside: PORTS_INSIDE.registry },
    ...(hasAuthPort(settings) ? [{ port: settings.authPort, inside: PORTS_INSIDE.auth }] : []),
  ],
});

/** Returns the openings that clients need and that a firewall shuts; none without root, which cannot open them. */
export async function shutOpenings(settings: Settings, engine: EngineInfo, host: Host): Promise<Opening[]> {
  if (host.machine.uid !== 0) return [];
  const all = await openings(served(settings), engine, host);
  const passages = await Promise.all(all.map((opening) => passageOf(opening, host)));
  return all.filter((_, i) => passages[i] === 'shut');
}

/** Returns the rules that this program made in a firewall that is off by now: the firewall stays off, and the rules stay unchanged. */
async function resting({ port, authPort, bind }: Settings, oldest: Oldest, host: Host): Promise<Opening[]> {
  if (isLoopback(bind)) return [];
  const made = [...oldest.values()]
    .flatMap(({ undo }) => undo.steps)
    .flatMap((step) => (step.do === 'firewall' ? [step.opening] : []));
  const off = await Promise.all(made.map(async ({ program }) => !(await isOn(host, program))));
  return made.filter((opening, i) => off[i] && [port, authPort].includes(opening.port));
}

/**
 * Returns defaults for questions without an answer: open the port if the firewall shuts it, add the hosts line if the name needs it.
 * Looks only at a new name: a name server that is down for a moment is no reason to write to a file.
 */
export async function networkDefaults(
  settings: Settings,
  engine: EngineInfo,
  { last }: Facts,
  host: Host,
): Promise<Pick<Settings, 'openPort' | 'hostsLine'>> {
  const { openPort, hostsLine: line, host: name, externalUrl } = settings;
  const shut = openPort === undefined && (await shutOpenings(settings, engine, host)).length > 0;
  // The name belongs to the proxy, which may be on another machine.
  const isNew =
    line === undefined && externalUrl === undefined && last?.host?.value !== name && !isPublicRegistry(name);
  const lost = isNew && (await hostsOffer(host, name))?.good === true;
  return { ...(shut && { openPort: true }), ...(lost && { hostsLine: true }) };
}

/** Returns the firewall rules and the hosts line. @param oldest everything that was ever done here */
export async function networkResources(
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
