// The CAs that the system trusts. Node has a list of its own, which lacks what a company added.
import type { Host } from '../host/host.ts';

/** The files in which Go, and so Docker and podman, looks for them; the first that exists. (crypto/x509/root_linux.go) */
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/** Returns them as PEM; undefined if there is no such file. */
export async function systemRoots(host: Host): Promise<string | undefined> {
  for (const path of BUNDLES) {
    const bundle = (await host.read(path))?.toString('latin1');
    if (bundle) return bundle;
  }
  return undefined;
}
