// Reads the entries of insecure-registries as dockerd does: registries, and networks.
import { BlockList, isIP } from 'node:net';

/** Tells whether an address is in a network: `10.0.0.0/8`. */
export function isWithin(address: string, network: string): boolean {
  const [, range = '', bits] = /^(.*)\/(\d+)$/.exec(network) ?? [];
  const family = isIP(address);
  if (bits === undefined || !family || isIP(range) !== family) return false;
  const kind = family === 6 ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  try {
    list.addSubnet(range, Number(bits), kind);
  } catch {
    return false;
  }
  return list.check(address, kind);
}

/**
 * Returns the entry by which dockerd takes any certificate of a registry, or none: the registry itself, or a network with its address.
 * (docs.docker.com/reference/cli/dockerd, "Insecure registries")
 * @param name as in an image's name @param ip undefined if the name leads nowhere
 */
export function insecureEntry(entries: string[], name: string, ip: string | undefined): string | undefined {
  return entries.find((entry) => {
    const plain = entry.replace(/^https?:\/\//, '');
    return plain === name || (ip !== undefined && isWithin(ip, plain));
  });
}
