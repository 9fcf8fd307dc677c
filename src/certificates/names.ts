// Lists the names of the served certificate, and tells whether an existing certificate still fits them.
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { bare, ipBytes, ipText } from '../host/names.ts';
import type { Settings } from '../settings/settings.ts';
import { checkHost } from '../settings/validation.ts';
import { dateFault, datesOf } from './validity.ts';

export interface SiteNames {
  /** Names that the certificate must have, the one that clients use first; a certificate that lacks one is recreated. */
  needed: string[];
  /** How many of those, from the first, the user asked for. */
  asked: number;
  /** The other addresses of this machine. They change: none of them is a reason for a new certificate. */
  more: string[];
}

/** Returns every name and address that the served certificate is for. @param addresses those of this machine */
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
/** The last needed name in a certificate; after it come the other addresses that the machine had then. */
const LAST = '::1';

/** Returns the names in the certificate's order: it tells later which were needed. */
export const inOrder = ({ needed, more }: SiteNames): string[] => [...needed, ...more];

/** Returns one spelling for each name: `0:0:0:0:0:0:0:1` and `::1` are one address. */
export const canonical = (name: string) => (isIP(name) === 6 ? ipText(ipBytes(name)) : name.toLowerCase());

/** Returns the names of a certificate, in its own order. */
function namesIn(cert: string): string[] {
  const names = new X509Certificate(cert).subjectAltName?.split(', ') ?? [];
  return names.map((name) => canonical(name.replace(/^(DNS|IP Address):/, '')));
}

/** Returns the names that the user asked for (--host, --san), as the certificate's order tells them. @param hostname this machine's own */
export function askedIn(cert: string, hostname: string): string[] {
  const names = namesIn(cert);
  const end = names.indexOf(LOCAL);
  return names.slice(0, Math.max(0, end)).filter((name) => name !== canonical(hostname));
}

/** Returns the addresses of this machine that the certificate lacks. */
export const lacking = (cert: string, { more }: SiteNames): string[] => {
  const there = namesIn(cert);
  return more.filter((address) => !there.includes(canonical(address)));
};

const DAY = 86_400_000;

/** Tells whether it has all needed names, and beyond them only present or former addresses of this machine: no --san that was dropped. */
function hasNames(cert: string, { needed, more }: SiteNames): boolean {
  const there = namesIn(cert);
  const wanted = needed.map(canonical);
  if (!wanted.every((name) => there.includes(name))) return false;
  // If a CA may not sign ::1, nothing tells an address dropped from --san from one that the machine lost.
  const end = there.indexOf(LAST);
  const may = (name: string, at: number) =>
    wanted.includes(name) ||
    (isIP(name) !== 0 && (end < 0 || at > end || more.some((address) => canonical(address) === name)));
  return there.every(may);
}

/**
 * Tells whether the certificate has these names, is valid now, and lasts as long as the settings ask.
 * @param days how long a certificate lasts
 * @param issuerEnd when its issuer ends; undefined if the certificate signs itself
 */
export function fits(
  cert: string,
  names: SiteNames,
  days: number,
  issuerEnd: Date | undefined,
  now: Date,
): boolean {
  const dates = datesOf(cert);
  if (dateFault(dates, now) || !hasNames(cert, names)) return false;
  const [from, to] = [dates.notBefore.getTime(), dates.notAfter.getTime()];
  // A certificate that its issuer's end cut short still fits.
  const cut = issuerEnd !== undefined && Math.abs(to - issuerEnd.getTime()) < DAY;
  return cut || Math.abs(to - from - days * DAY) < DAY;
}
