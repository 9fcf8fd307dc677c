// Returns the key that docker_auth signs tokens with, and the certificate that the registry verifies them with.
import { createHash, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { Host } from '../host/host.ts';
import type { Settings } from '../settings/settings.ts';
import type { Keys } from './site.ts';
import { splitPem } from './split.ts';

export interface TokenPair {
  cert: string;
  key: string;
  /** What the registry accepts: this certificate, and the former one, whose tokens are valid for some minutes more. */
  bundle: string[];
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** Returns the name of a public key as registry 2 computes it. (github.com/docker/libtrust, util.go: keyIDFromCryptoKey) */
function legacyId(der: Buffer): string {
  const digest = createHash('sha256').update(der).digest().subarray(0, 30);
  const bits = [...digest].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const letters = (bits.match(/.{5}/g) ?? []).map((five) => BASE32[Number.parseInt(five, 2)]).join('');
  return (letters.match(/.{4}/g) ?? []).join(':');
}

/** Returns the public key of a certificate as a JSON Web Key that has the name by which registry 2 knows it. */
export function legacyKey(pem: string): object {
  const { publicKey } = new X509Certificate(pem);
  const kid = legacyId(publicKey.export({ type: 'spki', format: 'der' }));
  return { ...publicKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid };
}

/**
 * Returns the pair that signs tokens: the existing one, or a new one.
 * The key is RSA: docker_auth 1.14 and registry 3.1 compute the key id of an EC key differently.
 * @param renew makes a new pair; the former certificate stays in the bundle
 */
export async function tokenPair(
  { dir }: Settings,
  host: Host,
  keys: Keys,
  renew: boolean,
): Promise<TokenPair> {
  const text = async (path: string) => (await host.read(join(dir, path)))?.toString() ?? '';
  const [cert, key, bundle] = await Promise.all(
    ['auth/token.crt', 'auth/token.key', 'config/token.crt'].map(text),
  );
  if (cert && key && !renew) {
    const others = splitPem(bundle ?? '').filter((pem) => pem.trim() !== cert.trim());
    return { cert, key, bundle: [cert, ...others.slice(0, 1)] };
  }
  const { makeCa } = await import('./pki.ts');
  const made = await keys.token();
  const fresh = makeCa({ name: 'registry tokens', keyPem: made });
  return { cert: fresh, key: made, bundle: cert ? [fresh, cert] : [fresh] };
}
