// Signs what is sent to an ACME server (RFC 7515, 8555 6.2): with the key of the account, which is an EC key on P-256.
import { createHash, createHmac, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import type { Secret } from '../../secret.ts';

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The public part of a key. Its members are in the order of the alphabet, as the thumbprint needs them. */
type Jwk = { crv: string; kty: string; x: string; y: string };

function jwkOf(keyPem: string): Jwk {
  const { crv = '', kty = '', x = '', y = '' } = createPublicKey(keyPem).export({ format: 'jwk' });
  return { crv, kty, x, y };
}

/** Returns the thumbprint of an account's key, which stands in the answer to a challenge. (RFC 7638) */
export const thumbprint = (keyPem: string): string =>
  createHash('sha256')
    .update(JSON.stringify(jwkOf(keyPem)))
    .digest('base64url');

export interface Signing {
  keyPem: string;
  /** The account's URL; undefined for the request that makes the account. */
  account?: string | undefined;
  nonce: string;
  url: string;
}

/** Returns a signed request. @param payload undefined: the request reads only, and has an empty body (RFC 8555 6.3) */
export function signedRequest(payload: object | undefined, { keyPem, account, nonce, url }: Signing): string {
  const who = account === undefined ? { jwk: jwkOf(keyPem) } : { kid: account };
  const header = encoded({ alg: 'ES256', ...who, nonce, url });
  const body = payload === undefined ? '' : encoded(payload);
  const key = createPrivateKey(keyPem);
  const signature = sign('sha256', Buffer.from(`${header}.${body}`), { key, dsaEncoding: 'ieee-p1363' });
  return JSON.stringify({ protected: header, payload: body, signature: signature.toString('base64url') });
}

/** An account that the CA's own customer has there: its id, and the key that proves it. */
export interface ExternalAccount {
  kid: string;
  /** base64url */
  key: Secret;
}

/** Returns the proof that the account's key belongs to a customer of the CA. (RFC 8555 7.3.4) */
export function externalBinding({ kid, key }: ExternalAccount, keyPem: string, url: string) {
  const header = encoded({ alg: 'HS256', kid, url });
  const payload = encoded(jwkOf(keyPem));
  const mac = createHmac('sha256', Buffer.from(key.reveal(), 'base64url'));
  return { protected: header, payload, signature: mac.update(`${header}.${payload}`).digest('base64url') };
}
