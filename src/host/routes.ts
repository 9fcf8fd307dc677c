// The networks that this machine has a route to, from the kernel's own table.
import type { Host } from './host.ts';

/** Returns the four parts of an address that is written as a little-endian hexadecimal number. */
const parts = (hex: string): number[] =>
  (hex.match(/../g) ?? []).toReversed().map((two) => Number.parseInt(two, 16));

/** Counts the ones of a mask. */
const bits = (mask: string): number =>
  parts(mask).reduce((sum, part) => sum + part.toString(2).replaceAll('0', '').length, 0);

/**
 * Returns the IPv4 networks of the main table, such as `10.0.0.0/8`, without the default route.
 * /proc/net/route (proc(5)): interface, destination, gateway, flags, …, mask as the eighth.
 */
export async function routes(host: Host): Promise<string[]> {
  const text = (await host.read('/proc/net/route').catch(() => undefined))?.toString() ?? '';
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, destination = '', , , , , , mask = ''] = line.trim().split(/\s+/);
      return destination === '' || mask === '00000000'
        ? []
        : [`${parts(destination).join('.')}/${bits(mask)}`];
    });
}
