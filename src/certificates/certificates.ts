// Certificates that are made and kept here. Loads those that the settings ask for: made here, signed by the user's CA, or the user's own.
import type { Host } from '../host/host.ts';
import { foreignRealm, hasDockerAuth } from '../settings/token-server.ts';
import { type Account, readAccount } from './acme/record.ts';
import {
  type AskPassphrase,
  type CertificateRequest,
  type OwnCa,
  ownCaSite,
  readOwnCa,
  type Site,
  selfSignedSite,
} from './site.ts';
import { type TokenPair, tokenPair } from './token-pair.ts';
import { type TokenTrust, tokenTrust } from './token-trust.ts';

export interface Certificates {
  /** The served certificate; undefined for plain HTTP. */
  site: Site | undefined;
  /** Kept while another mode is in use, so that clients still trust it when the user returns to it. */
  ca: OwnCa | undefined;
  /** The account at an ACME server; kept like the CA. */
  account?: Account | undefined;
  /** The pair that signs tokens; undefined unless auth is `token`. */
  token: TokenPair | undefined;
  /** What the tokens of another token server are verified with. */
  tokenTrust?: TokenTrust;
}

/**
 * Loads each certificate that still fits, and makes the others. Writes nothing.
 * @throws InputError (exit 2) for what is wrong with a file that the user gave
 */
export async function loadCertificates(
  request: CertificateRequest,
  host: Host,
  askFor: AskPassphrase,
): Promise<Certificates> {
  const { settings, keys, renew } = request;
  const [token, trust, served, account] = await Promise.all([
    hasDockerAuth(settings) ? tokenPair(settings, host, keys, renew.token ?? false) : undefined,
    foreignRealm(settings) === undefined ? undefined : tokenTrust(settings, host),
    servedCertificates(request, host, askFor),
    readAccount(host, settings.dir),
  ]);
  return { ...served, ...(account && { account }), token, ...(trust && { tokenTrust: trust }) };
}

async function servedCertificates(
  request: CertificateRequest,
  host: Host,
  askFor: AskPassphrase,
): Promise<Pick<Certificates, 'site' | 'ca'>> {
  const { tls, dir, cert, caCert, acme } = request.settings;
  const kept = () => readOwnCa(host, dir);
  if (tls === 'insecure') return { site: undefined, ca: await kept() };
  if (tls === 'self-signed') return { site: await selfSignedSite(request, host), ca: await kept() };
  if (acme) {
    const { acmeSite } = await import('./acme/site.ts');
    return { site: await acmeSite(request, host), ca: await kept() };
  }
  if (!cert && !caCert) return ownCaSite(request, host);
  const { readySite, givenCaSite } = await import('./given/site.ts');
  const site = cert ? readySite(request, host, askFor) : givenCaSite(request, host, askFor);
  return { site: await site, ca: await kept() };
}
