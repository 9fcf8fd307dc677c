// The firewalls of this machine: which of them filters the registry's ports, and what lets clients through.
import { isIP } from 'node:net';
import { isInner, ownAddresses } from '../addresses.ts';
import type { Host } from '../host.ts';
import { bare } from '../names.ts';
import { isFirewalldOn, shutParts, zoneOf } from './firewalld.ts';
import type { Opening, Passage, PortPublisher, Served } from './types.ts';
import { isUfwOn, ufwPassage, ufwRule } from './ufw.ts';

/** Tells whether only this machine can connect: then no firewall matters. */
export const isLoopback = (bind: string): boolean => bind.startsWith('127.') || bind === '::1';

const isEverywhere = (bind: string): boolean => bind === '0.0.0.0' || bind === '::';

/**
 * Returns where a firewall filters packets to a port of this engine; undefined if it does not. Seen with each engine and firewall.
 * - Firewalls filter what listens on this machine itself: the native engine, an engine without root.
 * - Docker's published ports bypass ufw, and Docker configures firewalld itself. A process of Docker on this machine accepts IPv6.
 * - podman configures firewalld itself, and leaves it to ufw whether packets are forwarded (netavark with nftables).
 */
function judged(
  { kind, rootless }: PortPublisher,
  program: Opening['program'],
  isSix: boolean,
): 'here' | 'handed on' | undefined {
  if (kind === 'native' || rootless) return 'here';
  if (kind === 'docker') return isSix ? 'here' : undefined;
  return program === 'ufw' ? 'handed on' : undefined;
}

export const isOn = (host: Host, program: Opening['program']): Promise<boolean> =>
  program === 'ufw' ? isUfwOn(host) : isFirewalldOn(host);

/** Tells whether the firewall lets an opening through. Reads only. */
export async function passageOf(opening: Opening, host: Host): Promise<Passage> {
  if (opening.program === 'ufw') return ufwPassage(opening, host);
  const shut = await shutParts(opening, host);
  return shut === undefined ? 'denied' : shut.length > 0 ? 'shut' : 'open';
}

/** Returns the interface of the address that the registry listens on, or that clients call; else the likeliest one. */
async function deviceOf({ called, bind }: Served, host: Host): Promise<string | undefined> {
  const wanted = isEverywhere(bind) ? bare(called) : bind;
  const addresses = await ownAddresses(host);
  return (addresses.find(({ address }) => address === wanted) ?? addresses[0])?.interface;
}

/** Returns every opening that clients need, open or not; none if no firewall filters the ports. */
export async function openings(served: Served, publisher: PortPublisher, host: Host): Promise<Opening[]> {
  const { called, bind, ports } = served;
  if (isLoopback(bind)) return [];
  const { addresses } = host.machine;
  const isSix =
    called.startsWith('[') ||
    isIP(bind) === 6 ||
    (addresses.length > 0 && addresses.every(({ family, interface: name }) => family === 6 || isInner(name)));
  const found: Opening[] = [];
  for (const program of ['ufw', 'firewalld'] as const) {
    const how = judged(publisher, program, isSix);
    if (!how || !(await isOn(host, program))) continue;
    const zone = program === 'firewalld' ? { zone: await zoneOf(await deviceOf(served, host), host) } : {};
    const to = isEverywhere(bind) || how === 'handed on' || program === 'firewalld' ? {} : { to: bind };
    for (const { inside, ...at } of ports)
      found.push({ program, ...at, ...to, ...(how === 'handed on' && { inside }), ...zone });
  }
  return found;
}

/** `port 5000 in ufw` */
export const placeOf = ({ program, port, to, zone }: Opening): string =>
  `port ${port}${to ? ` of ${to}` : ''} in ${program}${zone ? `, zone ${zone}` : ''}`;

export const titleOf = (opening: Opening): string => `rule for ${placeOf(opening)}`;

const firewallCmds = (what: string) => `firewall-cmd ${what} && firewall-cmd --permanent ${what}`;

/** Returns the command that a user would type to open it. */
export const openCommand = (opening: Opening): string =>
  opening.program === 'ufw'
    ? `ufw ${ufwRule(opening, 'allow').join(' ')}`
    : firewallCmds(`--zone=${opening.zone} --add-port=${opening.port}/tcp`);

/** Returns the command that a user would type to close it again. */
export const closeCommand = (opening: Opening): string =>
  opening.program === 'ufw'
    ? `ufw ${ufwRule(opening, 'delete allow').join(' ')}`
    : firewallCmds(`--zone=${opening.zone} --remove-port=${opening.port}/tcp`);
