// Makes keys and certificates.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import { CliError } from '../errors.ts';
import { asciiName, ipBytes } from '../host/names.ts';
import type { KeyType } from '../settings/settings.ts';
import {
  asn1,
  Class,
  children,
  content,
  decode,
  dissect,
  type Element,
  encode,
  oid,
  primitive,
  sequence,
  Type,
  tagged,
  text,
} from './asn1.ts';
import { keyFault, keyKind, SIGNATURES } from './key-kinds.ts';
import { dateFault, dayBack, lasting, type Validity } from './validity.ts';

/** A private key: PKCS#8, PEM, not encrypted. */
export type KeyPem = string;
export interface Issuer {
  certPem: string;
  keyPem: KeyPem;
}

/** Ten years. */
const CA_DAYS = 3650;

/** Encodes a time. @param when milliseconds since 1970; the form changes in 2050 (RFC 5280 4.1.2.5) */
function time(when: number): Element {
  const date = new Date(when);
  return date.getUTCFullYear() < 2050
    ? primitive(Type.UTCTIME, asn1.dateToUtcTime(date))
    : primitive(Type.GENERALIZEDTIME, asn1.dateToGeneralizedTime(date));
}

/** Returns one part of a subject. */
export const attribute = (id: string, type: number, value: string): Element =>
  asn1.create(Class.UNIVERSAL, Type.SET, true, [sequence(oid(id), primitive(type, value))]);

/**
 * Returns a subject. RFC 5280 limits a common name to 64 characters. A longer name is cut and ends in dots, so that it is no host
 * name: clients look for hosts in subjectAltName alone. An empty subject is no way out: some clients refuse it.
 * @param key given for a root: its id tells two CAs of one registry apart. With equal names, a certificate that one signs for
 *   the other would pass for self-signed
 */
function subjectName(name: string, key?: KeyObject): Element {
  const short = name.length > 64 ? `${name.slice(0, 61)}...` : name;
  const common = attribute('2.5.4.3', Type.UTF8, text(Buffer.from(short)));
  if (!key) return sequence(common);
  const serialNumber = keyId(key).subarray(0, 4).toString('hex').toUpperCase();
  return sequence(common, attribute('2.5.4.5', Type.PRINTABLESTRING, serialNumber));
}

const extension = (id: string, value: Element, critical = false) =>
  sequence(
    oid(id),
    ...(critical ? [primitive(Type.BOOLEAN, '\xff')] : []),
    primitive(Type.OCTETSTRING, text(encode(value))),
  );
const NOT_A_CA = extension('2.5.29.19', sequence(), true);
const isCa = (...pathLength: Element[]) =>
  extension('2.5.29.19', sequence(primitive(Type.BOOLEAN, '\xff'), ...pathLength), true);
/** A CA without a path length: any number of CAs may come between it and a server's certificate. */
const IS_CA = isCa();
/** A CA that may have no CA below it. */
const IS_LAST_CA = isCa(primitive(Type.INTEGER, '\0'));
// A bit string begins with the number of unused bits at its end; the bits are in the order of RFC 5280 4.2.1.3.
const keyUsage = (bits: string) => extension('2.5.29.15', primitive(Type.BITSTRING, bits), true);
// An EC key enciphers no key (RFC 5480, 3).
export const SERVES = { rsa: keyUsage('\x05\xa0'), ecdsa: keyUsage('\x07\x80') }; // digitalSignature, keyEncipherment
const SIGNS = keyUsage('\x01\x06'); // keyCertSign, cRLSign
const SERVES_AND_SIGNS = { rsa: keyUsage('\x02\xa4'), ecdsa: keyUsage('\x02\x84') }; // and keyCertSign
export const usageOf = ({ asymmetricKeyType }: KeyObject): KeyType =>
  asymmetricKeyType === 'rsa' ? 'rsa' : 'ecdsa';
export const SERVER_AUTH = extension('2.5.29.37', sequence(oid('1.3.6.1.5.5.7.3.1')));

/** Returns the key ids of the subject and its issuer: a client tells certificates with equal names apart by them. */
const keyIds = (own: Buffer, issuer: Buffer) => [
  extension('2.5.29.14', primitive(Type.OCTETSTRING, text(own))),
  extension('2.5.29.35', sequence(tagged(0, text(issuer)))),
];

/** Returns the id of a key: SHA-1 of the public key's bits (RFC 5280 4.2.1.2, method 1). An identifier, not a safeguard. */
function keyId(key: KeyObject): Buffer {
  const bits = content(children(decode(key.export({ type: 'spki', format: 'der' })))[1]);
  return createHash('sha1').update(bits.subarray(1)).digest();
}

/** Returns the id that a certificate gives its key. What the key signs must repeat that id, however it was made. */
function idIn(cert: X509Certificate): Buffer {
  const given = dissect(cert).extensions.get('2.5.29.14');
  return given ? content(decode(given)) : keyId(cert.publicKey);
}

export function alternativeNames(names: string[]): Element {
  const entries = names.map((name) =>
    isIP(name) ? { tag: 7, value: text(ipBytes(name)) } : { tag: 2, value: asciiName(name) },
  );
  const unique = new Map(entries.map((entry) => [`${entry.tag} ${entry.value}`, entry]));
  return extension(
    '2.5.29.17',
    sequence(...[...unique.values()].map(({ tag, value }) => tagged(tag, value))),
  );
}

