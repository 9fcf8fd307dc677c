// Reads the user's certificate and key files in every usual form, or refuses them in the words of the user.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { InputError } from '../../errors.ts';
import type { Secret } from '../../secret.ts';
import type { KeyPem } from '../pki.ts';
import { type Item, keyForms, lookInto } from './pem.ts';

/** A file's bytes, and how the user named it: `--cert /root/site.pem`. */
export interface GivenFile {
  bytes: Buffer;
  where: string;
}

/** 1 MiB; a bundle of all public CAs is a quarter of this. */
const MAX_BYTES = 1_048_576;

/** @throws InputError (exit 2) with this one problem, always */
export function refuse(where: string, message: string, fix?: string): never {
  throw new InputError([{ where, message, fix }]);
}

/** Returns the items of a file, of every kind. @throws InputError for an empty, cut or too large file, and for noise */
export function itemsOf({ bytes, where }: GivenFile): Item[] {
  if (bytes.length > MAX_BYTES) {
    const size = `${(bytes.length / MAX_BYTES).toFixed(1)} MB`;
    refuse(where, `this file is too large for a certificate or a key: ${size}`);
  }
  const { items, flaw } = lookInto(bytes);
  if (flaw === 'cut') refuse(where, 'this file ends in the middle: its last block has no END line');
  if (flaw === 'joined') {
    refuse(where, 'the line breaks were lost: its BEGIN and END are not on lines of their own');
  }
  if (items.length > 0) return items;
  if (bytes.toString('latin1').trim() === '') refuse(where, 'this file is empty');
  return refuse(where, 'this file holds neither a certificate nor a key: it is not PEM, DER, PKCS#7 or PFX');
}

/** Returns the flag that belongs to a file: `--ca-key` beside `--ca-cert`, `--key` beside `--cert`. */
export const flagFor = (what: 'cert' | 'key', where: string) =>
  `--${where.startsWith('--ca-') ? 'ca-' : ''}${what}`;

/**
 * @param file PEM, DER or PKCS#7
 * @returns PEM, one certificate each, in the order of the file and none twice
 * @throws InputError for everything else: an empty or damaged file, noise, a key, a request
 */
export async function readCertificates(file: GivenFile): Promise<string[]> {
  const { where } = file;
  const [items, certFlag, keyFlag] = [itemsOf(file), flagFor('cert', where), flagFor('key', where)];
  const found: string[] = [];
  for (const { kind, data } of items) {
    if (kind === 'certificate') found.push(readCertificate(data, where));
    if (kind === 'PKCS#7') found.push(...(await readPkcs7File(data, where)));
  }
  const kinds = new Set(items.map((item) => item.kind));
  if (kinds.has('private key') || kinds.has('SSH key')) {
    if (found.length === 0)
      refuse(where, 'this is a private key, not a certificate', `Give it with ${keyFlag}.`);
    const fix = `Put the key into a file of its own, for ${keyFlag}, and leave the certificates to ${certFlag}.`;
    refuse(where, 'a private key is among the certificates, which are sent to everybody', fix);
  }
  if (found.length > 0) return readable([...new Set(found)], where);
  if (kinds.has('request')) {
    const fix = 'Send it to your CA. The answer is the certificate.';
    refuse(where, 'this is a request for a certificate (CSR), not a certificate', fix);
  }
  if (kinds.has('PFX')) refuse(where, 'this is a PFX file; only certificates belong here');
  if (kinds.has('public key')) refuse(where, 'this is a public key, not a certificate');
  return refuse(where, 'this file holds no certificate');
}

function readCertificate(data: string | Buffer, where: string): string {
  try {
    return new X509Certificate(data).toString();
  } catch {
    return refuse(where, DAMAGED);
  }
}

const DAMAGED = 'a certificate in this file is damaged';

/** Returns the same certificates if every part of each can be read: later steps then do not fail half-way. @throws InputError */
export async function readable(certificates: string[], where: string): Promise<string[]> {
  const { readFields } = await import('../fields.ts');
  try {
    for (const pem of certificates) readFields(pem);
  } catch {
    refuse(where, `${DAMAGED}, or has a key of an unknown kind`);
  }
  return certificates;
}

async function readPkcs7File(data: string | Buffer, where: string): Promise<string[]> {
  const { readPkcs7 } = await import('./pfx.ts');
  try {
    return readPkcs7(typeof data === 'string' ? Buffer.from(data.replace(/^-.*$/gm, ''), 'base64') : data);
  } catch {
    return refuse(where, 'this PKCS#7 file is damaged');
  }
}

/**
 * @param file PKCS#8, PKCS#1 or SEC1, encrypted or not, PEM or DER
 * @throws InputError if the passphrase is missing or wrong, or if the file holds something else
 */
export function readPrivateKey(file: GivenFile, passphrase?: Secret): KeyPem {
  const { where } = file;
  const items = itemsOf(file);
  const [key, ...others] = items.filter(({ kind }) => kind === 'private key');
  if (others.length > 0)
    refuse(where, `this file holds ${others.length + 1} private keys; exactly one is needed`);
  if (key) return openKey(key, where, passphrase);
  const kinds = new Set(items.map((item) => item.kind));
  if (kinds.has('certificate') || kinds.has('PKCS#7')) {
    refuse(where, 'this is a certificate, not a private key', `Give it with ${flagFor('cert', where)}.`);
  }
  if (kinds.has('public key')) refuse(where, 'this is a public key; its private key is needed');
  if (kinds.has('request')) refuse(where, 'this is a request (CSR); the private key that made it is needed');
  if (kinds.has('SSH key')) refuse(where, 'this is a key for SSH, which TLS cannot use');
  return refuse(where, 'this file holds no private key');
}

function openKey({ data, encrypted }: Item, where: string, passphrase: Secret | undefined): KeyPem {
  if (encrypted && !passphrase) refuseLocked(where, `openssl pkey -in ${pathIn(where)} -out NEW.pem`);
  const secret = encrypted && passphrase ? { passphrase: passphrase.reveal() } : {};
  const faults: unknown[] = [];
  for (const form of keyForms(data)) {
    try {
      return createPrivateKey({ ...form, ...secret }).export({ type: 'pkcs8', format: 'pem' }) as string;
    } catch (error) {
      faults.push((error as NodeJS.ErrnoException).code);
    }
  }
  if (encrypted && faults.includes('ERR_OSSL_EVP_UNSUPPORTED')) {
    const fix = `openssl pkey -provider legacy -provider default -in ${pathIn(where)} -out NEW.pem`;
    refuse(where, 'this key is encrypted in an old way that OpenSSL 3 no longer reads', fix);
  }
  return encrypted ? refuseWord(where) : refuse(where, 'this private key is damaged');
}

/** Returns the path in `--cert PATH`. */
export const pathIn = (where: string) => where.replace(/^--\S+ /, '');

export const refuseWord = (where: string): never => refuse(where, 'the passphrase does not open this file');

/** @param unlock a command that removes the passphrase @throws InputError always */
export function refuseLocked(where: string, unlock: string): never {
  const fix = `Run this in a terminal to be asked for it, or remove it: ${unlock}`;
  return refuse(where, 'this file has a passphrase, and none was given', fix);
}
