// Tells when a certificate is valid: how long a new one lasts, and whether another is valid at a moment. One that is not valid yet is
// worth as little as one that has ended.
import { X509Certificate } from 'node:crypto';

const SECOND = 1_000;
const DAY = 86_400_000;

/** Both included, as in a certificate; milliseconds since 1970. */
export interface Validity {
  begin: number;
  end: number;
}

/** Returns when a certificate begins that is made now: a day back, because the clocks of clients and servers differ. */
export const dayBack = (now = new Date()) => now.getTime() - DAY;

/**
 * Returns the validity of a new certificate. It lasts exactly so many days: both ends count, so it ends a second earlier (RFC 5280
 * 4.1.2.5). One for a single day begins half a day back: else it would have ended.
 */
export function lasting(days: number, now?: Date): Validity {
  const begin = Math.max(dayBack(now), (now ?? new Date()).getTime() - (days * DAY) / 2);
  return { begin, end: begin + days * DAY - SECOND };
}

/** When a certificate begins and ends; both count. */
export interface Dates {
  notBefore: Date;
  notAfter: Date;
}

/** Returns the dates of a certificate. @param pem one certificate */
export function datesOf(pem: string): Dates {
  const { validFrom, validTo } = new X509Certificate(pem);
  return { notBefore: new Date(validFrom), notAfter: new Date(validTo) };
}

/**
 * Returns from when on a certificate is renewed: while it has at most so many whole days left. One for a few days is renewed in the
 * last third of them, and not every day.
 */
export function renewedFrom({ notBefore, notAfter }: Dates, days: number): Date {
  const third = (notAfter.getTime() - notBefore.getTime()) / 3;
  return new Date(notAfter.getTime() - Math.min((days + 1) * DAY, third));
}

/** Returns a date as messages write it: `2027-03-01 10:00 UTC`. */
export const moment = (date: Date): string => `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;

/**
 * Returns why clients refuse a certificate now, as the end of a sentence; undefined if it is valid.
 * Names the clock, because a wrong one is as likely a cause as the certificate.
 */
export function dateFault({ notBefore, notAfter }: Dates, now: Date): string | undefined {
  const clock = `the clock of this machine says ${moment(now)}`;
  if (notAfter < now) return `ended on ${moment(notAfter)}; ${clock}`;
  return notBefore > now ? `is not valid before ${moment(notBefore)}; ${clock}` : undefined;
}
