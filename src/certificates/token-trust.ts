// Reads what the tokens of a token server that exists already are verified with.
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { Host } from '../host/host.ts';
import type { Settings } from '../settings/settings.ts';
import { readCertificates, refuse } from './given/files.ts';
import { legacyKey } from './token-pair.ts';

export interface TokenTrust {
  /** Certificates, PEM; none if a JWKS is given. */
  certs: string[];
  /**
   * The public keys as JSON Web Keys. Those of certificates have the names that registry 2 gives them, as GitLab, Keycloak and Harbor
   * write them into tokens: registry 3 computes another name from a certificate. Undefined without an RSA key.
   * (github.com/docker/libtrust, KeyID)
   */
  jwks?: string;
}

/** The copies in the directory of the set-up, by which the registry knows the keys. */
const COPIES = ['config/token.crt', 'config/token.jwks'];

/**
 * Returns what the tokens are verified with; the copy of the last run if the file is gone.
 * @throws InputError (exit 2) if the file is neither certificates nor a JWKS
 */
export async function tokenTrust({ dir, tokenCert = '' }: Settings, host: Host): Promise<TokenTrust> {
  const where = `--token-cert ${tokenCert}`;
  for (const path of [tokenCert, ...COPIES.map((copy) => join(dir, copy))]) {
    const bytes = await host.read(path);
    if (!bytes) continue;
    if (/^\s*\{/.test(bytes.subarray(0, 100).toString())) return { certs: [], jwks: keySet(bytes, where) };
    const certs = await readCertificates({ bytes, where });
    const keys = certs.filter((pem) => new X509Certificate(pem).publicKey.asymmetricKeyType === 'rsa');
    return { certs, ...(keys.length > 0 && { jwks: `${JSON.stringify({ keys: keys.map(legacyKey) })}\n` }) };
  }
  return refuse(where, 'there is no such file');
}

/** Returns the text of a JWKS. (RFC 7517, 5) @throws InputError if it is none, or holds a private key */
function keySet(bytes: Buffer, where: string): string {
  const text = bytes.toString();
  let keys: unknown;
  try {
    keys = (JSON.parse(text) as { keys?: unknown }).keys;
  } catch {
    return refuse(where, 'this file is neither a certificate nor a JWKS: its JSON is damaged');
  }
  if (!Array.isArray(keys) || keys.length === 0 || !keys.every((key) => typeof key?.kty === 'string'))
    return refuse(
      where,
      'this JSON is no JWKS: it has no list of keys',
      'It looks like {"keys": [{"kty": "RSA", …}]}.',
    );
  if (keys.some((key) => 'd' in key || 'k' in key))
    return refuse(
      where,
      'this JWKS holds a private key, which the token server alone has',
      'Give the public keys.',
    );
  return text.endsWith('\n') ? text : `${text}\n`;
}
