// What the operating system says about the machine itself.
import { hostname, networkInterfaces } from 'node:os';

export interface Machine {
  hostname: string;
  /** Addresses that others may reach: no loopback, no link-local. */
  addresses: { address: string; family: 4 | 6; interface: string }[];
  uid: number;
}

export function thisMachine(): Machine {
  const addresses = Object.entries(networkInterfaces()).flatMap(([name, list]) =>
    (list ?? [])
      .filter(({ internal, address }) => !internal && !/^(169\.254\.|fe80:)/.test(address))
      .map(({ address, family }) => ({
        address,
        family: family === 'IPv4' ? (4 as const) : (6 as const),
        interface: name,
      })),
  );
  return { hostname: hostname(), addresses, uid: process.getuid?.() ?? 0 };
}
