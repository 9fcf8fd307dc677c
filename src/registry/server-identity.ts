// Verifies the name of a TLS server; the TLS library verifies the chain. Replaces Node's own tls.checkServerIdentity: some
// versions refuse every IPv6 address (20.19.2 of Debian 13, 22.23.3), and it compares with the address connected to.
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { PeerCertificate } from 'node:tls';
import { bare, ipBytes, ipText, toAscii } from '../host/names.ts';

/** The code of the error for a certificate with other names, as Node calls it. (nodejs.org/api/errors.html) */
export const OTHER_NAME = 'ERR_TLS_CERT_ALTNAME_INVALID';

/**
 * Tells whether a client that calls a server by this name accepts its certificate: by subjectAltName alone, never by the common
 * name (RFC 9110, 4.3.4). Compares an address byte by byte (RFC 9110, 4.3.5), without its zone. A wildcard stands for the whole
 * first label and for nothing else (RFC 9525, 6.3), as in Go, and so in Docker and podman.
 * @param host a host name in any spelling, or an address with or without brackets
 */
export function isFor(cert: X509Certificate, host: string): boolean {
  const name = bare(host);
  if (isIP(name)) return cert.checkIP(ipText(ipBytes(name))) !== undefined;
  const ascii = toAscii(name);
  // OpenSSL takes a leading dot for every subdomain, and Node throws at a NUL.
  if (!/^[a-z0-9_][a-z0-9_.-]*$/.test(ascii)) return false;
  const has = (dnsName: string) =>
    cert.checkHost(dnsName, { subject: 'never', partialWildcards: false }) !== undefined;
  // OpenSSL compares a wildcard directly below a top-level name (`*.lan`) letter by letter.
  return has(ascii) || (/^[^.]+\.[^.]+$/.test(ascii) && has(ascii.replace(/^[^.]+/, '*')));
}

/** Node calls it after it verified the chain; the error that it returns ends the connection. */
function nameError({ raw }: PeerCertificate, host: string): Error | undefined {
  const cert = raw && new X509Certificate(raw);
  if (cert && isFor(cert, host)) return undefined;
  const names = cert?.subjectAltName;
  const message = `the certificate is not for ${bare(host)}; it is for ${names ?? 'no name at all'}`;
  return Object.assign(new Error(message), { code: OTHER_NAME });
}

export interface Peer {
  /** The name that clients use, which the certificate must have. */
  host: string;
  /** The trusted roots, PEM; the system's by default. */
  ca?: string[] | undefined;
  /** Accepts every certificate. */
  unverified?: true | undefined;
}

/**
 * Returns the options of every connection over TLS (tls.connect, https.request).
 * Always sets `rejectUnauthorized`: else NODE_TLS_REJECT_UNAUTHORIZED=0 would switch verification off.
 * An address is no server name (RFC 6066, 3).
 */
export function tlsOptions({ host, ca, unverified }: Peer) {
  const name = bare(host);
  return {
    ...(ca && { ca }),
    servername: isIP(name) ? '' : toAscii(name),
    rejectUnauthorized: !unverified,
    checkServerIdentity: (_: string, cert: PeerCertificate) => nameError(cert, host),
  };
}
