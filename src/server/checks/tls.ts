// Real handshakes with what was just started: the registry loads its pair once, at its start, so the files prove nothing.
import { X509Certificate } from 'node:crypto';
import type { Site } from '../../certificates/site.ts';
import { splitPem } from '../../certificates/split.ts';
import { CliError } from '../../errors.ts';
import { handshake } from '../../registry/handshake.ts';
import type { Endpoint } from '../../registry/http.ts';

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
