// Describes the served certificate for the user: names, dates, issuer, and the roots that clients may trust.
import { describeCertificate } from './fields.ts';
import type { Site } from './site.ts';
import { splitPem } from './split.ts';

export interface CertificateFacts {
  site: {
    names: string[];
    issuer: string;
    notBefore: string;
    notAfter: string;
    daysLeft: number;
    fingerprint: string;
  };
  /** What clients trust, the newest first. The user gives a client this fingerprint. */
  roots: { subject: string; notAfter: string; daysLeft: number; fingerprint: string }[];
  publicCa: boolean;
  /** Addresses of this machine that the certificate lacks. */
  lacks?: string[];
}

/** Returns the facts of the served certificate and its roots; dates in ISO 8601. */
export function certificateFacts({ chain, roots, publicCa, lacks }: Site): CertificateFacts {
  const { names, issuer, notBefore, notAfter, daysLeft, fingerprint } = describeCertificate(
    splitPem(chain)[0] ?? '',
  );
  return {
    site: {
      names: [...names.dns, ...names.ip],
      issuer,
      notBefore: notBefore.toISOString(),
      notAfter: notAfter.toISOString(),
      daysLeft,
      fingerprint,
    },
    roots: roots.map((pem) => {
      const root = describeCertificate(pem);
      return {
        subject: root.subject,
        notAfter: root.notAfter.toISOString(),
        daysLeft: root.daysLeft,
        fingerprint: root.fingerprint,
      };
    }),
    publicCa,
    ...(lacks?.length && { lacks }),
  };
}
