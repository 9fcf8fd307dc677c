// Judges a certificate or a CA that the user gives: finds everything that clients would refuse before anything is changed.
import { createPublicKey } from 'node:crypto';
import { isIP } from 'node:net';
import { rootCertificates } from 'node:tls';
import { InputError } from '../../errors.ts';
import { toAscii } from '../../host/names.ts';
import { isFor } from '../../registry/server-identity.ts';
import { type Fields, readFields } from '../fields.ts';
import type { KeyPem } from '../pki.ts';
import { lasting, moment } from '../validity.ts';
import { arrange, type Fault, findPath } from './chain.ts';

interface Given {
  /** PEM, in any order; the certificate of the key is among them. */
  certificates: string[];
  key: KeyPem;
  now?: Date;
}

export interface Ready {
  /** What to serve: the certificate, then its issuers up to the root; without the root of a public CA. */
  chain: string[];
  /** The root that clients must trust. */
  root: string;
  /** Clients trust the root already, so it is not served. */
  publicCa: boolean;
  warnings: string[];
}

export interface ReadyCa {
  /** The CA's own certificate, then its issuers up to the root. */
  chain: string[];
  root: string;
  /** How many CAs may come below it; undefined if unlimited. */
  pathLength: number | undefined;
  warnings: string[];
}

const SOON = 30;

type Where = { cert: string; key: string };

/** @throws InputError (exit 2) with every fault; returns if there is none */
function refuseFaults(where: string, faults: Fault[]) {
  if (faults.length > 0) throw new InputError(faults.map((fault) => ({ where, ...fault })));
}

/** Returns the certificate that the key belongs to. @throws InputError if there is none */
function ownerOf(given: Fields[], key: KeyPem, where: Where): Fields {
  const publicKey = createPublicKey(key);
  const own = given.find(({ cert }) => cert.publicKey.equals(publicKey));
  if (own) return own;
  const others = given.slice(0, 3).map(({ subject }) => `"${subject}"`);
  const message = `this key belongs to no certificate in ${where.cert}, which has ${others.join(', ')}`;
  throw new InputError([{ where: where.key, message }]);
}

interface ReadyOptions extends Given {
  /** All names that clients use for the registry: hosts, and addresses without brackets. */
  names: string[];
  /** Certificates that complete the chain (--ca-cert). */
  extraCa?: string[];
  /** PEM; Node's own list by default. */
  publicRoots?: readonly string[];
  /** How the user named the two files. */
  where?: Where;
}

/**
 * Checks a certificate that is ready to be served (--cert, --key).
 * @throws InputError (exit 2) with every fault
 */
export function verifyReadyCertificate(options: ReadyOptions): Ready {
  const { names, extraCa = [], publicRoots = rootCertificates, now = new Date() } = options;
  const where = options.where ?? { cert: '--cert', key: '--key' };
  const given = options.certificates.map((pem) => readFields(pem, now));
  const leaf = ownerOf(given, options.key, where);
  const own = [...leaf.names.dns, ...leaf.names.ip];
  if (leaf.isCa && !(leaf.selfSigned && own.length > 0)) {
    const message = `"${leaf.subject}" is the certificate of a CA, not of a server`;
    refuseFaults(where.cert, [
      { message, fix: 'To sign with this CA, give it with --ca-cert and --ca-key.' },
    ]);
  }
  const pool = [...given, ...extraCa.map((pem) => readFields(pem, now))];
  const { path, root, publicCa, faults } = findPath(leaf, pool, { now, below: 0, names: own, publicRoots });
  refuseFaults(where.cert, [...nameFaults(leaf, names), ...faults]);
  const whole = arrange(leaf, pool);
  const chain = whole.filter((cert) => !(publicCa && cert.selfSigned));
  const warnings = [...wildcardWarnings(leaf, names), ...orderWarnings(given, whole), ...endWarnings(path)];
  return { chain: chain.map(({ cert }) => cert.toString()), root, publicCa, warnings };
}

/** Tells whether only Go, so Docker, accepts the name: OpenSSL, so curl, refuses a wildcard below a top-level name (`*.lan`). */
const coveredByGoAlone = ({ cert }: Fields, name: string) =>
  !isIP(name) && isFor(cert, name) && cert.checkHost(toAscii(name), { subject: 'never' }) === undefined;

