// Reads a certificate with its key from two files, or from one PFX (PKCS#12) file.
import type { Secret } from '../../secret.ts';
import type { KeyPem } from '../pki.ts';
import {
  flagFor,
  type GivenFile,
  itemsOf,
  pathIn,
  readable,
  readCertificates,
  readPrivateKey,
  refuse,
  refuseLocked,
  refuseWord,
} from './files.ts';
import { lookInto } from './pem.ts';
import type { Pfx } from './pfx.ts';

export interface Pair {
  /** PEM, in the order of the file. */
  certificates: string[];
  key: KeyPem;
}

/**
 * @param files a PFX file may replace both, or either
 * @throws InputError for what readCertificates and readPrivateKey refuse, and for a PFX file that does not open
 */
export async function readPair(
  files: { cert: GivenFile; key?: GivenFile | undefined },
  passphrase?: Secret,
): Promise<Pair> {
  const { where } = files.cert;
  const pfx = await openPfx(files.cert, passphrase);
  const certificates = await (pfx ? readable(pfx.certPems, where) : readCertificates(files.cert));
  if (certificates.length === 0) refuse(where, 'this PFX file holds no certificate');
  if (files.key) return { certificates, key: await keyIn(files.key, passphrase) };
  if (pfx) return { certificates, key: onlyKey(pfx, where) };
  return refuse(where, 'the key of this certificate is missing', `Give it with ${flagFor('key', where)}.`);
}

async function keyIn(file: GivenFile, passphrase: Secret | undefined): Promise<KeyPem> {
  const pfx = await openPfx(file, passphrase);
  return pfx ? onlyKey(pfx, file.where) : readPrivateKey(file, passphrase);
}

function onlyKey({ keyPems: [key, ...others] }: Pfx, where: string): KeyPem {
  if (!key) refuse(where, 'this PFX file holds no private key', `Give it with ${flagFor('key', where)}.`);
  if (others.length > 0)
    refuse(where, `this PFX file holds ${others.length + 1} private keys; exactly one is needed`);
  return key;
}

/** Opens a PFX file; undefined for a file of another kind. @throws InputError if it does not open */
async function openPfx(file: GivenFile, passphrase: Secret | undefined): Promise<Pfx | undefined> {
  if (itemsOf(file)[0]?.kind !== 'PFX') return undefined;
  const { readPfx } = await import('./pfx.ts');
  const open = () => {
    try {
      return readPfx(file.bytes, passphrase?.reveal());
    } catch {
      return refuse(file.where, 'this PFX file is damaged, or encrypted in an unknown way');
    }
  };
  return (
    open() ??
    (passphrase
      ? refuseWord(file.where)
      : refuseLocked(file.where, `openssl pkcs12 -in ${pathIn(file.where)} -noenc`))
  );
}

/** Tells whether a file opens only with a passphrase. False for a file that is neither a key nor a PFX. */
export async function needsPassphrase(bytes: Buffer): Promise<boolean> {
  const { items } = lookInto(bytes);
  if (items[0]?.kind !== 'PFX') return items.some((item) => item.encrypted);
  const { readPfx } = await import('./pfx.ts');
  try {
    return readPfx(bytes) === undefined;
  } catch {
    return false;
  }
}
