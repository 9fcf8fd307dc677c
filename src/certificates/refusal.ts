// Why a client refuses a certificate, in words: the TLS library says a code and nothing else.
import { rootCertificates } from 'node:tls';
import { OTHER_NAME } from '../registry/server-identity.ts';
import { type Fields, readFields } from './fields.ts';
import { findPath, pathFaults } from './given/chain.ts';
import { nameFaults } from './given/checks.ts';

interface Refused {
  /** What is served, PEM: the server's own certificate, then what is sent with it. */
  chain: string[];
  /** What the client trusts, PEM; undefined: Node's own list. */
  roots: string[] | undefined;
  /** What the client calls the server. */
  name: string;
}

/**
 * Every reason, a sentence each; one at least.
 * @param code of Handshake.refused
 */
export function refusalReasons(code: string, { chain, roots, name }: Refused): string[] {
  const [leaf, ...sent] = chain.map((pem) => readFields(pem)) as [Fields, ...Fields[]];
  if (code === OTHER_NAME) return nameFaults(leaf, [name]).map(({ message }) => message);
  const trusted = (roots ?? []).map((pem) => readFields(pem));
  const names = [...leaf.names.dns, ...leaf.names.ip];
  const purpose = { now: new Date(), below: 0 as const, names, publicRoots: roots ? [] : rootCertificates };
  // Roots that are sent and not trusted lead nowhere.
  const pool = [...sent.filter(({ selfSigned }) => !selfSigned), ...trusted];
  const { path, publicCa } = findPath(leaf, pool, purpose);
  const top = path.at(-1) ?? leaf;
  const ends =
    publicCa || (top.selfSigned && trusted.some(({ fingerprint }) => fingerprint === top.fingerprint));
  const issuer = top.selfSigned ? 'itself' : `"${top.issuer}"`;
  const reasons = [
    ...pathFaults(path, purpose).map(({ message }) => message),
    ...(ends ? [] : [`"${top.subject}" was signed by ${issuer}, which is not trusted`]),
  ];
  // What OpenSSL minds beyond that, in its own words: `path length exceeded`.
  return reasons.length > 0
    ? reasons
    : [`its chain does not hold: ${code.toLowerCase().replaceAll('_', ' ')}`];
}
