// Reads all certificates that a server sends. Node's own list follows one issuer each, and so loses the second root of a CA that
// is being replaced. In TLS 1.2 the message with the certificates is not encrypted: `servedChain` reads it from the raw bytes.
import { X509Certificate } from 'node:crypto';
import { connect as tcp } from 'node:net';
import { Duplex } from 'node:stream';
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { bare } from '../host/names.ts';
import type { Endpoint } from '../registry/http.ts';
import { onceMore } from '../registry/once-more.ts';
import { tlsOptions } from '../registry/server-identity.ts';

const LIMIT = 5_000;
const HANDSHAKE = 22;
const CERTIFICATE = 11;

/** Returns the certificates in the raw bytes of a TLS 1.2 server (RFC 5246, 6.2.1 and 7.4.2); empty if there are none. */
function certificatesIn(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes.readUInt16BE(at + 3)) {
    if (bytes[at] !== HANDSHAKE) break;
    messages.push(bytes.subarray(at + 5, at + 5 + bytes.readUInt16BE(at + 3)));
  }
  const all = Buffer.concat(messages);
  for (let at = 0; at + 4 <= all.length; at += 4 + all.readUIntBE(at + 1, 3)) {
    if (all[at] !== CERTIFICATE) continue;
    const found: Buffer[] = [];
    const end = at + 7 + all.readUIntBE(at + 4, 3);
    for (let next = at + 7; next < end; next += 3 + all.readUIntBE(next, 3))
      found.push(all.subarray(next + 3, next + 3 + all.readUIntBE(next, 3)));
    return found;
  }
  return [];
}

/** Opens a connection, and copies everything that it receives to `seen`. */
function tapped(host: string, port: number, seen: Buffer[]): Duplex {
  const raw = tcp({ host, port });
  const tap = new Duplex({
    read: () => {},
    write: (chunk, _, done) => void raw.write(chunk, done),
    final: (done) => void raw.end(done),
    destroy: (error, done) => {
      raw.destroy();
      done(error);
    },
  });
  raw.on('data', (data) => {
    seen.push(data);
    tap.push(data);
  });
  raw.on('end', () => tap.push(null));
  raw.on('error', (error) => tap.destroy(error));
  return tap;
}

function linked(socket: TLSSocket): Buffer[] {
  const found: Buffer[] = [];
  let cert: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (cert?.raw && !found.some((other) => other.equals(cert?.raw as Buffer))) {
    found.push(cert.raw);
    cert = cert.issuerCertificate;
  }
  return found;
}

/**
 * Returns the chain that a server sends, its own certificate first. Asks once more if the connection breaks.
 * @param limit milliseconds without an answer
 * @throws the socket's own error if the server does not speak TLS
 */
export async function servedChain(at: Endpoint, limit = LIMIT): Promise<X509Certificate[]> {
  const host = bare(at.connectTo ?? at.host);
  const options = tlsOptions({ host: at.host, unverified: true });
  const once = (maxVersion: 'TLSv1.2' | 'TLSv1.3') =>
    new Promise<Buffer[]>((resolve, reject) => {
      const seen: Buffer[] = [];
      const transport =
        maxVersion === 'TLSv1.2' ? { socket: tapped(host, at.port, seen) } : { host, port: at.port };
      const socket = connect({ ...transport, ...options, maxVersion }, () => {
        const whole = certificatesIn(Buffer.concat(seen));
        resolve(whole.length > 0 ? whole : linked(socket));
        socket.destroy();
      });
      socket.setTimeout(limit, () =>
        socket.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })),
      );
      socket.on('error', reject);
    });
  const shake = (maxVersion: 'TLSv1.2' | 'TLSv1.3') => onceMore(() => once(maxVersion));
  // A server may require TLS 1.3: then Node's own list must do.
  const found = await shake('TLSv1.2').catch((error) => {
    if (/protocol version/i.test(error.message)) return shake('TLSv1.3');
    throw error;
  });
  return found.map((der) => new X509Certificate(der));
}
