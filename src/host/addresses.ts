// The addresses at which others may reach this machine: the wizard offers them, and certificates contain them.
import type { Host } from './host.ts';
import type { Machine } from './machine.ts';
import { ipBytes } from './names.ts';

export type OwnAddress = Machine['addresses'][number];

/**
 * Interfaces of networks that end in this machine: those of containers and virtual machines. No client outside the machine reaches them.
 * Docker's own bridges have twelve hexadecimal digits: `br-lan` is somebody's real network.
 */
const INNER = new RegExp(
  `^(${[
    'docker|br-[0-9a-f]{12}$|podman|cni|nerdctl|veth|virbr|vnet|lxc|lxd|incusbr', // engines and machines
    'flannel|cali|cilium|kube-|nodelocaldns|weave|vxlan', // Kubernetes
  ].join('|')})`,
);

/** Tells whether an interface belongs to such an inner network. */
export const isInner = (device: string): boolean => INNER.test(device);

/** Flags of an address in /proc/net/if_inet6 (linux/if_addr.h): a temporary one expires within a day, a deprecated one is expiring. */
const TEMPORARY = 0x01;
const DEPRECATED = 0x20;

/** Returns the IPv6 addresses that do not last, in hexadecimal (proc(5): address, index, prefix length, scope, flags, interface). */
async function passing(host: Host): Promise<Set<string>> {
  const lines = (await host.read('/proc/net/if_inet6'))?.toString().split('\n') ?? [];
  const rows = lines.map((line) => line.trim().split(/\s+/));
  const goes = (flags = '0') => (Number.parseInt(flags, 16) & (TEMPORARY | DEPRECATED)) !== 0;
  return new Set(rows.flatMap(([address = '', , , , flags]) => (goes(flags) ? [address] : [])));
}

/** Returns the interface of the default route, which others most likely reach: IPv4's, else IPv6's. */
async function defaultInterface(host: Host): Promise<string | undefined> {
  const [four = '', six = ''] = await Promise.all(
    ['/proc/net/route', '/proc/net/ipv6_route'].map(async (path) => (await host.read(path))?.toString()),
  );
  // Destination 00000000; in IPv6, a destination of zeros with a prefix length of 00, and not through lo.
  const [, first] = /^(\S+)\t00000000\t/m.exec(four) ?? [];
  const [, other] = /^0{32} 00 .* (\S+)$/m.exec(six.replace(/^.* lo$/gm, '')) ?? [];
  return first ?? other;
}

/** Returns the global addresses of real interfaces, the likeliest first: those of the default route, then IPv4 before IPv6. */
export async function ownAddresses(host: Host): Promise<OwnAddress[]> {
  const [first, going] = await Promise.all([defaultInterface(host), passing(host)]);
  const rank = (entry: OwnAddress) => (entry.interface === first ? 0 : 2) + (entry.family === 6 ? 1 : 0);
  return host.machine.addresses
    .filter((entry) => !isInner(entry.interface))
    .filter(({ address, family }) => family === 4 || !going.has(ipBytes(address).toString('hex')))
    .sort((a, b) => rank(a) - rank(b));
}
