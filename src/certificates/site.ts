// The pair that is served, and what clients have to trust: what is there is kept while it fits, else it is made.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { bare } from '../host/names.ts';
import type { Secret } from '../secret.ts';
import type { Settings } from '../settings/settings.ts';
import { fits, inOrder, lacking, type SiteNames } from './names.ts';
import { splitPem } from './split.ts';

/** Asks for the word that opens a key which a person brings along; undefined where nobody can be asked. */
export type AskPassphrase = (path: string) => Promise<Secret | undefined>;

/** A CA that can sign: its certificate, its issuers up to the root, its key. PEM. */
export interface SigningCa {
  cert: string;
  above: string[];
  key: string;
}

/** The CA that the wizard made and keeps. */
export interface OwnCa {
  cert: string;
  /** Undefined where it is kept off this machine: it is needed only to sign. */
  key: string | undefined;
  /** After `rotate --ca`: this CA certified by the one before it, and that one's root; clients of the old root need both. */
  cross: string[];
}

export interface Site {
  /** site.crt: the certificate, its issuers, the root. */
  chain: string;
  /** site.key */
  key: string;
  /** ca.crt: the roots that a client may be given, the newest first. */
  roots: string[];
  /** Clients trust it already. */
  publicCa: boolean;
  /** True when it was made, or taken from a file, in this run. */
  fresh: boolean;
  /** Addresses of this machine that are not in it, and would be in a new one. */
  lacks?: string[];
  warnings: string[];
}

/** Keys that take their time: begun when they are first likely to be needed, made once. */
export interface Keys {
  site(): Promise<string>;
  ca(): Promise<string>;
  token(): Promise<string>;
}

const SITE_BITS = 2048;
const CA_BITS = 3072;

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

/** What is to be made anew although it fits. */
export interface Renew {
  site?: boolean;
  ca?: boolean;
  /** The pair that signs tokens. */
  token?: boolean;
}
const join_ = (certificates: string[]) => certificates.map((pem) => `${pem.trim()}\n`).join('');

const text = async (host: Host, path: string) => (await host.read(path))?.toString();

/** The CA that was made in an earlier run; undefined where there is none, or a key that is not its own. */
export async function readOwnCa(host: Host, dir: string): Promise<OwnCa | undefined> {
  const [cert, key, cross = ''] = await Promise.all(
    ['ca.crt', 'ca.key', 'cross.crt'].map((name) => text(host, join(dir, 'ca', name))),
  );
  if (!cert || !(key === undefined ? isCertificate(cert) : isPair(cert, key))) return undefined;
  return { cert, key, cross: splitPem(cross) };
}

/** The pair that is served now, whatever made it. */
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

/** One certificate that signs itself. */
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
  // The same key while there is one: to Go, so to Docker, the former certificate then vouches for the new one until it ends.
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
 * A site certificate from a CA that can sign.
 * @param ca called only when a certificate has to be made, since its key may have to be asked for
 * @param tail what is served behind the certificate: issuers and roots
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

/** The CA of this registry: kept for ten years, made when there is none, replaced by `rotate --ca`. */
export async function ownCa({ settings, keys, renew, now = new Date() }: Wish, host: Host): Promise<OwnCa> {
  const before = await readOwnCa(host, settings.dir);
  const place = join(settings.dir, 'ca');
  // Never another one in silence: every client would have to be given it.
  if (!before && (await host.stat(join(place, 'ca.crt'))))
    throw cannotSign(place, 'ca.key belongs to another certificate, or ca.crt is none');
  const alive = before && Date.parse(new X509Certificate(before.cert).validTo) > now.getTime();
  if (alive && !renew.ca) return { ...before, cross: before.cross.filter((pem) => !ended(pem, now)) };
  if (alive) keyOf(before, settings);
  const { makeCa, crossSign } = await import('./pki.ts');
  const key = await keys.ca();
  // The year tells two roots of one registry apart, for the person who looks at them in a trust store.
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
      `Or start a new CA, which every client must be given:   rm -r ${place}`,
    ],
    exitCode: 2,
  });

function keyOf({ key }: OwnCa, { dir }: Pick<Settings, 'dir'>): string {
  if (key !== undefined) return key;
  throw cannotSign(join(dir, 'ca'), 'ca.key is not there');
}

const ended = (pem: string, now: Date) => Date.parse(new X509Certificate(pem).validTo) < now.getTime();

/** The site of `ca-signed` with a CA of its own. */
export async function ownCaSite(wish: Wish, host: Host): Promise<{ site: Site; ca: OwnCa }> {
  const ca = await ownCa(wish, host);
  const tail = [...ca.cross, ca.cert];
  const key = async () => keyOf(ca, wish.settings);
  const part = await signedSite(wish, host, { cert: ca.cert, tail, key });
  return { ca, site: { ...part, roots: [ca.cert, ...ca.cross.slice(1)], warnings: [] } };
}
