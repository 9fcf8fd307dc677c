// When an ACME server wants a certificate to be renewed (ARI, RFC 9773): earlier than by its dates, if it is about to be revoked.
import { X509Certificate } from 'node:crypto';
import { children, content, decode, dissect } from '../asn1.ts';
import { type AcmeServer, jsonOf, textIn } from './server.ts';

/** Returns the id of a certificate: the key id of its issuer, and its serial number (4.1). Undefined if it lacks the former. */
export function renewalId(pem: string): string | undefined {
  const cert = new X509Certificate(pem);
  const der = dissect(cert).extensions.get('2.5.29.35');
  const keyId = der && children(decode(der)).find((part) => Number(part.type) === 0);
  const tbs = children(decode(cert.raw))[0];
  const [first, second] = children(tbs);
  // Version 1 has no version field; a certificate with extensions is of version 3.
  const serial = content(children(first).length > 0 ? second : first);
  return keyId && `${content(keyId).toString('base64url')}.${serial.toString('base64url')}`;
}

/** Returns the window in which the server wants the certificate to be renewed; undefined if it says none. @throws as AcmeServer.get */
export async function renewalWindow(
  server: AcmeServer,
  pem: string,
): Promise<{ start: Date; end: Date } | undefined> {
  const id = renewalId(pem);
  const { renewalInfo } = server.directory;
  if (!renewalInfo || !id) return undefined;
  const { json } = await server.get(`${renewalInfo.replace(/\/$/, '')}/${id}`);
  const window = jsonOf(json.suggestedWindow);
  const [start, end] = [new Date(textIn(window, 'start')), new Date(textIn(window, 'end'))];
  return end.getTime() >= start.getTime() ? { start, end } : undefined;
}

/**
 * Returns the moment in the window at which this certificate is renewed: another one for each certificate, and always the same, so
 * that not all of them come at once (4.2).
 */
export function momentIn({ start, end }: { start: Date; end: Date }, pem: string): Date {
  const share =
    Number.parseInt(new X509Certificate(pem).fingerprint256.slice(0, 5).replace(':', ''), 16) / 0xffff;
  return new Date(start.getTime() + share * (end.getTime() - start.getTime()));
}
