// Reads and writes DER values (ITU-T X.690). Imports of node-forge only what that needs; given/pfx.ts imports the rest.
import type { X509Certificate } from 'node:crypto';
import asn1 from 'node-forge/lib/asn1.js';

export type Element = ReturnType<typeof asn1.create>;
export { asn1 };
export const { Type, Class } = asn1;

/** Returns bytes as forge keeps them: text with one character a byte. */
export const text = (bytes: Buffer) => bytes.toString('latin1');
const bytes = (value: string) => Buffer.from(value, 'latin1');
export const primitive = (type: number, value: string) => asn1.create(Class.UNIVERSAL, type, false, value);
export const sequence = (...items: Element[]) => asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, items);
export const tagged = (tag: number, value: string | Element[]) =>
  asn1.create(Class.CONTEXT_SPECIFIC, tag, Array.isArray(value), value);
export const oid = (dotted: string) => primitive(Type.OID, asn1.oidToDer(dotted).getBytes());

/** Returns an ASN.1 tree as DER. */
export const encode = (element: Element) => bytes(asn1.toDer(element).getBytes());

/** Parses DER into a tree. Leaves bit strings undecoded: forge would parse a public key. (Its types lack the option.) */
export const decode = (der: Buffer): Element => asn1.fromDer(text(der), { decodeBitStrings: false } as never);

/** Returns the parts of a constructed element; none for a primitive one. */
export const children = (element: Element | undefined): Element[] =>
  Array.isArray(element?.value) ? element.value : [];

/** Returns the bytes of a primitive element; none for a constructed one. */
export const content = (element: Element | undefined): Buffer =>
  bytes(typeof element?.value === 'string' ? element.value : '');

/** Returns the OID that an element holds, dotted. */
export const oidOf = (element: Element | undefined): string => asn1.derToOid(text(content(element)));

/** Returns what Node's X509Certificate does not show: the names as encoded, and each extension's DER by its OID. */
export function dissect(cert: X509Certificate) {
  const [tbs, algorithm] = children(decode(cert.raw));
  const fields = children(tbs);
  const first = fields[0]?.tagClass === Class.CONTEXT_SPECIFIC ? 1 : 0; // version 1 omits the version field
  const list = fields.find((field) => field.tagClass === Class.CONTEXT_SPECIFIC && Number(field.type) === 3);
  const extensions = new Map(
    children(children(list)[0])
      .map(children)
      .map((parts) => [oidOf(parts[0]), content(parts.at(-1))]),
  );
  const [issuer, subject] = [fields[first + 2], fields[first + 4]] as [Element, Element];
  return { issuer, subject, extensions, signatureOid: oidOf(children(algorithm)[0]) };
}
