// Makes real handshakes with the servers that were just started: the registry loads its pair only at its start, so the files prove nothing.
import { X509Certificate } from 'node:crypto';
import { canonical } from '../../certificates/names.ts';
import type { Site } from '../../certificates/site.ts';
import { splitPem } from '../../certificates/split.ts';
import { CliError } from '../../errors.ts';
import { bare } from '../../host/names.ts';
import { handshake } from '../../registry/handshake.ts';
import type { Endpoint } from '../../registry/http.ts';
import { isFor } from '../../registry/server-identity.ts';
import type { Settings } from '../../settings/settings.ts';
import { commandLine } from '../../terminal/command.ts';

/** Returns the names to call: the one that clients use, and all names in the certificate except wildcards. */
function callable(leaf: X509Certificate, host: string): string[] {
  const names = leaf.subjectAltName?.split(', ').map((name) => name.replace(/^(DNS|IP Address):/, '')) ?? [];
  return [...new Set([bare(host), ...names.filter((name) => isFor(leaf, name))].map(canonical))];
}

/**
 * Checks that the servers serve the certificate of the file, and that clients trust it under every name in it, with the roots that
 * they are given. Returns what was proved, in one line.
 * @throws CliError if not
 */
export async function checkTls(site: Site, servers: Endpoint[], settings: Settings): Promise<string> {
  const chain = splitPem(site.chain);
  const leaf = new X509Certificate(chain[0] ?? '');
  const wanted = leaf.fingerprint256;
  // Tries each root alone: while a CA is being replaced, some clients have the old root and some the new one.
  const trust = site.publicCa ? [undefined] : site.roots.map((root) => [root]);
  const names = callable(leaf, settings.host);
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
      if (!refused) return;
      const { refusalReasons } = await import('../../certificates/refusal.ts');
      throw new CliError(`A client that calls the registry ${name} would refuse it.`, {
        why: refusalReasons(refused, { chain, roots: ca, name }).join('\n'),
        fix: site.outdated?.fix ?? waysOut(refused, settings),
      });
    }),
  );
  return `Trusted over TLS under ${names.length === 1 ? 'its name' : `its ${names.length} names`}`;
}

/** Returns what the user can do: renew a certificate that this program made, or give another file. */
function waysOut(refused: string, { cert, caCert, acme }: Settings): string[] {
  const clock = ['CERT_NOT_YET_VALID', 'CERT_HAS_EXPIRED'].includes(refused)
    ? ['Is the clock of this machine right?   timedatectl']
    : [];
  if (cert) return [...clock, `With a new file:   ${commandLine('--cert FILE --key FILE')}`];
  if (caCert && !acme) return [...clock, `With another CA:   ${commandLine('--ca-cert FILE --ca-key FILE')}`];
  return [...clock, `A new certificate:   ${commandLine('rotate')}`];
}
