// One TLS handshake with a server: which certificate it shows, and whether a client would accept it.
import { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { bare } from '../host/names.ts';
import type { Endpoint } from './http.ts';
import { tlsOptions } from './server-identity.ts';

const LIMIT = 5_000;

export interface Handshake {
  /** Of the certificate on the wire, `AA:BB:…`. */
  fingerprint: string;
  /**
   * The code of the error that a client has which trusts these roots; undefined where it has none.
   * (OTHER_NAME, or one of the list in nodejs.org/api/tls.html, "X509 certificate error codes".)
   */
  refused: string | undefined;
}

/**
 * One handshake, as a client that calls the registry `name` and trusts `ca` alone.
 * @throws the socket's own error where there is no TLS at all
 */
export function handshake(at: Endpoint, name: string, ca: string[] | undefined): Promise<Handshake> {
  return new Promise((resolve, reject) => {
    // The certificate is looked at either way: a refusal is an answer here.
    const options = {
      ...tlsOptions({ host: name, ca, unverified: true }),
      host: bare(at.connectTo ?? at.host),
      port: at.port,
      timeout: LIMIT,
    };
    const socket = connect(options, () => {
      resolve({
        fingerprint: new X509Certificate(socket.getPeerCertificate().raw).fingerprint256,
        // Typed as an Error, and the error's code in fact. (lib/internal/tls/wrap.js, onConnectSecure)
        refused: socket.authorized ? undefined : String(socket.authorizationError),
      });
      socket.destroy();
    });
    socket.on('timeout', () => socket.destroy(new Error('no answer')));
    socket.on('error', reject);
  });
}
