// Returns the served certificate with its key, and the roots that clients trust: keeps them while they fit, else makes them.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { bare } from '../host/names.ts';
import type { Secret } from '../secret.ts';
import type { Settings } from '../settings/settings.ts';
import { shellLine } from '../terminal/shell.ts';
import { fits, inOrder, lacking, type SiteNames } from './names.ts';
import { splitPem } from './split.ts';

/** Asks for the passphrase of a user's key; undefined if there is no terminal to ask on. */
export type AskPassphrase = (path: string) => Promise<Secret | undefined>;

/** The CA that this program made and keeps. */
export interface OwnCa {
  cert: string;
  /** Undefined if the user keeps it off this machine: only signing needs it. */
  key: string | undefined;
  /** After `rotate --ca`: this CA certified by the former CA, and the former root. Clients of the former root need both. */
  cross: string[];
}

export interface Site {
  /** site.crt: the certificate, its issuers, the root. */
  chain: string;
  /** site.key */
  key: string;
  /** ca.crt: the roots that a client may trust, the newest first. */
  roots: string[];
  /** Clients trust the root already. */
  publicCa: boolean;
  /** This run made the certificate, or took it from a file. */
  fresh: boolean;
  /** Addresses of this machine that the certificate lacks, and a new one would have. */
  lacks?: string[];
  warnings: string[];
}

/** New keys, which take time to make: each is begun at the first call, and made once. */
export interface Keys {
  site(): Promise<string>;
  ca(): Promise<string>;
  token(): Promise<string>;
}

const SITE_BITS = 2048;
const CA_BITS = 3072;

/** Returns the three keys, none of them begun: RSA of 2048 bits for the server, of 3072 bits for the CA and for tokens. */
export function makeKeys(): Keys {
  const once = (bits: number) => {
    let key: Promise<string> | undefined;
    return () => {
      key ??= import('./pki.ts').then(({ makeKey }) => makeKey(bits));
      return key;
    };
  };
  return { site: once(SITE_BITS), ca: once(CA_BITS), token: once(CA_BITS) };
}

/** What to recreate although it fits. */
export interface Renew {
  site?: boolean;
  ca?: boolean;
  /** The pair that signs tokens. */
  token?: boolean;
}
const join_ = (certificates: string[]) => certificates.map((pem) => `${pem.trim()}\n`).join('');

const text = async (host: Host, path: string) => (await host.read(path))?.toString();

/** Reads the CA that an earlier run made; undefined if there is none, or if ca.key belongs to another certificate. */
export async function readOwnCa(host: Host, dir: string): Promise<OwnCa | undefined> {
  const [cert, key, cross = ''] = await Promise.all(
    ['ca.crt', 'ca.key', 'cross.crt'].map((name) => text(host, join(dir, 'ca', name))),
  );
  if (!cert || !(key === undefined ? isCertificate(cert) : isPair(cert, key))) return undefined;
  return { cert, key, cross: splitPem(cross) };
}

/** Reads the served certificate with its issuers and its key, whatever made them; undefined if they do not belong together. */
export async function readServed(
  host: Host,
  dir: string,
): Promise<{ chain: string[]; key: string } | undefined> {
  const [crt, key] = await Promise.all(
    ['site.crt', 'site.key'].map((name) => text(host, join(dir, 'certs', name))),
  );
  const chain = splitPem(crt ?? '');
  return chain[0] && key && isPair(chain[0], key) ? { chain, key } : undefined;
}

function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).ca;
  } catch {
    return false;
  }
}

function isPair(cert: string, key: string): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

export interface Wish {
  settings: Settings;
  names: SiteNames;
  keys: Keys;
  renew: Renew;
  now?: Date;
}

/** Returns a certificate that signs itself: the served one while it fits, else a new one. */
export async function selfSignedSite(
  { settings, names, keys, renew, now = new Date() }: Wish,
  host: Host,
): Promise<Site> {
  const served = await readServed(host, settings.dir);
  const [leaf] = served?.chain ?? [];
  const keep =
    leaf && served && !renew.site && isSelfSigned(leaf) && fits(leaf, names, settings.days, undefined, now);
  if (keep) return { ...selfSigned(leaf, served.key), fresh: false, lacks: lacking(leaf, names) };
  const { makeSelfSigned } = await import('./pki.ts');
  // Keeps the key if there is one: to Go, so to Docker, the former certificate then vouches for the new one until it ends.
  const key = leaf && served && isSelfSigned(leaf) ? served.key : await keys.site();
  return {
    ...selfSigned(makeSelfSigned({ names: inOrder(names), days: settings.days, keyPem: key, now }), key),
    fresh: true,
  };
}

