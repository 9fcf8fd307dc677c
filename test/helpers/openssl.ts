// A directory in which openssl makes keys and certificates, and is asked what it thinks of ours.
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, test } from 'vitest';

export interface MadeCertificate {
  cert: string;
  key: string;
}

export interface Wish {
  subject?: string;
  /** Lines of an openssl extension section. */
  extensions?: readonly string[];
  /** Signs; itself when there is none. */
  by?: MadeCertificate;
  /** The key to use, a new one otherwise. */
  key?: string;
  days?: number;
  /** `-sha1` and the like. */
  digest?: string;
}

export const CA = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'] as const;
export const SITE = ['basicConstraints=critical,CA:FALSE', 'extendedKeyUsage=serverAuth'];

const version = spawnSync('openssl', ['version'], { encoding: 'utf8' }).stdout ?? '';

/** A file's tests, on a machine that has openssl. (macOS has LibreSSL by this name.) */
export function withOpenssl(suite: () => void) {
  if (/^OpenSSL [3-9]/.test(version)) suite();
  else test.skip('certificates (skipped: there is no OpenSSL 3 on this machine)', () => {});
}

/** @param kind a number of bits for RSA, or a curve @returns PKCS#8 PEM */
export function newKey(kind: number | string = 'P-256'): string {
  const { privateKey } =
    typeof kind === 'number'
      ? generateKeyPairSync('rsa', { modulusLength: kind })
      : kind === 'Ed25519'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('ec', { namedCurve: kind });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

export type Workshop = ReturnType<typeof workshop>;

export function workshop() {
  const dir = mkdtempSync(join(tmpdir(), 'registry-setup-'));
  let count = 0;
  const run = (args: string[]) => {
    const { status, stdout, stderr } = spawnSync('openssl', args, { cwd: dir });
    return { ok: status === 0, stdout, text: `${stdout}${stderr}` };
  };
  /** What openssl writes; its error is the test's. */
  const openssl = (...args: string[]): Buffer => {
    const { ok, stdout, text } = run(args);
    if (!ok) throw new Error(`openssl ${args.join(' ')}\n${text}`);
    return stdout;
  };
  const file = (content: string | Buffer, name = `file-${++count}`): string => {
    writeFileSync(join(dir, name), content);
    return join(dir, name);
  };
  function make(wish: Wish = {}): MadeCertificate {
    const own = wish.key ?? newKey();
    const [keyFile, extensions] = [file(own), file((wish.extensions ?? []).join('\n'))];
    const request = file(
      openssl('req', '-new', '-key', keyFile, '-subj', wish.subject ?? '/CN=test', '-config', config),
    );
    const signer = wish.by ? ['-CA', file(wish.by.cert), '-CAkey', file(wish.by.key)] : ['-signkey', keyFile];
    const rest = [
      '-days',
      `${wish.days ?? 100}`,
      '-extfile',
      extensions,
      ...(wish.digest ? [wish.digest] : []),
    ];
    return { cert: openssl('x509', '-req', '-in', request, ...signer, ...rest).toString(), key: own };
  }

  /**
   * @returns openssl's complaint, '' when it accepts the chain
   * @param chain PEM: the certificate, then what the server sends with it
   */
  function verify(chain: string[], root: string, ...args: string[]): string {
    const [leaf = '', ...others] = chain;
    const sent = others.length > 0 ? ['-untrusted', file(others.join(''))] : [];
    const strict = ['-x509_strict', '-purpose', 'sslserver', '-no-CApath', '-no-CAstore'];
    const { ok, text } = run(['verify', ...strict, '-CAfile', file(root), ...sent, ...args, file(leaf)]);
    return ok ? '' : text;
  }

  const config = file('[req]\ndistinguished_name=name\nstring_mask=utf8only\nutf8=yes\n[name]\n', 'req.cnf');
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  return { dir, file, make, openssl, verify };
}

/** A small generator of numbers (mulberry32), so that a property test fails the same way twice. */
export function random(seed: number) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  const pick = <T>(from: ArrayLike<T>): T => from[below(from.length)] as T;
  return { below, pick };
}
