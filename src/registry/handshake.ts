// One TLS handshake with a server: which certificate it shows, and whether a client would accept it.
import { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { type Endpoint, identity } from './http.ts';

const LIMIT = 5_000;

export interface Handshake {
  /** Of the certificate on the wire, `AA:BB:…`. */
  fingerprint: string;
  /** Why a client that trusts these roots would refuse; undefined where it would not. */
  refused: string | undefined;
}

/**
 * One handshake, as a client that calls the registry `name` and trusts `ca` alone.
 * @throws the socket's own error where there is no TLS at all
 */
export function handshake(at: Endpoint, name: string, ca: string[] | undefined): Promise<Handshake> {
  return new Promise((resolve, reject) => {
    const { checkServerIdentity, ...rest } = identity(name, ca);
    // The certificate is looked at either way: a refusal is an answer here.
    const options = {
      ...rest,
      host: at.connectTo ?? at.host,
      port: at.port,
      rejectUnauthorized: false,
      timeout: LIMIT,
    };
    const socket = connect(options, () => {
      const raw = socket.getPeerCertificate();
      const fault = socket.authorized ? checkServerIdentity(name, raw) : socket.authorizationError;
      resolve({
        fingerprint: new X509Certificate(raw.raw).fingerprint256,
        refused: fault instanceof Error ? fault.message : fault ? String(fault) : undefined,
      });
      socket.destroy();
    });
    socket.on('timeout', () => socket.destroy(new Error('no answer')));
    socket.on('error', reject);
  });
}
