// Judges what a user brings along, in any form: a ready certificate with its key, or a CA that signs the served certificate.
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { InputError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import type { SiteNames } from '../names.ts';
import { type AskPassphrase, type CertificateRequest, readServed, type Site, signedSite } from '../site.ts';
import { splitPem } from '../split.ts';

async function file(host: Host, flag: string, path: string) {
  if ((await host.stat(path))?.type === 'dir')
    throw new InputError([{ where: `${flag} ${path}`, message: 'this is a directory, not a file' }]);
  const bytes = await host.read(path);
  if (!bytes) throw new InputError([{ where: `${flag} ${path}`, message: 'there is no such file' }]);
  return { bytes, where: `${flag} ${path}` };
}

/** Tells whether an earlier run was given this file and it was removed since: the certificate served from it is kept. */
async function isGone(host: Host, dir: string, flag: 'cert' | 'ca-cert', path: string): Promise<boolean> {
  if (await host.stat(path)) return false;
  const text = (await host.read(join(dir, 'settings.yml')))?.toString() ?? '';
  const { readYaml } = await import('../../templates.ts');
  const last = readYaml(text, join(dir, 'settings.yml')) as Record<string, unknown> | null;
  return last?.[flag] === path;
}

/** Reads the pair that two flags name; asks for its passphrase if it has one. */
async function readGiven(
  host: Host,
  flags: [string, string],
  paths: [string, string | undefined],
  askFor: AskPassphrase,
) {
  const { readPair, needsPassphrase } = await import('./pair.ts');
  const cert = await file(host, flags[0], paths[0]);
  const key = paths[1] === undefined ? undefined : await file(host, flags[1], paths[1]);
  const locked = [cert, ...(key ? [key] : [])];
  const closed = (await Promise.all(locked.map(({ bytes }) => needsPassphrase(bytes)))).indexOf(true);
  const passphrase = closed < 0 ? undefined : await askFor(paths[closed] ?? paths[0]);
  return { ...(await readPair({ cert, key }, passphrase)), locked: closed >= 0 };
}

/**
 * Returns the certificate of `--cert` and `--key`. If those files were removed since, uses the served pair: the user need not
 * keep them.
 * @throws InputError (exit 2) with every fault
 */
export async function readySite(
  { settings, names, now }: CertificateRequest,
  host: Host,
  askFor: AskPassphrase,
): Promise<Site> {
  const { verifyReadyCertificate } = await import('./checks.ts');
  const { dir, cert = '', key, caCert } = settings;
  const served = await readServed(host, dir);
  const gone = served && (await isGone(host, dir, 'cert', cert));
  const where = gone
    ? { cert: join(dir, 'certs/site.crt'), key: join(dir, 'certs/site.key') }
    : { cert: `--cert ${cert}`, key: `--key ${key ?? cert}` };
  const pair = gone
    ? { certificates: served.chain, key: served.key }
    : await readGiven(host, ['--cert', '--key'], [cert, key], askFor);
  const { readCertificates } = await import('./files.ts');
  const extraCa =
    caCert && !(await isGone(host, dir, 'ca-cert', caCert))
      ? await readCertificates(await file(host, '--ca-cert', caCert))
      : [];
  // The certificate needs only the names that the user asked for.
  const asked = names.needed.slice(0, names.asked);
  const ready = verifyReadyCertificate({ ...pair, extraCa, names: asked, where, ...(now && { now }) });
  const chain = ready.chain.map((pem) => `${pem.trim()}\n`).join('');
  const fresh = chain !== served?.chain.map((pem) => `${pem.trim()}\n`).join('');
  return {
    chain,
    key: pair.key,
    roots: [ready.root],
    publicCa: ready.publicCa,
    fresh,
    warnings: ready.warnings,
  };
}

/**
 * Returns a certificate signed by the CA of `--ca-cert` and `--ca-key`. The key is read only to sign, and never copied.
 * @throws InputError (exit 2) with every fault
 */
export async function givenCaSite(
  request: CertificateRequest,
  host: Host,
  askFor: AskPassphrase,
): Promise<Site> {
  const { verifyCa } = await import('./checks.ts');
  const { settings, names } = request;
  const { dir, caCert = '', caKey, days } = settings;
  const warnings: string[] = [];
  const kept = await keptIssuers(host, dir, caCert);
  const open = async () => {
    const pair = await readGiven(host, ['--ca-cert', '--ca-key'], [caCert, caKey], askFor);
    const where = { cert: `--ca-cert ${caCert}`, key: `--ca-key ${caKey ?? caCert}` };
    return { pair, ca: verifyCa({ ...pair, days, names: names.needed.slice(0, names.asked), where }) };
  };
  const checked = kept ? undefined : await open();
  if (checked) warnings.push(...checked.ca.warnings);
  if (checked?.pair.locked && settings.renew)
    warnings.push(
      `${caKey ?? caCert} has a passphrase: the timer can renew only with REGISTRY_SETUP_PASSPHRASE in its environment (or --no-renew)`,
    );
  const tail = checked?.ca.chain ?? kept ?? [];
  const permitted = await permittedNames(tail, names);
  const part = await signedSite({ ...request, names: permitted }, host, {
    cert: tail[0] ?? '',
    tail,
    key: async () => (checked ?? (await open())).pair.key,
  });
  return { ...part, roots: [checked?.ca.root ?? tail.at(-1) ?? ''], warnings };
}

/** Returns the served issuers if they are those of the CA in the file, or if the file was removed: no key is opened then. */
async function keptIssuers(host: Host, dir: string, caCert: string): Promise<string[] | undefined> {
  const served = await readServed(host, dir);
  const [, issuer, ...above] = served?.chain ?? [];
  if (!issuer) return undefined;
  if (await isGone(host, dir, 'ca-cert', caCert)) return [issuer, ...above];
  const given = await file(host, '--ca-cert', caCert);
  const same = splitPem(given.bytes.toString()).some(
    (pem) => new X509Certificate(pem).fingerprint256 === new X509Certificate(issuer).fingerprint256,
  );
  return same ? [issuer, ...above] : undefined;
}

/** Omits names that the user did not ask for and the CAs may not sign, such as `localhost` or an address (name constraints). */
async function permittedNames(chain: string[], { needed, asked, more }: SiteNames): Promise<SiteNames> {
  const { permitsName, readFields } = await import('../fields.ts');
  const issuers = chain.map((pem) => readFields(pem));
  const may = (name: string) => issuers.every((fields) => permitsName(fields, name));
  return {
    needed: needed.filter((name, i) => i < asked || may(name)),
    asked,
    more: more.filter(may),
  };
}
