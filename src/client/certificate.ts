// Checks the server's certificate as a client does: its names, its dates, the clocks. Describes a root for the user to compare.
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { describeCertificate } from '../certificates/fields.ts';
import { CliError } from '../errors.ts';
import { isFor } from '../registry/server-identity.ts';
import { commandLine } from '../terminal/command.ts';
import type { Found } from './discover.ts';
import type { ClientRequest } from './options.ts';

const bare = (host: string) => host.replace(/^\[(.*)\]$/, '$1');
/** Seconds by which two clocks may differ. */
const CLOCKS = 300;

/** What may be wrong with the certificate of a server itself. */
export type CertificateCode =
  | 'wrong-clock'
  | 'expired'
  | 'not-yet-valid'
  | 'common-name-only'
  | 'no-ip-san'
  | 'other-name';

/** Tells whether two clocks differ so much that certificates or tokens suffer. @param ahead seconds */
export const differs = (ahead: number): boolean => Math.abs(ahead) > CLOCKS;

/** `12 minutes ahead of` */
export function aheadText(ahead: number): string {
  const minutes = Math.round(Math.abs(ahead) / 60);
  const text =
    minutes < 120
      ? `${minutes} minutes`
      : minutes < 2880
        ? `${Math.round(minutes / 60)} hours`
        : `${Math.round(minutes / 1440)} days`;
  return `${text} ${ahead > 0 ? 'ahead of' : 'behind'}`;
}

/**
 * Returns what is wrong with the server's certificate itself, whoever signed it; undefined if nothing, or without a certificate.
 * @param found what it shows, and how far the clock of this machine is ahead
 */
export function certificateTrouble(
  found: Pick<Found, 'chain' | 'ahead'>,
  request: Pick<ClientRequest, 'host' | 'port'>,
): { code: CertificateCode; error: CliError } | undefined {
  const [leaf] = found.chain;
  if (!leaf) return undefined;
  const { names, notBefore, notAfter, subject } = describeCertificate(leaf.toString());
  const day = (date: Date) => date.toISOString().slice(0, 16).replace('T', ' ');
  const now = Date.now();
  const [early, late] = [notBefore.getTime() > now, notAfter.getTime() < now];
  if ((early || late) && differs(found.ahead)) {
    const error = new CliError(`The clock of this machine is ${aheadText(found.ahead)} the server's.`, {
      why: `Its certificate is valid from ${day(notBefore)} to ${day(notAfter)} UTC; here it is ${day(new Date())} UTC.`,
      fix: ['Set the clock:   timedatectl set-ntp true'],
    });
    return { code: 'wrong-clock', error };
  }
  if (early || late) {
    const error = new CliError(
      `The registry's certificate ${late ? `ended on ${day(notAfter)}` : `is not valid before ${day(notBefore)}`} UTC.`,
      {
        why: `Here it is ${day(new Date())} UTC.`,
        fix: ['On the server:   registry-setup rotate'],
      },
    );
    return { code: late ? 'expired' : 'not-yet-valid', error };
  }
  const name = bare(request.host);
  if (isFor(leaf, name)) return undefined;
  const own = [...names.dns, ...names.ip];
  if (own.length === 0) {
    const error = new CliError(`The registry's certificate names no host; Docker wants subjectAltName.`, {
      why: subject,
    });
    return { code: 'common-name-only', error };
  }
  const usable = own.filter(
    (other) => !other.startsWith('*') && other !== 'localhost' && !/^(127\.|::1$)/.test(other),
  );
  const spelled = (other: string) => (isIP(other) === 6 ? `[${other}]` : other);
  const error = new CliError(`The registry's certificate is not for "${name}".`, {
    why: `It is for ${own.join(', ')}.`,
    fix: [
      ...usable
        .slice(0, 3)
        .map(
          (other) =>
            `Call it by that name:     ${commandLine(`--client --host ${spelled(other)}:${request.port}`)}`,
        ),
      `Or, on the server:        registry-setup --yes --san ${name}`,
    ],
    exitCode: 2,
  });
  return { code: isIP(name) && names.ip.length === 0 ? 'no-ip-san' : 'other-name', error };
}

/** Returns the same as an error alone. */
export const certificateFault = (found: Found, request: ClientRequest): CliError | undefined =>
  certificateTrouble(found, request)?.error;

/** Returns the lines about a root that the user compares. */
export function describeRoot(root: X509Certificate): string[] {
  const { subject, issuer, notBefore, notAfter, fingerprint } = describeCertificate(root.toString());
  const day = (date: Date) => date.toISOString().slice(0, 10);
  return [
    `Subject   ${subject}`,
    `Issuer    ${subject === issuer ? 'itself' : issuer}`,
    `Valid     ${day(notBefore)} to ${day(notAfter)}`,
    `SHA-256   ${fingerprint.slice(0, 48)}`,
    `          ${fingerprint.slice(48)}`,
  ];
}
