// Proof by use: a program pulls an image that exists, or the registry itself answers that an image does not exist.
import { digest } from '../registry/api.ts';
import { ask, type Credentials, type Endpoint } from '../registry/http.ts';
import type { ClientRequest } from './options.ts';
import type { Pull } from './target.ts';

const MANY = 5;
/** The most compressed bytes to pull for a proof. */
const LITTLE = 10_000_000;
const KINDS = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** Returns the compressed bytes of an image, and its digest; undefined if it is a list for several platforms, or no image. */
async function sizeOf(
  at: Endpoint,
  path: string,
  credentials: Credentials | undefined,
): Promise<{ size: number; digest: string } | undefined> {
  const { status, body } = await ask(at, 'GET', path, { credentials, headers: { accept: KINDS } });
  if (status !== 200) return undefined;
  const { config, layers } = JSON.parse(body.toString()) as {
    config?: { mediaType: string };
    layers?: { size: number }[];
  };
  if (!layers || !/image/.test(config?.mediaType ?? '')) return undefined;
  return { size: layers.reduce((sum, { size }) => sum + size, 0), digest: digest(body) };
}

/** Chooses what to pull: the smallest of a few small images, or one that cannot exist. */
export async function choosePull(
  at: Endpoint,
  { name }: ClientRequest,
  credentials: Credentials | undefined,
): Promise<Pull> {
  const none = `${name}/registry-setup/probe:none`;
  const nothing = { image: none, name: none, exists: false };
  try {
    const { body: list } = await ask(at, 'GET', `/v2/_catalog?n=${MANY}`, { credentials });
    const repositories = (JSON.parse(list.toString()).repositories ?? []) as string[];
    const all = await Promise.all(
      repositories.map(async (repository) => {
        const { status, body } = await ask(at, 'GET', `/v2/${repository}/tags/list?n=1`, { credentials });
        const [tag] = status === 200 ? ((JSON.parse(body.toString()).tags ?? []) as string[]) : [];
        const found = tag && (await sizeOf(at, `/v2/${repository}/manifests/${tag}`, credentials));
        if (!found || found.size > LITTLE) return [];
        return [{ repository: `${name}/${repository}`, tag, ...found }];
      }),
    );
    const [smallest] = all.flat().sort((a, b) => a.size - b.size);
    if (!smallest) return nothing;
    const { repository, tag, digest } = smallest;
    return { image: `${repository}@${digest}`, name: `${repository}:${tag}`, exists: true };
  } catch {
    // In token mode not every user may read the list, and not every registry has one.
    return nothing;
  }
}
