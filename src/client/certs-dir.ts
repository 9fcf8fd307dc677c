// certs.d: one directory for each registry, in which every *.crt is a CA. Docker, podman and containerd read it for each connection.
import { X509Certificate } from 'node:crypto';
import { dirname, join } from 'node:path';
import { splitPem } from '../certificates/split.ts';
import type { Host } from '../host/host.ts';
import type { Resource } from '../resources/resource.ts';

const parse = (pem: string): X509Certificate[] => {
  try {
    return [new X509Certificate(pem)];
  } catch {
    return [];
  }
};

/** Returns the certificates in a directory, by file: those of every *.crt, and of every registry-setup-*.pem of a trust store. */
async function installedIn(host: Host, dir: string): Promise<Map<string, X509Certificate[]>> {
  const names = (await host.list(dir)).filter((name) => /\.crt$|^registry-setup-.*\.pem$/.test(name));
  const all = await Promise.all(
    names.map(async (name) => {
      const text = (await host.read(join(dir, name)))?.toString('latin1') ?? '';
      return [name, splitPem(text).flatMap(parse)] as const;
    }),
  );
  return new Map(all);
}

/** Returns every certificate in these directories. */
export async function installedRoots(host: Host, dirs: string[]): Promise<X509Certificate[]> {
  const all = await Promise.all(dirs.map((dir) => installedIn(host, dir)));
  return all.flatMap((files) => [...files.values()].flat());
}

/** Names the first root ca.crt, and the others by their fingerprints, so that several fit in one directory. */
const fileName = ({ fingerprint256 }: X509Certificate, i: number) =>
  i === 0 ? 'ca.crt' : `ca-${fingerprint256.replaceAll(':', '').slice(0, 8).toLowerCase()}.crt`;

/** Returns a directory as a resource, with those of its parents that this program made for another registry. */
export function directory(path: string, made: Set<string>): Resource {
  const shared: string[] = [];
  for (let parent = dirname(path); parent !== dirname(parent); parent = dirname(parent))
    if (made.has(parent)) shared.push(parent);
  return { kind: 'dir', path, mode: 0o755, keep: true, ...(shared.length > 0 && { shared }) };
}

/**
 * Returns the resources that put these roots into a directory of trust.
 * @param base certs.d, or the directory in its place
 * @param name the registry's directory in it
 */
export function trustFiles(
  base: string,
  name: string,
  roots: X509Certificate[],
  made: Set<string>,
): Resource[] {
  const dir = join(base, name);
  const files = roots.map((root, i): Resource => {
    return { kind: 'file', path: join(dir, fileName(root, i)), content: root.toString(), mode: 0o644 };
  });
  return [directory(dir, made), ...files];
}

/** Returns each client certificate (.cert) without its .key: it stops every connection to that registry. */
export async function lonelyCertificates(host: Host, dir: string): Promise<string[]> {
  const names = await host.list(dir);
  return names
    .filter((name) => name.endsWith('.cert') && !names.includes(name.replace(/cert$/, 'key')))
    .map((name) => join(dir, name));
}

/** Returns a warning for each of them. */
export const brokenPairs = async (host: Host, dir: string): Promise<string[]> =>
  (await lonelyCertificates(host, dir)).map(pairText);

/** Returns the warning for a certificate of lonelyCertificates. */
export const pairText = (path: string): string =>
  `${path} has no .key beside it: Docker refuses that registry until the file is removed.`;
