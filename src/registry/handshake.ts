// Makes one TLS handshake with a server: tells which certificate it shows, and whether a client would accept it.
import { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { bare } from '../host/names.ts';
import type { Endpoint } from './http.ts';
import { onceMore } from './once-more.ts';
import { tlsOptions } from './server-identity.ts';

const LIMIT = 5_000;

export interface Handshake {
  /** SHA-256 of the certificate that the server shows, `AA:BB:…`. */
  fingerprint: string;
  /**
   * The code of the error that a client with these roots gets; undefined if it accepts the certificate.
   * (OTHER_NAME, or one of the list in nodejs.org/api/tls.html, "X509 certificate error codes".)
   */
  refused: string | undefined;
}

/**
 * Makes a handshake as a client that calls the registry `name` and trusts `ca` alone; another one if that is broken off.
 * Waits 5 seconds at most without an answer, and 10 in all.
 * @throws the socket's own error if the server does not speak TLS, or does not answer
 */
export const handshake = (at: Endpoint, name: string, ca: string[] | undefined): Promise<Handshake> =>
  onceMore(() => shake(at, name, ca));

function shake(at: Endpoint, name: string, ca: string[] | undefined): Promise<Handshake> {
  return new Promise((resolve, reject) => {
    // Connects even if the certificate is not trusted: a refusal is an answer here.
    const options = {
      ...tlsOptions({ host: name, ca, unverified: true }),
      host: bare(at.connectTo ?? at.host),
      port: at.port,
      timeout: LIMIT,
    };
    const socket = connect(options, () => {
      resolve({
        fingerprint: new X509Certificate(socket.getPeerCertificate().raw).fingerprint256,
        // Typed as an Error, but it is the error's code. (lib/internal/tls/wrap.js, onConnectSecure)
        refused: socket.authorized ? undefined : String(socket.authorizationError),
      });
      socket.destroy();
    });
    // A server that sends a byte now and then is not silent.
    const timer = setTimeout(() => socket.destroy(new Error('no answer')), 2 * LIMIT);
    socket.on('close', () => clearTimeout(timer));
    socket.on('timeout', () => socket.destroy(new Error('no answer')));
    socket.on('error', reject);
  });
}
