// Checks the certificate that is served, whoever signed it, and compares the clocks.

import { describeCertificate } from '../../certificates/fields.ts';
import { aheadText, certificateTrouble, differs } from '../../client/certificate.ts';
import type { Asked, Check, CheckInput, Trouble } from '../check.ts';
import { forEach, isOwn, onServer, trouble } from '../found.ts';
import { wireOf } from './wire.ts';

/** Days before its end in which a certificate that renews itself is renewed long since. */
const SOON = 7;

const PROXYS = 'It is the certificate of the proxy in front: renew it there.';

async function judged(input: CheckInput, registry: Asked): Promise<Trouble[]> {
  const { chain, ahead = 0 } = await wireOf(input, registry);
  const { host, port } = registry.at;
  const proxied = isOwn(input, registry) && input.server?.settings.externalUrl !== undefined;
  const wrong = certificateTrouble({ chain, ahead }, { host, port });
  const mends: Record<string, string> = {
    expired: 'rotate',
    'not-yet-valid': 'rotate',
    'no-ip-san': 'rotate',
    'common-name-only': 'rotate',
  };
  if (wrong) {
    const { code, error } = wrong;
    const command = mends[code];
    const mend = proxied ? [PROXYS] : command ? [onServer(input, registry, command)] : error.fix;
    return [trouble(code, `${registry.address}: ${error.message}`, { mend, evidence: error.why })];
  }
  const clock = differs(ahead)
    ? [
        trouble(
          'wrong-clock',
          `The clock of this machine is ${aheadText(ahead)} that of ${registry.address}: logins with tokens fail, and certificates will.`,
          { severity: 'risk', mend: ['Set the clock:   timedatectl set-ntp true'] },
        ),
      ]
    : [];
  const [leaf] = chain;
  const { daysLeft = SOON } = leaf ? describeCertificate(leaf.toString()) : {};
  if (daysLeft >= SOON) return clock;
  return [
    ...clock,
    trouble('ends-soon', `The certificate of ${registry.address} ends within ${daysLeft + 1} days.`, {
      severity: 'risk',
      mend: [proxied ? PROXYS : onServer(input, registry, 'rotate')],
    }),
  ];
}

/** Reports a certificate that no client accepts, and clocks that differ. */
export const certificate: Check = {
  code: 'certificate',
  subject: 'connection',
  title: 'the certificate is valid now and for this name, and the clocks agree',
  on: 'both',
  look: (input) => forEach(input, (registry) => judged(input, registry)),
};
