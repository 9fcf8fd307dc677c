// The names of the site certificate, and whether one that is there is still good for them.
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { bare, ipBytes, ipText } from '../host/names.ts';
import type { Settings } from '../settings/settings.ts';
import { checkHost } from '../settings/validation.ts';

export interface SiteNames {
  /** What must be in it, the one that clients use first; without one of these it is made anew. */
  needed: string[];
  /** How many of those, from the first, were asked for by a person. */
  asked: number;
  /** The other addresses of this machine. They come and go: none of them is a reason for a new certificate. */
  more: string[];
}

/** Every name and address that the site certificate is for. @param addresses those of this machine */
export function siteNames(
  { host, san }: Pick<Settings, 'host' | 'san'>,
  hostname: string,
  addresses: string[],
): SiteNames {
  const own = checkHost(hostname) ? [] : [hostname.toLowerCase()];
  const asked = [bare(host), ...san.map(bare)];
  const needed = [...new Set([...asked, ...own, LOCAL, '127.0.0.1', LAST])];
  const known = new Set(needed.map(canonical));
  const more = [...new Set(addresses.map(canonical))].filter((address) => !known.has(address));
  return { needed, asked: new Set(asked).size, more };
}

const LOCAL = 'localhost';
/** In a certificate it ends what was needed; what follows are addresses of the machine as it was then. */
const LAST = '::1';

/** As they stand in the certificate: the order tells later which were needed. */
export const inOrder = ({ needed, more }: SiteNames): string[] => [...needed, ...more];

/** `0:0:0:0:0:0:0:1` and `::1` are one address. */
export const canonical = (name: string) => (isIP(name) === 6 ? ipText(ipBytes(name)) : name.toLowerCase());

/** The names of a certificate, in its own order. */
function namesIn(cert: string): string[] {
  const names = new X509Certificate(cert).subjectAltName?.split(', ') ?? [];
  return names.map((name) => canonical(name.replace(/^(DNS|IP Address):/, '')));
}

/** Addresses of this machine that the certificate does not have. */
export const lacking = (cert: string, { more }: SiteNames): string[] => {
  const there = namesIn(cert);
  return more.filter((address) => !there.includes(canonical(address)));
};

const DAY = 86_400_000;

/** It has all that is needed, and nothing more but what are, or once were, addresses of this machine: a --san that was dropped is gone. */
function hasNames(cert: string, { needed, more }: SiteNames): boolean {
  const there = namesIn(cert);
  const wanted = needed.map(canonical);
  if (!wanted.every((name) => there.includes(name))) return false;
  // Where a CA may not sign ::1, an address that was dropped cannot be told from one that went.
  const end = there.indexOf(LAST);
  const may = (name: string, at: number) =>
    wanted.includes(name) ||
    (isIP(name) !== 0 && (end < 0 || at > end || more.some((address) => canonical(address) === name)));
  return there.every(may);
}

/** Still good for these names, in its dates, and as long-lived as is wanted. */
export function fits(
  cert: string,
  names: SiteNames,
  days: number,
  issuerEnd: Date | undefined,
  now: Date,
): boolean {
  const { validFrom, validTo } = new X509Certificate(cert);
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
  if (from > now.getTime() || to < now.getTime()) return false;
  if (!hasNames(cert, names)) return false;
  // A certificate that its issuer's end cut short is not made anew for that.
  const cut = issuerEnd !== undefined && Math.abs(to - issuerEnd.getTime()) < DAY;
  return cut || Math.abs(to - from - days * DAY) < DAY;
}
