// Opens the two containers that Windows and Java export and that Node cannot open: PFX (PKCS#12) and PKCS#7.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import pkcs12 from 'node-forge/lib/pkcs12.js';
import pki from 'node-forge/lib/pki.js';
import { asn1, Class, children, decode, type Element, encode, oidOf } from '../asn1.ts';
import type { KeyPem } from '../pki.ts';

export interface Pfx {
  /** Empty for a trust store, which has only certificates. */
  keyPems: KeyPem[];
  /** In the order of the file, which may differ from that of the chain. */
  certPems: string[];
}

const pem = (element: Element) => new X509Certificate(encode(element)).toString();

/**
 * @param bytes a PFX file, encrypted with PBES2 and AES, or with the older 3DES or RC2
 * @param passphrase undefined and '' both open a file without a passphrase
 * @returns undefined if the passphrase is wrong
 * @throws forge's own error if the file is damaged, or protected in a way that forge does not know
 */
export function readPfx(bytes: Buffer, passphrase?: string): Pfx | undefined {
  let fault: unknown;
  for (const attempt of attempts(passphrase)) {
    try {
      return contents(bytes, attempt);
    } catch (error) {
      // The other attempt may still succeed. Without the MAC, wrong bytes may decrypt to nonsense by chance: that error does not count.
      if (attempt.mac && !/password|decrypt/i.test((error as Error).message)) fault ??= error;
    }
  }
  if (fault) throw fault;
  return undefined;
}

interface Attempt {
  word: string | undefined;
  mac: boolean;
}

function attempts(passphrase: string | undefined): Attempt[] {
  // A file without a passphrase was written with an empty one, or with none at all.
  if (!passphrase) return ['', undefined].map((word) => ({ word, mac: true }));
  // The MAC uses UTF-16, AES keys use UTF-8, and forge takes one text, a byte a character, for both.
  const utf8 = Buffer.from(passphrase).toString('latin1');
  const plain = { word: passphrase, mac: true };
  return utf8 === passphrase ? [plain] : [plain, { word: utf8, mac: false }];
}

function contents(bytes: Buffer, { word, mac }: Attempt): Pfx {
  const tree = asn1.fromDer(bytes.toString('latin1'));
  if (!mac) tree.value = children(tree).slice(0, 2);
  const bags = pkcs12.pkcs12FromAsn1(tree, false, word as string).safeContents.flatMap((s) => s.safeBags);
  const { certBag, keyBag, pkcs8ShroudedKeyBag } = pki.oids;
  const keys = bags.filter(({ type }) => type === keyBag || type === pkcs8ShroudedKeyBag);
  const certificates = bags.filter(({ type }) => type === certBag);
  return {
    keyPems: keys.map((bag) => keyPem(bag.key ? pki.privateKeyToPem(bag.key) : encode(bag.asn1))),
    certPems: certificates.map((bag) => pem(bag.cert ? pki.certificateToAsn1(bag.cert) : bag.asn1)),
  };
}

/** Returns a key as PEM. Forge returns a key that it cannot read, such as an elliptic curve's, as the DER of a PrivateKeyInfo. */
function keyPem(key: string | Buffer): KeyPem {
  const input = typeof key === 'string' ? key : ({ key, format: 'der', type: 'pkcs8' } as const);
  return createPrivateKey(input).export({ type: 'pkcs8', format: 'pem' }) as string;
}

/** Returns the certificates of a PKCS#7 file (`.p7b`): SignedData with nothing signed (RFC 2315 9.1). */
export function readPkcs7(der: Buffer): string[] {
  const [type, wrapped] = children(decode(der));
  if (oidOf(type) !== pki.oids.signedData) return [];
  const parts = children(children(wrapped)[0]);
  const isList = ({ tagClass, type }: Element) => tagClass === Class.CONTEXT_SPECIFIC && Number(type) === 0;
  return children(parts.find(isList)).map(pem);
}