interface Contents {
  subject: Element;
  publicKey: KeyObject;
  /** The key's id, if a certificate gives it one already. */
  id?: Buffer;
  extensions: Element[];
  now?: Date | undefined;
  validity: Validity;
}

/**
 * Signs a certificate that ends with its issuer's at the latest.
 * @param issuer without certPem for a root, which signs itself
 */
function certificate(contents: Contents, issuer: { certPem?: string; keyPem: KeyPem }): string {
  const { subject, publicKey, id = keyId(publicKey), extensions, now = new Date(), validity } = contents;
  const above = issuer.certPem ? new X509Certificate(issuer.certPem) : undefined;
  const end = Math.min(validity.end, above ? Date.parse(above.validTo) : Infinity);
  const fault = dateFault({ notBefore: new Date(validity.begin), notAfter: new Date(end) }, now);
  if (fault) throw new CliError(`The CA ${fault}.`);
  const key = createPrivateKey(issuer.keyPem);
  const signature = SIGNATURES[keyKind(key)];
  if (!signature) throw new CliError(`The CA ${keyFault(key)}.`, { exitCode: 2 });
  const algorithm = sequence(
    oid(signature.oid),
    ...(keyKind(key) === 'rsa' ? [primitive(Type.NULL, '')] : []),
  );
  const serial = randomBytes(16);
  serial.writeUInt8((serial.readUInt8() & 0x7f) | 0x40); // positive, and always 16 bytes
  const toSign = sequence(
    tagged(0, [primitive(Type.INTEGER, '\x02')]), // version 3
    primitive(Type.INTEGER, text(serial)),
    algorithm,
    above ? dissect(above).subject : subject,
    sequence(time(validity.begin), time(end)),
    subject,
    decode(publicKey.export({ type: 'spki', format: 'der' })),
    tagged(3, [sequence(...extensions, ...keyIds(id, above ? idIn(above) : id))]),
  );
  // Node signs, not forge: forge lacks elliptic curves, which the CAs of companies often use.
  const bits = primitive(Type.BITSTRING, `\0${text(sign(signature.hash, encode(toSign), key))}`);
  return new X509Certificate(encode(sequence(toSign, algorithm, bits))).toString();
}

/** Makes a key off the main thread: EC (P-256), or RSA of that many bits. */
export async function makeKey(type: KeyType, bits: number): Promise<KeyPem> {
  const { privateKey } =
    type === 'ecdsa'
      ? await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })
      : await promisify(generateKeyPair)('rsa', { modulusLength: bits });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

interface Own {
  keyPem: KeyPem;
  now?: Date;
}
interface Served extends Own {
  /** Hosts, `*.` and letters beyond ASCII included, and addresses without brackets. */
  names: string[];
  /** Until its end. */
  days: number;
}

function root(name: string, days: number, { keyPem, now }: Own, extensions: Element[]): string {
  const publicKey = createPublicKey(keyPem);
  const subject = subjectName(name, publicKey);
  return certificate({ subject, publicKey, extensions, now, validity: lasting(days, now) }, { keyPem });
}

/**
 * Makes a root that lasts ten years. It has no path length: each `rotate --ca` puts one more CA below it, and nobody knows today how
 * many there will be.
 */
export const makeCa = ({ name, ...own }: Own & { name: string }): string =>
  root(name, CA_DAYS, own, [IS_CA, SIGNS]);

/**
 * Makes a certificate that signs itself: clients trust the very certificate that the registry serves.
 * It is a CA: OpenSSL 1.1 accepts a trusted certificate as its own issuer only if it may sign certificates.
 */
export const makeSelfSigned = ({ names, days, ...own }: Served): string =>
  root(names[0] ?? 'registry', days, own, [
    IS_LAST_CA,
    SERVES_AND_SIGNS[usageOf(createPublicKey(own.keyPem))],
    SERVER_AUTH,
    alternativeNames(names),
  ]);

/** Makes a server's certificate for the public part of its key. It ends with its issuer's, if that comes first. */
export function makeSite({ names, days, keyPem, now, issuer }: Served & { issuer: Issuer }): string {
  const [subject, publicKey] = [subjectName(names[0] ?? 'registry'), createPublicKey(keyPem)];
  const extensions = [NOT_A_CA, SERVES[usageOf(publicKey)], SERVER_AUTH, alternativeNames(names)];
  return certificate({ subject, publicKey, extensions, now, validity: lasting(days, now) }, issuer);
}

/**
 * Certifies the new CA's name and key by the old CA: clients that know the old root alone then trust what the new CA signs.
 * The old CA must be allowed a CA below it (its path length is not 0). The bridge has no path length: see makeCa.
 */
export function crossSign({ newCa, oldCa, now }: { newCa: string; oldCa: Issuer; now?: Date }): string {
  const cert = new X509Certificate(newCa);
  const [{ publicKey }, { subject }] = [cert, dissect(cert)];
  const validity = { begin: dayBack(now), end: Date.parse(cert.validTo) };
  const rest = { id: idIn(cert), extensions: [IS_CA, SIGNS], now, validity };
  return certificate({ subject, publicKey, ...rest }, oldCa);
}

/** Returns the SHA-256 fingerprint, `AA:BB:…`, as `openssl x509 -fingerprint -sha256` prints it. */
export const fingerprint = (certPem: string): string => new X509Certificate(certPem).fingerprint256;
