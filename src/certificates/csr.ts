// Makes a request for a certificate (PKCS#10, RFC 2986), which a CA answers with the certificate.
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { asn1, Class, decode, encode, oid, primitive, sequence, Type, tagged, text } from './asn1.ts';
import { keyKind, SIGNATURES } from './key-kinds.ts';
import { alternativeNames, attribute, type KeyPem, SERVER_AUTH, SERVES, usageOf } from './pki.ts';

/** What a company's CA may want in the subject beside the name. */
export interface Organization {
  /** Two letters. */
  country?: string | undefined;
  organization?: string | undefined;
  unit?: string | undefined;
}

/** RFC 5280, Appendix A: a longer name is in subjectAltName alone. A cut one would be another name, which a CA refuses. */
const COMMON_NAME = 64;

/** Returns a request for these names, DER. @param names as in a certificate; the first of them is the common name */
export function makeCsr(
  names: string[],
  keyPem: KeyPem,
  { country, organization, unit }: Organization = {},
): Buffer {
  const key = createPrivateKey(keyPem);
  const publicKey = createPublicKey(key);
  const utf8 = (id: string, value: string | undefined) =>
    value ? [attribute(id, Type.UTF8, text(Buffer.from(value)))] : [];
  const [first = ''] = names;
  const subject = sequence(
    ...(country ? [attribute('2.5.4.6', Type.PRINTABLESTRING, country)] : []),
    ...utf8('2.5.4.10', organization),
    ...utf8('2.5.4.11', unit),
    ...(first.length <= COMMON_NAME ? utf8('2.5.4.3', first) : []),
  );
  const wanted = sequence(SERVES[usageOf(publicKey)], SERVER_AUTH, alternativeNames(names));
  // extensionRequest (RFC 2985, 5.4.2)
  const extensions = sequence(
    oid('1.2.840.113549.1.9.14'),
    asn1.create(Class.UNIVERSAL, Type.SET, true, [wanted]),
  );
  const info = sequence(
    primitive(Type.INTEGER, '\0'),
    subject,
    decode(publicKey.export({ type: 'spki', format: 'der' })),
    tagged(0, [extensions]),
  );
  const kind = keyKind(key);
  const { oid: algorithm, hash } = SIGNATURES[kind] as (typeof SIGNATURES)[string];
  return encode(
    sequence(
      info,
      sequence(oid(algorithm), ...(kind === 'rsa' ? [primitive(Type.NULL, '')] : [])),
      primitive(Type.BITSTRING, `\0${text(sign(hash, encode(info), key))}`),
    ),
  );
}

/** Returns DER as PEM. */
export const requestPem = (der: Buffer): string =>
  [
    '-----BEGIN CERTIFICATE REQUEST-----',
    ...(der.toString('base64').match(/.{1,64}/g) ?? []),
    '-----END CERTIFICATE REQUEST-----',
    '',
  ].join('\n');
