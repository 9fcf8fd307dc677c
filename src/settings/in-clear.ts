// Tells whether passwords travel in clear, with a proxy in front or without one.
import { isIP } from 'node:net';
import { bare, ipBytes } from '../host/names.ts';
import { publicAddress } from './public-address.ts';
import type { Settings } from './settings.ts';

/** Tells whether an address belongs to this machine alone, or to an inner network. (RFC 1918, 6598, 3927, 4193, 4291) */
function isInnerAddress(ip: string): boolean {
  const plain = bare(ip);
  if (isIP(plain) === 0) return false;
  const [a = 0, b = 0, ...rest] = ipBytes(plain);
  if (isIP(plain) === 4)
    return (
      a === 10 ||
      a === 127 ||
      (a === 100 && b >= 64 && b < 128) ||
      (a === 169 && b === 254) ||
      (a === 172 && b >= 16 && b < 32) ||
      (a === 192 && b === 168)
    );
  const isLoopback = a === 0 && b === 0 && rest.slice(0, -1).every((byte) => byte === 0) && rest.at(-1) === 1;
  return isLoopback || (a & 0xfe) === 0xfc || (a === 0xfe && (b & 0xc0) === 0x80);
}

/** Returns where passwords travel in clear: from clients, or between the proxy and here; undefined if nowhere that others listen. */
export function inClear(
  settings: Pick<Settings, 'auth' | 'tls' | 'host' | 'port' | 'bind' | 'externalUrl'>,
): 'clients' | 'proxy' | undefined {
  const { auth, tls, bind } = settings;
  if (auth === 'none') return undefined;
  if (!publicAddress(settings).tls) return 'clients';
  return tls === 'insecure' && !isInnerAddress(bind) ? 'proxy' : undefined;
}
