// Lists what a file of keys or certificates holds: PEM blocks or one piece of DER, each with its kind. Judges nothing.
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';

export interface Item {
  kind: 'certificate' | 'private key' | 'request' | 'public key' | 'PKCS#7' | 'PFX' | 'SSH key' | 'other';
  /** PEM as text, DER as bytes. */
  data: string | Buffer;
  /** Of a private key: it needs a passphrase. */
  encrypted?: boolean;
}

/** `cut`: the file ends within a block. `joined`: there are PEM marks, but not on lines of their own. */
export interface Contents {
  items: Item[];
  flaw?: 'cut' | 'joined';
}

/** Returns the items of a file. Never fails: an unknown form has no items. */
export function lookInto(bytes: Buffer): Contents {
  const text = textOf(bytes);
  if (text.includes('-----BEGIN ')) return pemContents(text);
  const item = derItem(bytes);
  return { items: item ? [item] : [] };
}

/** Decodes a PEM file, which is ASCII; Notepad and PowerShell may save it as UTF-16, or with a byte order mark. */
function textOf(bytes: Buffer): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return bytes.toString('utf16le').slice(1);
  return bytes.toString('latin1').replace(/^\xef\xbb\xbf/, '');
}

function pemContents(text: string): Contents {
  const items: Item[] = [];
  let open: { label: string; lines: string[] } | undefined;
  for (const line of text.split(/\r\n?|\n/).map((raw) => raw.trim())) {
    const label = /^-----BEGIN ([A-Z0-9 ]{1,40})-----$/.exec(line)?.[1];
    if (label) {
      open = { label, lines: [line] };
    } else if (open) {
      open.lines.push(line);
      if (!line.startsWith('-----END ')) continue;
      items.push(pemItem(open.label, open.lines));
      open = undefined;
    }
  }
  if (open) return { items, flaw: 'cut' };
  return items.length === 0 ? { items, flaw: 'joined' } : { items };
}

function pemItem(label: string, lines: string[]): Item {
  const encrypted = label === 'ENCRYPTED PRIVATE KEY' || lines[1] === 'Proc-Type: 4,ENCRYPTED';
  return { kind: pemKind(label), data: `${lines.join('\n')}\n`, ...(encrypted && { encrypted }) };
}

function pemKind(label: string): Item['kind'] {
  if (label === 'OPENSSH PRIVATE KEY') return 'SSH key';
  if (label.endsWith('PRIVATE KEY')) return 'private key';
  if (label.endsWith('PUBLIC KEY')) return 'public key';
  if (label.endsWith('CERTIFICATE REQUEST')) return 'request';
  if (label.endsWith('CERTIFICATE')) return 'certificate';
  return ['PKCS7', 'CMS'].includes(label) ? 'PKCS#7' : 'other';
}

// The first bytes, in hexadecimal, of the kinds that Node cannot parse: SEQUENCEs of any length, then what tells them apart.
const ANY = '30(?:80|[0-7].|81..|82.{4}|83.{6})';
const PFX = new RegExp(`^${ANY}020103${ANY}06092a864886f70d010701`); // version 3, data (RFC 7292 4)
const PKCS7 = new RegExp(`^${ANY}06092a864886f70d010702`); // signedData (RFC 2315 14)
const REQUEST = new RegExp(`^${ANY}${ANY}02010030`); // version 0, then a name (RFC 2986 4.1)

function derItem(data: Buffer): Item | undefined {
  const start = data.subarray(0, 40).toString('hex');
  if (PFX.test(start)) return { kind: 'PFX', data };
  if (PKCS7.test(start)) return { kind: 'PKCS#7', data };
  if (REQUEST.test(start)) return { kind: 'request', data };
  // Five parsers try these bytes next; a certificate with a thousand names is half of this limit.
  if (!start.startsWith('30') || data.length > 100_000) return undefined;
  if (fault(() => new X509Certificate(data)) === undefined) return { kind: 'certificate', data };
  const spki = { key: data, format: 'der', type: 'spki' } as const;
  if (fault(() => createPublicKey(spki)) === undefined) return { kind: 'public key', data };
  const faults = keyForms(data).map((form) => fault(() => createPrivateKey(form)));
  if (faults.includes('ERR_MISSING_PASSPHRASE')) return { kind: 'private key', data, encrypted: true };
  return faults.includes(undefined) ? { kind: 'private key', data } : undefined;
}

/** Returns the arguments to try with createPrivateKey: PEM names its form, DER does not. */
export function keyForms(key: string | Buffer) {
  if (typeof key === 'string') return [{ key, format: 'pem' } as const];
  return (['pkcs8', 'pkcs1', 'sec1'] as const).map((type) => ({ key, type, format: 'der' }) as const);
}

/** Returns the code of the error that the attempt throws; undefined if it throws none. */
function fault(attempt: () => unknown): string | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  }
}
