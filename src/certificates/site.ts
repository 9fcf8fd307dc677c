// Returns the served certificate with its key, and the roots that clients trust: keeps them while they fit, else makes them.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { bare } from '../host/names.ts';
import type { Secret } from '../secret.ts';
import type { KeyType, Settings } from '../settings/settings.ts';
import { commandLine } from '../terminal/command.ts';
import { quoted, shellLine } from '../terminal/shell.ts';
import { fits, inOrder, lacking, type SiteNames } from './names.ts';
import { splitPem } from './split.ts';
import { dateFault, datesOf } from './validity.ts';

/** Asks for the passphrase of a user's key; undefined if there is no terminal to ask on. */
export type AskPassphrase = (path: string) => Promise<Secret | undefined>;

/** The CA that this program made and keeps. */
export interface OwnCa {
  cert: string;
  /** Undefined if the user keeps it off this machine: only signing needs it. */
  key: string | undefined;
  /**
   * After `rotate --ca`: each CA certified by the one before it, the newest first, then the former roots, the oldest first.
   * None is ever dropped, not even after its end: with a wrong clock it only seems to have ended, and nothing could make it again.
   */
  cross: string[];
}

/** A certificate that an ACME server is asked for. */
interface CertificateOrder {
  names: string[];
  keyType: KeyType;
  /** The served certificate, PEM, if it is from the same server. */
  replaces?: string;
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
  /**
   * The CA made here has ended, or is not valid yet: everything is kept as it is, although clients refuse it. Only `rotate --ca`
   * replaces the CA: the clock may be wrong, and the key of the former CA would be lost.
   */
  outdated?: CliError;
  warnings: string[];
  /** The certificate is still to be ordered from an ACME server, by the run that was agreed to: chain and key are empty. */
  order?: CertificateOrder;
}

/** New keys, some of which take a second to make: each is begun at the first call, and made once. */
export interface Keys {
  site(type: KeyType): Promise<string>;
  ca(type: KeyType): Promise<string>;
  token(): Promise<string>;
}

/** EC keys are P-256. An RSA key of 2048 bits is enough for the year of a certificate and for tokens, a CA lasts ten. */
const SITE_BITS = 2048;
const CA_BITS = 3072;
const TOKEN_BITS = 2048;

/** Returns the three keys, none of them begun. */
export function makeKeys(): Keys {
  const once = (bits: number) => {
    const made = new Map<KeyType, Promise<string>>();
    return (type: KeyType) => {
      const key = made.get(type) ?? import('./pki.ts').then(({ makeKey }) => makeKey(type, bits));
      made.set(type, key);
      return key;
    };
  };
  const token = once(TOKEN_BITS);
  return { site: once(SITE_BITS), ca: once(CA_BITS), token: () => token('rsa') };
}

export const typeOf = (key: string): KeyType =>
  createPrivateKey(key).asymmetricKeyType === 'rsa' ? 'rsa' : 'ecdsa';

/** Returns the kind of a new key: the one that the user asked for, else that of the key that it replaces, else EC. */
const typeFor = ({ keyType }: Settings, former: string | undefined): KeyType =>
  keyType ?? (former === undefined ? 'ecdsa' : typeOf(former));

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

export interface CertificateRequest {
  settings: Settings;
  names: SiteNames;
  keys: Keys;
  renew: Renew;
  now?: Date;
}

/** Returns a certificate that signs itself: the served one while it fits, else a new one. */
export async function selfSignedSite(
  { settings, names, keys, renew, now = new Date() }: CertificateRequest,
  host: Host,
): Promise<Site> {
  const served = await readServed(host, settings.dir);
  const [leaf] = served?.chain ?? [];
  const keep =
    leaf && served && !renew.site && isSelfSigned(leaf) && fits(leaf, names, settings.days, undefined, now);
  if (keep) return { ...selfSigned(leaf, served.key), fresh: false, lacks: lacking(leaf, names) };
  const { makeSelfSigned } = await import('./pki.ts');
  // Keeps the key if there is one: to Go, so to Docker, the former certificate then vouches for the new one until it ends.
  const key =
    leaf && served && isSelfSigned(leaf) ? served.key : await keys.site(typeFor(settings, undefined));
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
  { settings, names, keys, renew, now = new Date() }: CertificateRequest,
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
  const asked = served && typeFor(settings, served.key) === typeOf(served.key);
  if (leaf && asked && !renew.site && issued(leaf) && fits(leaf, names, settings.days, end, now))
    return {
      chain: join_([leaf, ...ca.tail]),
      key: served.key,
      publicCa: false,
      fresh: false,
      lacks: lacking(leaf, names),
    };
  const { makeSite } = await import('./pki.ts');
  const [keyPem, issuerKey] = await Promise.all([keys.site(typeFor(settings, served?.key)), ca.key()]);
  const made = makeSite({
    names: inOrder(names),
    days: settings.days,
    keyPem,
    now,
    issuer: { certPem: ca.cert, keyPem: issuerKey },
  });
  return { chain: join_([made, ...ca.tail]), key: keyPem, publicCa: false, fresh: true };
}

