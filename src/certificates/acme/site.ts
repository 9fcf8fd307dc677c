// The certificate that an ACME server issues: the served one while it fits, else one that is still to be ordered.
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import type { Host } from '../../host/host.ts';
import { toAscii } from '../../host/names.ts';
import { serverOf } from '../../settings/acme.ts';
import { verifyReadyCertificate } from '../given/checks.ts';
import { canonical, type SiteNames } from '../names.ts';
import { type CertificateRequest, readServed, type Site, typeOf } from '../site.ts';
import { splitPem } from '../split.ts';
import { dateFault, datesOf } from '../validity.ts';
import { readAccount } from './record.ts';

/** Returns the names to order: those that the user asked for. The others (localhost, addresses of this machine) no public CA issues. */
const orderedNames = ({ needed, asked }: SiteNames): string[] => [
  ...new Set(needed.slice(0, asked).map((name) => toAscii(name))),
];

/** Returns the certificate of --acme. @param former settings with another source leave another certificate here */
export async function acmeSite(request: CertificateRequest, host: Host): Promise<Site> {
  const { settings, names, renew, now = new Date() } = request;
  const [served, account] = await Promise.all([
    readServed(host, settings.dir),
    readAccount(host, settings.dir),
  ]);
  const [leaf] = served?.chain ?? [];
  const roots = splitPem((await host.read(join(settings.dir, 'certs/ca.crt')))?.toString() ?? '');
  const wanted = orderedNames(names);
  const ours =
    leaf &&
    account?.server === serverOf(settings) &&
    new X509Certificate(leaf).fingerprint256 === account.certificate;
  const sameKey = !settings.keyType || (served && typeOf(served.key) === settings.keyType);
  if (
    served &&
    leaf &&
    ours &&
    sameKey &&
    !renew.site &&
    !dateFault(datesOf(leaf), now) &&
    isFor(leaf, wanted)
  ) {
    return { ...completed(served, wanted, roots, now), fresh: false };
  }
  const keyType = settings.keyType ?? (served ? typeOf(served.key) : 'ecdsa');
  // Until then clients trust what they trust now; if nothing is served yet, no client is told to trust anything.
  const publicCa = !served || roots.every(isPublic);
  const none = { chain: '', key: '', roots, publicCa, fresh: true, warnings: [] };
  return { ...none, order: { names: wanted, keyType, ...(ours && { replaces: leaf }) } };
}

const isPublic = (root: string) => rootCertificates.some((pem) => pem.trim() === root.trim());

/** Tells whether a certificate has these names, and no others. */
function isFor(leaf: string, wanted: string[]): boolean {
  const names = new X509Certificate(leaf).subjectAltName?.split(', ') ?? [];
  const there = names.map((name) => canonical(name.replace(/^(DNS|IP Address):/, '')));
  return there.length === wanted.length && wanted.every((name) => there.includes(name));
}

/**
 * Puts what is served together: the chain in its order, and the root that clients trust.
 * @param extra certificates that may complete the chain
 * @throws InputError for what clients would refuse
 */
export function completed(
  { chain, key }: { chain: string[]; key: string },
  names: string[],
  extra: string[],
  now?: Date,
): Omit<Site, 'fresh'> {
  const where = { cert: 'the certificate', key: 'its key' };
  const printOf = (pem: string) => new X509Certificate(pem).fingerprint256;
  const there = chain.map(printOf);
  const extraCa = extra.filter((pem) => !there.includes(printOf(pem)));
  // A wildcard is no name that a client calls.
  const called = names.filter((name) => !name.startsWith('*.'));
  const ready = verifyReadyCertificate({
    certificates: chain,
    key,
    extraCa,
    names: called,
    where,
    ...(now && { now }),
  });
  return {
    chain: ready.chain.map((pem) => `${pem.trim()}\n`).join(''),
    key,
    roots: [`${ready.root.trim()}\n`],
    publicCa: ready.publicCa,
    // That it ends soon is no news: it is renewed.
    warnings: [],
  };
}
