// Reads the fields of a certificate as plain data.
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { ipBytes, ipText, toAscii } from '../host/names.ts';
import { children, content, decode, dissect, type Element, encode } from './asn1.ts';
import { describeKey } from './key-kinds.ts';

export interface Description {
  /** One line: `CN=registry 10.0.3.17, O=Example`. */
  subject: string;
  issuer: string;
  /** From subjectAltName alone: clients ignore the common name. */
  names: { dns: string[]; ip: string[] };
  notBefore: Date;
  notAfter: Date;
  /** Whole days until its end, negative after it. */
  daysLeft: number;
  /** SHA-256, `AA:BB:…`. */
  fingerprint: string;
  isCa: boolean;
  selfSigned: boolean;
  /** `RSA 2048`, `EC prime256v1`. */
  keyType: string;
  /** Of a CA: how many CAs may come between it and a server's certificate; undefined if unlimited. */
  pathLength?: number;
}

/** What a CA may sign for (RFC 5280 4.2.1.10): an empty `permitted` of a kind permits all of that kind. */
interface Constraints {
  permitted: { dns: string[]; ip: Buffer[] };
  excluded: { dns: string[]; ip: Buffer[] };
}

/** The description, and what the checks alone need. */
export interface Fields extends Description {
  cert: X509Certificate;
  commonName: string | undefined;
  /** The two names byte by byte, as Go compares them. */
  subjectDer: string;
  issuerDer: string;
  /** Its extended key usage permits TLS servers; a CA's limits the certificates below it. */
  servesTls: boolean;
  /** Its key usage permits the key to sign certificates. */
  signsCertificates: boolean;
  sha1: boolean;
  constraints: Constraints;
}

const line = (name: string) => name.replaceAll('\n', ', ');
const DAY = 86_400_000;
const BOOLEAN = 1;
/** serverAuth, and anyExtendedKeyUsage. */
const SERVER_PURPOSES = ['1.3.6.1.5.5.7.3.1', '2.5.29.37.0'];
/** RSA, DSA and ECDSA with SHA-1, RSA with MD5: Go accepts none of them. */
const OLD_SIGNATURES = [
  '1.2.840.113549.1.1.5',
  '1.2.840.10040.4.3',
  '1.2.840.10045.4.1',
  '1.2.840.113549.1.1.4',
];

/** Returns the names of subjectAltName or of name constraints: DNS names have the tag 2, addresses the tag 7. */
function generalNames(entries: Element[]) {
  const tagged = (tag: number) => entries.filter((entry) => Number(entry.type) === tag).map(content);
  return { dns: tagged(2).map((bytes) => bytes.toString('latin1').toLowerCase()), ip: tagged(7) };
}

function constraintsOf(der: Buffer | undefined): Constraints {
  const lists = der ? children(decode(der)) : [];
  const list = (tag: number) => {
    const subtrees = children(lists.find((entry) => Number(entry.type) === tag));
    return generalNames(subtrees.flatMap((subtree) => children(subtree).slice(0, 1)));
  };
  return { permitted: list(0), excluded: list(1) };
}

/** Tells whether the issuer's key made the certificate's signature; ignores their names. */
export function signed(issuer: X509Certificate, cert: X509Certificate): boolean {
  try {
    return cert.verify(issuer.publicKey);
  } catch {
    return false; // a key of another kind than the signature
  }
}

/**
 * Reads one certificate.
 * @param pem one certificate
 * @param now for daysLeft
 * @throws the parser's own error if the certificate is damaged
 */
export function readFields(pem: string, now = new Date()): Fields {
  const cert = new X509Certificate(pem);
  const { subject, issuer, extensions, signatureOid } = dissect(cert);
  const parts = (id: string) => {
    const der = extensions.get(id);
    return der ? decode(der) : undefined;
  };
  const [ca, pathLength] = children(parts('2.5.29.19'));
  const { dns, ip } = generalNames(children(parts('2.5.29.17')));
  const usage = parts('2.5.29.15');
  const [notBefore, notAfter] = [new Date(cert.validFrom), new Date(cert.validTo)];
  if (Number.isNaN(notBefore.getTime() + notAfter.getTime())) throw new Error('There is no such date.');
  const [subjectDer, issuerDer] = [encode(subject).toString('hex'), encode(issuer).toString('hex')];
  return {
    cert,
    subject: line(cert.subject ?? ''),
    issuer: line(cert.issuer ?? ''),
    names: { dns, ip: ip.map(ipText) },
    notBefore,
    notAfter,
    daysLeft: Math.floor((notAfter.getTime() - now.getTime()) / DAY),
    fingerprint: cert.fingerprint256,
    isCa: Number(ca?.type) === BOOLEAN && content(ca)[0] !== 0,
    selfSigned: subjectDer === issuerDer && signed(cert, cert),
    keyType: describeKey(cert.publicKey),
    ...(pathLength && { pathLength: Number.parseInt(content(pathLength).toString('hex'), 16) }),
    commonName: /^CN=(.*)$/m.exec(cert.subject ?? '')?.[1],
    subjectDer,
    issuerDer,
    servesTls: !cert.keyUsage || cert.keyUsage.some((id) => SERVER_PURPOSES.includes(id)),
    signsCertificates: !usage || ((content(usage)[1] ?? 0) & 0x04) !== 0, // keyCertSign is bit 5
    sha1: OLD_SIGNATURES.includes(signatureOid),
    constraints: constraintsOf(extensions.get('2.5.29.30')),
  };
}

/** Returns what the user, or `--json`, sees of a certificate. @throws as readFields */
export function describeCertificate(pem: string, now = new Date()): Description {
  const {
    cert,
    commonName,
    subjectDer,
    issuerDer,
    servesTls,
    signsCertificates,
    sha1,
    constraints,
    ...said
  } = readFields(pem, now);
  return said;
}

/** Tells whether a CA's name constraints permit a host or an address. True for a CA without constraints. */
export function permitsName({ constraints: { permitted, excluded } }: Fields, name: string): boolean {
  if (isIP(name)) {
    const address = ipBytes(name);
    const within = (range: Buffer) =>
      range.length === 2 * address.length &&
      address.every(
        (byte, i) => ((byte ^ (range[i] as number)) & (range[address.length + i] as number)) === 0,
      );
    return (permitted.ip.length === 0 || permitted.ip.some(within)) && !excluded.ip.some(within);
  }
  const host = toAscii(name).replace(/^\*\./, '');
  const within = (domain: string) =>
    domain === '' || host === domain || host.endsWith(domain.startsWith('.') ? domain : `.${domain}`);
  return (permitted.dns.length === 0 || permitted.dns.some(within)) && !excluded.dns.some(within);
}