function wildcardWarnings(leaf: Fields, names: string[]): string[] {
  const some = names.filter((name) => coveredByGoAlone(leaf, name));
  const tell =
    'Docker and podman accept the wildcard of this certificate for it; curl, openssl and Node do not';
  return some.map((name) => `${name}: ${tell}`);
}

/** Returns the names that the certificate lacks, as one fault at most. */
export function nameFaults(leaf: Fields, names: string[]): Fault[] {
  const lacking = names.filter((name) => !isFor(leaf.cert, name));
  const own = [...leaf.names.dns, ...leaf.names.ip];
  const fix = 'Get one that has every name and address in subjectAltName.';
  if (own.length === 0) {
    const message = `the certificate has only a common name ("${leaf.commonName ?? ''}"); Docker wants subjectAltName`;
    return [{ message, fix }];
  }
  if (lacking.length === 0) return [];
  const more = own.length > 8 ? `, and ${own.length - 8} more` : '';
  const message = `the certificate is not for ${lacking.join(', ')}; it is for ${own.slice(0, 8).join(', ')}${more}`;
  // 10.0.0.5 as `DNS:10.0.0.5`: clients look for an address only among the addresses.
  const misplaced = lacking.filter((name) => isIP(name) && leaf.names.dns.includes(name));
  if (misplaced.length === 0) return [{ message, fix }];
  return [{ message: `${message} (${misplaced.join(', ')} is in it as a DNS name, not as an address)`, fix }];
}

function orderWarnings(given: Fields[], chain: Fields[]): string[] {
  const used = given.filter((cert) => chain.some(({ fingerprint }) => fingerprint === cert.fingerprint));
  const unused = given.filter((cert) => !used.includes(cert));
  const inOrder = used.every((cert, i) => cert.fingerprint === chain[i]?.fingerprint);
  return [
    ...(inOrder ? [] : ['the certificates were not in chain order; they are served in chain order']),
    ...unused.map(({ subject }) => `"${subject}" is not part of the chain that is served, and is left out`),
  ];
}

function endWarnings([first, ...above]: Fields[]): string[] {
  if (!first) return [];
  const days = `in ${first.daysLeft} ${first.daysLeft === 1 ? 'day' : 'days'}`;
  return [
    ...(first.daysLeft < SOON ? [`the certificate ends on ${moment(first.notAfter)}, ${days}`] : []),
    ...above
      .filter((cert) => cert.notAfter < first.notAfter)
      .map((cert) => `"${cert.subject}", above it, ends before it, on ${moment(cert.notAfter)}`),
  ];
}

interface CaOptions extends Given {
  /** How long the server's certificate is to last. */
  days: number;
  /** The names that it will have. */
  names?: string[];
  where?: Where;
}

/**
 * Checks an existing CA that is to sign the server's certificate (--ca-cert, --ca-key).
 * @throws InputError (exit 2) with every fault
 */
export function verifyCa(options: CaOptions): ReadyCa {
  const { days, names = [], now = new Date() } = options;
  const where = options.where ?? { cert: '--ca-cert', key: '--ca-key' };
  const given = options.certificates.map((pem) => readFields(pem, now));
  const ca = ownerOf(given, options.key, where);
  if (!ca.isCa) {
    const message = `"${ca.subject}" is not the certificate of a CA: it lacks CA:TRUE`;
    refuseFaults(where.cert, [{ message, fix: 'To serve it as it is, give it with --cert and --key.' }]);
  }
  const { path, root, faults } = findPath(ca, given, { now, below: 1, names, publicRoots: [] });
  refuseFaults(where.cert, faults);
  const chain = arrange(ca, given);
  const end = new Date(Math.min(...path.map(({ notAfter }) => notAfter.getTime())));
  const short = end.getTime() < lasting(days, now).end;
  const cut = `the CA ends on ${moment(end)}: what it signs ends by then, not after ${days} days`;
  const warnings = [...(short ? [cut] : []), ...orderWarnings(given, chain)];
  return { chain: chain.map(({ cert }) => cert.toString()), root, pathLength: ca.pathLength, warnings };
}
