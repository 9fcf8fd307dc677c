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

/** Returns what is wrong with the server's certificate itself, whoever signed it; undefined if nothing, or without a certificate. */
export function certificateFault(found: Found, request: ClientRequest): CliError | undefined {
  const [leaf] = found.chain;
  if (!leaf) return undefined;
  const { names, notBefore, notAfter, subject } = describeCertificate(leaf.toString());
  const day = (date: Date) => date.toISOString().slice(0, 16).replace('T', ' ');
  const now = Date.now();
  const [early, late] = [notBefore.getTime() > now, notAfter.getTime() < now];
  if ((early || late) && Math.abs(found.ahead) > CLOCKS) {
    const minutes = Math.round(Math.abs(found.ahead) / 60);
    return new CliError(
      `The clock of this machine is ${minutes} minutes ${found.ahead > 0 ? 'ahead of' : 'behind'} the server's.`,
      {
        why: `Its certificate is valid from ${day(notBefore)} to ${day(notAfter)} UTC; here it is ${day(new Date())} UTC.`,
        fix: ['Set the clock:   timedatectl set-ntp true'],
      },
    );
  }
  if (early || late)
    return new CliError(
      `The registry's certificate ${late ? `ended on ${day(notAfter)}` : `is not valid before ${day(notBefore)}`} UTC.`,
      {
        why: `Here it is ${day(new Date())} UTC.`,
        fix: ['On the server:   registry-setup rotate'],
      },
    );
  const name = bare(request.host);
  if (isFor(leaf, name)) return undefined;
  const own = [...names.dns, ...names.ip];
  if (own.length === 0)
    return new CliError(`The registry's certificate names no host; Docker wants subjectAltName.`, {
      why: subject,
    });
  const usable = own.filter(
    (other) => !other.startsWith('*') && other !== 'localhost' && !/^(127\.|::1$)/.test(other),
  );
  const spelled = (other: string) => (isIP(other) === 6 ? `[${other}]` : other);
  return new CliError(`The registry's certificate is not for "${name}".`, {
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
}

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
