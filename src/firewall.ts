// Firewalls of this machine: which of them judges the registry's ports, and what lets clients through.
import { isIP } from 'node:net';
import { isInner, ownAddresses } from './addresses.ts';
import { type EngineInfo, PORTS_INSIDE } from './engines/docker.ts';
import { CliError } from './errors.ts';
import type { Facts } from './facts.ts';
import { isFirewalldOn, shutParts, zoneOf } from './firewalls/firewalld.ts';
import { isUfwOn, ufwPassage, ufwRule } from './firewalls/ufw.ts';
import type { Host } from './host.ts';
import type { Finding } from './preflight.ts';
import type { Settings } from './settings.ts';
import { bare } from './site-names.ts';

/** One way in. Plain data: the plan and the way back carry it. */
export interface Opening {
  program: 'ufw' | 'firewalld';
  port: number;
  /** The one address that is listened on. */
  to?: string;
  /** The packets are handed on to a container: another chain judges them, by the port inside. */
  inside?: number;
  /** Of firewalld. */
  zone?: string;
}

/** `denied`: a rule that somebody made refuses it, and a new one would come too late. */
export type Passage = 'open' | 'shut' | 'denied';

/** The two configurations of firewalld: what holds now, and what holds after its next start. */
export type Part = 'now' | 'later';

/** Listens for this machine alone: no firewall has a part in it. */
export const isLoopback = (bind: string): boolean => bind.startsWith('127.') || bind === '::1';

export const isEverywhere = (bind: string): boolean => bind === '0.0.0.0' || bind === '::';

type Place = Pick<Settings, 'host' | 'port' | 'bind' | 'auth' | 'authPort'>;

/**
 * Whether a firewall judges what goes to a port of this engine; seen with each of them.
 * - What listens on this machine itself is theirs to judge: the native engine, an engine without root.
 * - Docker's published ports go past ufw, and Docker tells firewalld itself. IPv6 is taken by a process of Docker's on this machine.
 * - podman tells firewalld itself, and leaves it to ufw whether packets are handed on (netavark with nftables).
 */
function judged(
  { kind, rootless }: EngineInfo,
  program: Opening['program'],
  isSix: boolean,
): 'here' | 'handed on' | undefined {
  if (kind === 'native' || rootless) return 'here';
  if (kind === 'docker') return isSix ? 'here' : undefined;
  return program === 'ufw' ? 'handed on' : undefined;
}

export const isOn = (host: Host, program: Opening['program']): Promise<boolean> =>
  program === 'ufw' ? isUfwOn(host) : isFirewalldOn(host);

export async function passageOf(opening: Opening, host: Host): Promise<Passage> {
  if (opening.program === 'ufw') return ufwPassage(opening, host);
  const shut = await shutParts(opening, host);
  return shut === undefined ? 'denied' : shut.length > 0 ? 'shut' : 'open';
}

/** The interface with the address that is listened on, or that clients call; else the likeliest one. */
async function deviceOf({ host: called, bind }: Place, host: Host): Promise<string | undefined> {
  const wanted = isEverywhere(bind) ? bare(called) : bind;
  const addresses = await ownAddresses(host);
  return (addresses.find(({ address }) => address === wanted) ?? addresses[0])?.interface;
}

/** Every way in that clients of this registry need, open or not; none where no firewall judges. */
export async function openings(place: Place, engine: EngineInfo, host: Host): Promise<Opening[]> {
  const { host: called, port, bind, auth, authPort } = place;
  if (isLoopback(bind)) return [];
  const ports = [
    { port, inside: PORTS_INSIDE.registry },
    ...(auth === 'token' ? [{ port: authPort, inside: PORTS_INSIDE.auth }] : []),
  ];
  const { addresses } = host.machine;
  const isSix =
    called.startsWith('[') ||
    isIP(bind) === 6 ||
    (addresses.length > 0 && addresses.every(({ family, interface: name }) => family === 6 || isInner(name)));
  const found: Opening[] = [];
  for (const program of ['ufw', 'firewalld'] as const) {
    const how = judged(engine, program, isSix);
    if (!how || !(await isOn(host, program))) continue;
    const zone = program === 'firewalld' ? { zone: await zoneOf(await deviceOf(place, host), host) } : {};
    const to = isEverywhere(bind) || how === 'handed on' || program === 'firewalld' ? {} : { to: bind };
    for (const { inside, ...at } of ports)
      found.push({ program, ...at, ...to, ...(how === 'handed on' && { inside }), ...zone });
  }
  return found;
}

export const titleOf = ({ program, port, to, zone }: Opening): string =>
  `rule for port ${port}${to ? ` of ${to}` : ''} in ${program}${zone ? `, zone ${zone}` : ''}`;

const firewallCmds = (what: string) => `firewall-cmd ${what} && firewall-cmd --permanent ${what}`;

/** What a person would type to open it. */
export const openCommand = (opening: Opening): string =>
  opening.program === 'ufw'
    ? `ufw ${ufwRule(opening, 'allow').join(' ')}`
    : firewallCmds(`--zone=${opening.zone} --add-port=${opening.port}/tcp`);

/** And to shut it again. */
export const closeCommand = (opening: Opening): string =>
  opening.program === 'ufw'
    ? `ufw ${ufwRule(opening, 'delete allow').join(' ')}`
    : firewallCmds(`--zone=${opening.zone} --remove-port=${opening.port}/tcp`);

export interface FirewallNews {
  message: string;
  fix: string[];
}

/** What a person should know when nothing was, or could be, opened; and that Docker's ports go past ufw. */
export async function firewallNews(
  settings: Settings,
  engine: EngineInfo,
  host: Host,
): Promise<FirewallNews[]> {
  const news: FirewallNews[] = [];
  const { kind, rootless } = engine;
  const ports = [settings.port, ...(settings.auth === 'token' ? [settings.authPort] : [])].join(' and ');
  if (kind === 'docker' && !rootless && !isLoopback(settings.bind) && (await isOn(host, 'ufw')))
    news.push({
      message: `ufw is on, and ports that Docker publishes go past it: whoever reaches this machine reaches port ${ports}.`,
      fix: ['registry-setup --bind IP      listens on one address alone'],
    });
  const mayOpen = host.machine.uid === 0 && settings.openPort === true;
  for (const opening of await openings(settings, engine, host)) {
    const passage = await passageOf(opening, host);
    const { program, port } = opening;
    const sudo = host.machine.uid === 0 ? '' : 'sudo ';
    if (passage === 'denied')
      news.push({
        message: `A rule of ${program} refuses port ${port}: nobody else reaches it.`,
        fix: [`${sudo}${program === 'ufw' ? 'ufw status numbered' : 'firewall-cmd --list-all'}`],
      });
    if (passage === 'shut' && !mayOpen)
      news.push({
        message: `${program} is on: nobody else reaches port ${port} until it is opened.`,
        fix: [openCommand(opening).replaceAll(/(^|&& )/g, `$1${sudo}`)],
      });
  }
  return news;
}

/** The same, before anything is touched; on a re-run those ports are known. */
export async function firewallFindings(
  settings: Settings,
  { engine, last }: Facts,
  host: Host,
): Promise<Finding[]> {
  if (last || engine instanceof CliError) return [];
  const news = await firewallNews(settings, engine, host);
  return news.map((one) => ({ level: 'warning', ...one }));
}
