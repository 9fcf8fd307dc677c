// What a person wants to know of the certificates that are served: names, dates, who signed, which roots clients may have.
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
  /** What clients trust, the newest first. The fingerprint is the one that a client is given. */
  roots: { subject: string; notAfter: string; daysLeft: number; fingerprint: string }[];
  publicCa: boolean;
  /** Addresses that this machine has and the certificate has not. */
  lacks?: string[];
}

/** Dates in ISO 8601. */
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
