// Host names and addresses, in the form in which a certificate holds them.
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { CliError } from '../errors.ts';

/** Returns a host without the brackets of an IPv6 address. */
export const bare = (host: string): string => host.replace(/^\[(.*)\]$/, '$1');

/** Returns a host or an address as it stands before a port: IPv6 in brackets. (RFC 3986, 3.2.2) */
export const bracketed = (host: string): string => (isIP(host) === 6 ? `[${host}]` : host);

/** Returns a host name in lower case and A-labels (`bücher.example` → `xn--bcher-kva.example`), without a dot at its end. */
export function toAscii(name: string): string {
  // Converts only names that need it: the URL rules read `1.2.3` as an address.
  const ascii = /^[\x21-\x7e]*$/.test(name) ? name : domainToASCII(name);
  return ascii.toLowerCase().replace(/\.$/, '');
}

/** Returns the same for a new certificate, in which `*.` may come first. @throws CliError (exit 2) if `name` is not a host name */
export function asciiName(name: string): string {
  const host = toAscii(name);
  if (host.length > 253 || !/^(\*\.)?[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/.test(host)) {
    const message = `"${name}" cannot be in a certificate: it is neither a host name nor an IP address.`;
    throw new CliError(message, { exitCode: 2 });
  }
  return host;
}

/** Returns an address as 4 or 16 bytes, without its zone (`%eth0`), which means something on one machine alone. */
export function ipBytes(ip: string): Buffer {
  if (isIP(ip) === 4) return Buffer.from(ip.split('.').map(Number));
  // The URL parser writes every form of an address in one way: hexadecimal groups with at most one `::`.
  const [left = '', right = ''] = new URL(`http://[${ip.replace(/%.*/, '')}]`).hostname
    .slice(1, -1)
    .split('::');
  const words = (text: string) => (text ? text.split(':').map((word) => Number.parseInt(word, 16)) : []);
  const [head, tail] = [words(left), words(right)];
  const all = [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
  return Buffer.from(all.flatMap((word) => [word >> 8, word & 0xff]));
}

/** Returns the text of such bytes: `10.0.3.17`, `2001:db8::1`; hexadecimal for a length that no address has. */
export function ipText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) return bytes.toString('hex');
  const groups = bytes.toString('hex').match(/.{4}/g) ?? [];
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