const selfSigned = (cert: string, key: string) => ({
  chain: join_([cert]),
  key,
  roots: [cert],
  publicCa: false,
  warnings: [],
});

function isSelfSigned(cert: string): boolean {
  const x509 = new X509Certificate(cert);
  return x509.checkIssued(x509) && x509.verify(x509.publicKey);
}

/**
 * Returns a certificate that a CA signed: the served one while it fits, else a new one.
 * @param ca `key` is called only to sign a new certificate: the user may have to type its passphrase;
 *   `tail` is what is served after the certificate: issuers and roots
 */
export async function signedSite(
  { settings, names, keys, renew, now = new Date() }: Wish,
  host: Host,
  ca: { cert: string; tail: string[]; key(): Promise<string> },
): Promise<Omit<Site, 'roots' | 'warnings'>> {
  const served = await readServed(host, settings.dir);
  const [leaf] = served?.chain ?? [];
  const issuer = new X509Certificate(ca.cert);
  const issued = (pem: string) => {
    const cert = new X509Certificate(pem);
    return cert.checkIssued(issuer) && cert.verify(issuer.publicKey);
  };
  const end = new Date(issuer.validTo);
  if (leaf && served && !renew.site && issued(leaf) && fits(leaf, names, settings.days, end, now))
    return {
      chain: join_([leaf, ...ca.tail]),
      key: served.key,
      publicCa: false,
      fresh: false,
      lacks: lacking(leaf, names),
    };
  const { makeSite } = await import('./pki.ts');
  const [keyPem, issuerKey] = await Promise.all([keys.site(), ca.key()]);
  const made = makeSite({
    names: inOrder(names),
    days: settings.days,
    keyPem,
    now,
    issuer: { certPem: ca.cert, keyPem: issuerKey },
  });
  return { chain: join_([made, ...ca.tail]), key: keyPem, publicCa: false, fresh: true };
}

/**
 * Returns the CA of this registry: lasts ten years, made if there is none, replaced by `rotate --ca`.
 * @throws CliError (exit 2) if its files do not belong together, or if it must sign without its key
 */
async function ownCa({ settings, keys, renew, now = new Date() }: Wish, host: Host): Promise<OwnCa> {
  const before = await readOwnCa(host, settings.dir);
  const place = join(settings.dir, 'ca');
  // Refuses to replace it silently: every client would have to trust a new CA.
  if (!before && (await host.stat(join(place, 'ca.crt'))))
    throw cannotSign(place, 'ca.key belongs to another certificate, or ca.crt is none');
  const alive = before && Date.parse(new X509Certificate(before.cert).validTo) > now.getTime();
  if (alive && !renew.ca) return { ...before, cross: before.cross.filter((pem) => !ended(pem, now)) };
  if (alive) keyOf(before, settings);
  const { makeCa, crossSign } = await import('./pki.ts');
  const key = await keys.ca();
  // The year tells two roots of one registry apart for a user who sees both in a trust store.
  const cert = makeCa({ name: `registry ${bare(settings.host)} ${now.getUTCFullYear()}`, keyPem: key, now });
  if (!alive) return { cert, key, cross: [] };
  const oldCa = { certPem: before.cert, keyPem: keyOf(before, settings) };
  const cross = crossSign({ newCa: cert, oldCa, now });
  return { cert, key, cross: [cross, before.cert] };
}

const cannotSign = (place: string, why: string) =>
  new CliError(`The CA in ${place} cannot sign: ${why}.`, {
    fix: [
      'Put ca.crt and ca.key back from where you keep a copy.',
      `Or start a new CA, which every client must be given:   ${shellLine('rm', ['-r', place])}`,
    ],
    exitCode: 2,
  });

function keyOf({ key }: OwnCa, { dir }: Pick<Settings, 'dir'>): string {
  if (key !== undefined) return key;
  throw cannotSign(join(dir, 'ca'), 'ca.key is not there');
}

const ended = (pem: string, now: Date) => Date.parse(new X509Certificate(pem).validTo) < now.getTime();

/** Returns the certificate of `ca-signed` with this registry's own CA. @throws as ownCa */
export async function ownCaSite(wish: Wish, host: Host): Promise<{ site: Site; ca: OwnCa }> {
  const ca = await ownCa(wish, host);
  const tail = [...ca.cross, ca.cert];
  const key = async () => keyOf(ca, wish.settings);
  const part = await signedSite(wish, host, { cert: ca.cert, tail, key });
  return { ca, site: { ...part, roots: [ca.cert, ...ca.cross.slice(1)], warnings: [] } };
}