/** Makes a CA, certified by the one before it. @throws CliError (exit 2) if the former CA must sign without its key */
async function newCa(
  { settings, keys, now = new Date() }: CertificateRequest,
  before: OwnCa | undefined,
): Promise<OwnCa> {
  const oldCa = before && { certPem: before.cert, keyPem: keyOf(before, settings) };
  const { makeCa, crossSign } = await import('./pki.ts');
  const key = await keys.ca(typeFor(settings, before?.key));
  // The year tells two roots of one registry apart for a user who sees both in a trust store.
  const cert = makeCa({ name: `registry ${bare(settings.host)} ${now.getUTCFullYear()}`, keyPem: key, now });
  if (!oldCa) return { cert, key, cross: [] };
  const bridge = crossSign({ newCa: cert, oldCa, now });
  return { cert, key, cross: splitPem(join_([bridge, ...before.cross, before.cert])) };
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
  throw cannotSign(join(dir, 'ca'), 'ca.key is missing');
}

/** Returns the error for a CA that is out of date. @param why the end of a sentence, which names the clock */
function outdatedCa(why: string, dir: string, inUse: boolean): CliError {
  const replace = inUse ? commandLine('rotate --ca') : `rm -r ${quoted(join(dir, 'ca'))}`;
  return new CliError(`The CA of this registry ${why}.`, {
    fix: [
      'Is the clock of this machine right?   timedatectl',
      `If it is, a new CA, which every client must be given:   ${replace}`,
    ],
  });
}

/** Returns what is served, unchanged. @throws CliError if nothing is served: the CA cannot sign */
async function unchangedSite(host: Host, { dir }: Settings, ca: OwnCa, fault: string): Promise<Site> {
  const kept = { chain: '', key: '', roots: [ca.cert], publicCa: false, fresh: false, warnings: [] };
  const site = await siteOnDisk(host, dir, kept);
  const [leaf] = splitPem(site?.chain ?? '');
  const inUse = leaf !== undefined && new X509Certificate(leaf).checkIssued(new X509Certificate(ca.cert));
  const outdated = outdatedCa(fault, dir, inUse);
  if (!site) throw outdated;
  return { ...site, outdated };
}

/**
 * Returns the certificate of `ca-signed` with this registry's own CA: made if there is none, replaced by `rotate --ca` alone.
 * @throws CliError (exit 2) if the CA's files do not belong together, or if it must sign without its key
 */
export async function ownCaSite(request: CertificateRequest, host: Host): Promise<{ site: Site; ca: OwnCa }> {
  const { settings, renew, now = new Date() } = request;
  const before = await readOwnCa(host, settings.dir);
  const place = join(settings.dir, 'ca');
  // Refuses to replace it silently: every client would have to trust a new CA.
  if (!before && (await host.stat(join(place, 'ca.crt'))))
    throw cannotSign(place, 'ca.key belongs to another certificate, or ca.crt is none');
  const fault = before && dateFault(datesOf(before.cert), now);
  if (before && fault && !renew.ca)
    return { ca: before, site: await unchangedSite(host, settings, before, fault) };
  // One that is not valid yet certifies the next one, too: its clients are served when the clock is right. One that has ended cannot.
  const givenUp = fault && (before.key === undefined || datesOf(before.cert).notAfter < now);
  const ca = before && !renew.ca ? before : await newCa(request, givenUp ? undefined : before);
  const { tail, roots } =
    ca.cross.length > 0
      ? (await import('./succession.ts')).succession(ca.cert, ca.cross, now)
      : { tail: [ca.cert], roots: [ca.cert] };
  const key = async () => keyOf(ca, settings);
  const part = await signedSite(request, host, { cert: ca.cert, tail, key });
  return { ca, site: { ...part, roots, warnings: [] } };
}

/** Returns the certificate as it lies in the directory, whatever the settings would make of it; undefined if none can be served. */
export async function siteOnDisk(host: Host, dir: string, wanted: Site): Promise<Site | undefined> {
  const served = await readServed(host, dir);
  if (!served) return undefined;
  const roots = splitPem((await text(host, join(dir, 'certs/ca.crt'))) ?? '');
  return {
    ...wanted,
    chain: join_(served.chain),
    key: served.key,
    roots: roots.length > 0 ? roots : wanted.roots,
  };
}
