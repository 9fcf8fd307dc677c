// Real handshakes with what was just started: the registry loads its pair once, at its start, so the files prove nothing.
import { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { CliError } from './errors.ts';
import { type Endpoint, identity } from './registry.ts';
import { type Site, splitPem } from './site.ts';

const LIMIT = 5_000;

export interface Handshake {
  /** Of the certificate on the wire, `AA:BB:…`. */
  fingerprint: string;
  /** Why a client that trusts these roots would refuse; undefined where it would not. */
  refused: string | undefined;
}

/**
 * One handshake, as a client that calls the registry `name` and trusts `ca` alone.
 * @throws the socket's own error where there is no TLS at all
 */
export function handshake(at: Endpoint, name: string, ca: string[] | undefined): Promise<Handshake> {
  return new Promise((resolve, reject) => {
    const { checkServerIdentity, ...rest } = identity(name, ca);
    // The certificate is looked at either way: a refusal is an answer here.
    const options = {
      ...rest,
      host: at.connectTo ?? at.host,
      port: at.port,
      rejectUnauthorized: false,
      timeout: LIMIT,
    };
    const socket = connect(options, () => {
      const raw = socket.getPeerCertificate();
      const fault = socket.authorized ? checkServerIdentity(name, raw) : socket.authorizationError;
      resolve({
        fingerprint: new X509Certificate(raw.raw).fingerprint256,
        refused: fault instanceof Error ? fault.message : fault ? String(fault) : undefined,
      });
      socket.destroy();
    });
    socket.on('timeout', () => socket.destroy(new Error('no answer')));
    socket.on('error', reject);
  });
}

/** The names of the certificate that a test can call it by; a wildcard stands for none of them. */
function callable(leaf: string): string[] {
  const names = new X509Certificate(leaf).subjectAltName?.split(', ') ?? [];
  return names.map((name) => name.replace(/^(DNS|IP Address):/, '')).filter((name) => !name.startsWith('*'));
}

/** Serves the certificate of the file, and is trusted under every name in it with what clients are given. */
export async function checkTls(site: Site, servers: Endpoint[]): Promise<string> {
  const [leaf = ''] = splitPem(site.chain);
  const wanted = new X509Certificate(leaf).fingerprint256;
  // With each root alone: while a CA is being replaced, some clients have the one and some the other.
  const trust = site.publicCa ? [undefined] : site.roots.map((root) => [root]);
  const names = callable(leaf);
  const calls = servers.flatMap((at) => trust.flatMap((ca) => names.map((name) => ({ at, ca, name }))));
  await Promise.all(
    calls.map(async ({ at, ca, name }) => {
      const { fingerprint, refused } = await handshake(at, name, ca).catch((error: Error) => {
        throw new CliError(`Nothing answers over TLS on ${at.host}:${at.port}.`, { why: error.message });
      });
      if (fingerprint !== wanted)
        throw new CliError('The registry serves another certificate than the one in its directory.', {
          why: `on the wire: ${fingerprint}\nin the file: ${wanted}`,
        });
      if (refused)
        throw new CliError(`A client that calls the registry ${name} would refuse it.`, { why: refused });
    }),
  );
  return `Trusted over TLS under ${names.length === 1 ? 'its name' : `its ${names.length} names`}`;
}
