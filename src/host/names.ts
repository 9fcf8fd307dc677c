// Host names and addresses, in the form that a certificate holds them.
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { CliError } from '../errors.ts';

export const bare = (host: string): string => host.replace(/^\[(.*)\]$/, '$1');

/** A host name in lower case and A-labels (`bücher.example` → `xn--bcher-kva.example`), without a dot at its end. */
export function toAscii(name: string): string {
  // Only what needs it goes through the URL rules: they read `1.2.3` as an address.
  const ascii = /^[\x21-\x7e]*$/.test(name) ? name : domainToASCII(name);
  return ascii.toLowerCase().replace(/\.$/, '');
}

/** The same for a new certificate, where `*.` may lead it. Throws a CliError (exit 2) for what is no host name. */
export function asciiName(name: string): string {
  const host = toAscii(name);
  if (host.length > 253 || !/^(\*\.)?[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/.test(host)) {
    const message = `"${name}" cannot be in a certificate: it is neither a host name nor an IP address.`;
    throw new CliError(message, { exitCode: 2 });
  }
  return host;
}

/** An address as 4 or 16 bytes. Its zone (`%eth0`) is left out: it means something on one machine alone. */
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

/** The way back: `10.0.3.17`, `2001:db8::1`; hexadecimal for a length that no address has. */
export function ipText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) return bytes.toString('hex');
  const groups = bytes.toString('hex').match(/.{4}/g) ?? [];
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
