// Resolves a name on this machine, and tells whether the hosts file can be changed.
import { isIP } from 'node:net';
import type { Host } from './host.ts';
import { bare } from './names.ts';
import { once } from './once.ts';

export const HOSTS = '/etc/hosts';

/** Where a name, or an address, leads from this machine. */
export type Leads = { to: 'here' } | { to: 'nowhere' } | { to: 'elsewhere'; address: string };

const isOwn = (host: Host, address: string) =>
  /^127\.|^::1$/.test(address) || host.machine.addresses.some((own) => own.address === address);

/** Asks once in a run: libc waits ten seconds for a name server that does not answer. */
const askOnce = (host: Host, name: string) =>
  once(host, `getent ahosts ${name}`, () => host.run('getent', ['ahosts', name], { timeout: 12_000 }));

/** Resolves a name as the system does (nsswitch.conf): name servers, hosts file, mDNS. Returns undefined if getent cannot be run. */
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

/** Tells whether the hosts file can be replaced. In a container the engine mounts it: nothing can be renamed onto it. */
export async function mayWriteHosts(host: Host): Promise<boolean> {
  if (host.machine.uid !== 0) return false;
  const mounts = (await host.read('/proc/self/mountinfo'))?.toString() ?? '';
  return !mounts.split('\n').some((line) => line.split(' ')[4] === HOSTS);
}

/** Returns the names in a line of a hosts file, in lower case. (hosts(5)) */
export const namesIn = (line: string): string[] =>
  line.toLowerCase().replace(/#.*/, '').trim().split(/\s+/).slice(1);

/** Tells whether the hosts file has the name already: a second line would only contradict it. */
export async function isInHosts(host: Host, name: string): Promise<boolean> {
  const lines = (await host.read(HOSTS))?.toString().split('\n') ?? [];
  return lines.some((line) => namesIn(line).includes(name));
}

/** Returns what to offer the user; `good`: the default answer (Enter). Undefined if nothing is missing, or nothing can be done. */
export async function hostsOffer(
  host: Host,
  name: string,
): Promise<{ leads: Leads; good: boolean } | undefined> {
  if (isIP(bare(name)) || !(await mayWriteHosts(host)) || (await isInHosts(host, name))) return undefined;
  const leads = await whereLeads(host, name);
  if (!leads || leads.to === 'here') return undefined;
  return { leads, good: leads.to === 'nowhere' };
}
