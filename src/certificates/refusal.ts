// Explains in words why a client refuses a certificate: the TLS library gives only a code.
import { rootCertificates } from 'node:tls';
import { OTHER_NAME } from '../registry/server-identity.ts';
import { type Fields, readFields } from './fields.ts';
import { findPath, pathFaults } from './given/chain.ts';
import { nameFaults } from './given/checks.ts';

interface Refused {
  /** What the server sends, PEM: its own certificate first. */
  chain: string[];
  /** What the client trusts, PEM; undefined for Node's own list. */
  roots: string[] | undefined;
  /** What the client calls the server. */
  name: string;
}

/**
 * Returns every reason, one sentence each; at least one.
 * @param code of Handshake.refused
 */
export function refusalReasons(code: string, { chain, roots, name }: Refused): string[] {
  const [leaf, ...sent] = chain.map((pem) => readFields(pem)) as [Fields, ...Fields[]];
  if (code === OTHER_NAME) return nameFaults(leaf, [name]).map(({ message }) => message);
  const trusted = (roots ?? []).map((pem) => readFields(pem));
  const names = [...leaf.names.dns, ...leaf.names.ip];
  const purpose = { now: new Date(), below: 0 as const, names, publicRoots: roots ? [] : rootCertificates };
  // A root that the server sends and the client does not trust ends no path.
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
  // OpenSSL refuses it for something else, in its own words: `path length exceeded`.
  return reasons.length > 0
    ? reasons
    : [`its chain is not valid: ${code.toLowerCase().replaceAll('_', ' ')}`];
}
