// Whether this server finds itself under the name that clients use, and the line of the hosts file for where it does not.
import { isIP } from 'node:net';
import { ownAddresses } from './addresses.ts';
import { localEndpoint } from './checks.ts';
import { CliError } from './errors.ts';
import type { Facts } from './facts.ts';
import type { Host, RunResult } from './host.ts';
import type { Finding } from './preflight.ts';
import type { ResourceOf } from './resource.ts';
import type { Settings } from './settings.ts';
import { bare } from './site-names.ts';

const HOSTS = '/etc/hosts';

/** Where a name, or an address, leads from here. */
export type Leads = { to: 'here' } | { to: 'nowhere' } | { to: 'elsewhere'; address: string };

const isOwn = (host: Host, address: string) =>
  /^127\.|^::1$/.test(address) || host.machine.addresses.some((own) => own.address === address);

/** A name server that does not answer takes the libc ten seconds to give up: it is asked once in a run. */
const asked = new WeakMap<Host, Map<string, Promise<RunResult>>>();
function askOnce(host: Host, name: string): Promise<RunResult> {
  const known = asked.get(host) ?? new Map<string, Promise<RunResult>>();
  asked.set(host, known);
  const answer = known.get(name) ?? host.run('getent', ['ahosts', name], { timeout: 12_000 });
  known.set(name, answer);
  return answer;
}

/** By the words of the whole system (nsswitch.conf): name servers, hosts file, mDNS. Undefined where that cannot be asked. */
export async function whereLeads(host: Host, name: string): Promise<Leads | undefined> {
  const plain = bare(name);
  if (isIP(plain)) return isOwn(host, plain) ? { to: 'here' } : { to: 'elsewhere', address: plain };
  const { code, stdout } = await askOnce(host, plain);
  if (code === 127 || code === 126) return undefined;
  const found = stdout.split('\n').flatMap((line) => line.split(/\s+/)[0] || []);
  const [first] = found;
  if (code !== 0 || first === undefined) return { to: 'nowhere' };
  return found.some((address) => isOwn(host, address)) ? { to: 'here' } : { to: 'elsewhere', address: first };
}

/** In a container the engine mounts the hosts file: nothing can be renamed onto it. */
async function mayWriteHosts(host: Host): Promise<boolean> {
  if (host.machine.uid !== 0) return false;
  const mounts = (await host.read('/proc/self/mountinfo'))?.toString() ?? '';
  return !mounts.split('\n').some((line) => line.split(' ')[4] === HOSTS);
}

/** Somebody wrote down where that name is: a second line would only contradict it. */
async function isInHosts(host: Host, name: string): Promise<boolean> {
  const lines = (await host.read(HOSTS))?.toString().split('\n') ?? [];
  return lines.some((line) => line.toLowerCase().replace(/#.*/, '').split(/\s+/).slice(1).includes(name));
}

/** What is offered: `good` is the answer that Enter gives; undefined: nothing is missing, or nothing can be done. */
export async function hostsOffer(
  host: Host,
  name: string,
): Promise<{ leads: Leads; good: boolean } | undefined> {
  if (isIP(bare(name)) || !(await mayWriteHosts(host)) || (await isInHosts(host, name))) return undefined;
  const leads = await whereLeads(host, name);
  if (!leads || leads.to === 'here') return undefined;
  return { leads, good: leads.to === 'nowhere' };
}

/**
 * The line itself. It leads to where the set-up's own proof connects: loopback, unless one address alone is listened on. Loopback
 * is right for as long as the registry is on this machine, while an address of the machine may be another one tomorrow;
 * and a Docker on the server, which takes loopback for safe, pushes to its own registry without having been told of the CA.
 */
export const hostsLine = (settings: Settings): ResourceOf<'hosts'> => ({
  kind: 'hosts',
  path: HOSTS,
  name: settings.host,
  address: localEndpoint(settings).connectTo ?? '127.0.0.1',
});

/** A line that was asked for, and cannot be written. */
export async function lineFindings(
  { hostsLine: wanted, host: name }: Settings,
  _: Facts,
  host: Host,
): Promise<Finding[]> {
  if (wanted !== true || (await mayWriteHosts(host)) || (await isInHosts(host, name))) return [];
  const why = host.machine.uid === 0 ? 'a container engine mounts it' : 'only root may';
  return [
    {
      level: 'error',
      message: `${HOSTS} cannot be changed here: ${why}.`,
      fix: [
        `Write the line where it is made:   127.0.0.1 ${name}`,
        'Or go without:                     --no-hosts-line',
      ],
      flag: '--hosts-line',
    },
  ];
}

/** podman's own network has no IPv6 unless somebody gave it some; without root it is not used. */
export async function addressed(
  { host: name, bind }: Settings,
  { engine }: Facts,
  host: Host,
): Promise<Finding[]> {
  const isSix = name.startsWith('[') || isIP(bind) === 6;
  if (!isSix || engine instanceof CliError || engine.kind !== 'podman' || engine.rootless) return [];
  const { code, stdout } = await host.run('podman', ['network', 'inspect', 'podman'], { timeout: 15_000 });
  if (code !== 0 || /"ipv6_enabled": true/.test(stdout)) return [];
  return [
    {
      level: 'error',
      message: `podman has no IPv6 in its network: no client would reach ${isIP(bind) === 6 ? bind : name}.`,
      fix: [
        'Without a container:          registry-setup --engine native',
        'Or by an IPv4 address:        registry-setup --host IP',
      ],
      flag: isIP(bind) === 6 ? '--bind' : '--host',
    },
  ];
}

/** What clients will reach under the name, where that is not plainly this machine. Said of each host once. */
export async function nameFindings(
  { host: name, port }: Settings,
  { last }: Facts,
  host: Host,
): Promise<Finding[]> {
  if (last?.host?.value === name) return [];
  const leads = await whereLeads(host, name);
  if (!leads || leads.to === 'here') return [];
  if (leads.to === 'elsewhere') {
    const what = isIP(bare(name)) ? `${name} is` : `${name} resolves to ${leads.address}, which is`;
    const message = `${what} no address of this machine: clients reach it only where something (NAT, a load balancer) leads from there to here.`;
    return [{ level: 'warning', message, fix: [] }];
  }
  const [own] = await ownAddresses(host);
  const at = port === 5000 ? name : `${name} --port ${port}`;
  return [
    {
      level: 'warning',
      message: `No name server of this machine knows ${name}. A client that does not know it either is told where it is:`,
      fix: [`registry-setup --client --host ${at} --address ${own?.address ?? 'IP'}`],
    },
  ];
}
