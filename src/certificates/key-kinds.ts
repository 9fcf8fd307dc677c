// Lists the kinds of keys that Go's crypto/x509, and so Docker and the registry, support.
import type { KeyObject } from 'node:crypto';

/** Returns the kind of a key in OpenSSL's words: `rsa`, `ec prime256v1`, `ed25519`, … */
export const keyKind = (key: KeyObject): string =>
  [key.asymmetricKeyType, key.asymmetricKeyDetails?.namedCurve].filter(Boolean).join(' ');

/** How each kind of key signs a certificate: the OID of the signature (RFC 5758, 8410, 4055), and its hash. */
export const SIGNATURES: Record<string, { oid: string; hash: string | null }> = {
  rsa: { oid: '1.2.840.113549.1.1.11', hash: 'sha256' },
  'ec prime256v1': { oid: '1.2.840.10045.4.3.2', hash: 'sha256' },
  'ec secp384r1': { oid: '1.2.840.10045.4.3.3', hash: 'sha384' },
  'ec secp521r1': { oid: '1.2.840.10045.4.3.4', hash: 'sha512' },
  ed25519: { oid: '1.3.101.112', hash: null },
};

/** Describes a key for the user: `RSA 2048`, `EC prime256v1`, `ED25519`. */
export function describeKey(key: KeyObject): string {
  const [type = 'unknown', curve] = keyKind(key).split(' ');
  const size = curve ?? key.asymmetricKeyDetails?.modulusLength;
  return [type.toUpperCase(), size].filter(Boolean).join(' ');
}

/** Returns why clients refuse a key, as the end of a sentence; undefined if they accept it. */
export function keyFault(key: KeyObject): string | undefined {
  if (!SIGNATURES[keyKind(key)])
    return `has a key of a kind that Docker does not support (${describeKey(key)})`;
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 2048;
  return bits < 2048 ? `has an RSA key of ${bits} bits; clients refuse less than 2048` : undefined;
}
