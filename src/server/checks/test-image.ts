// A tiny image for the proof: made of random bytes, so that it can be nobody else's, and swept up exactly.
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import type { Host } from '../../host/host.ts';
import {
  deleteManifest,
  digest,
  MANIFEST_TYPE,
  pullBlob,
  pullManifest,
  pushBlob,
  pushManifest,
} from '../../registry/api.ts';
import type { Credentials, Endpoint } from '../../registry/http.ts';

export interface TestImage {
  /** `registry-setup-check-3f…`, below a prefix where a reader sees nothing else. */
  repository: string;
  config: string;
  layer: string;
  manifest: string;
}

export const TAG = 'check';
/** The name that a test image has in the registry for a moment. */
export const testName = (): string => `registry-setup-check-${randomBytes(6).toString('hex')}`;

export function makeTestImage(repository = testName()): TestImage {
  const rootfs = { type: 'layers', diff_ids: [] };
  const config = JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs, made: testName() });
  const layer = randomBytes(32).toString('hex');
  const blob = (mediaType: string, content: string) => ({
    mediaType,
    digest: digest(content),
    size: content.length,
  });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: blob('application/vnd.oci.image.config.v1+json', config),
    layers: [blob('application/vnd.oci.image.layer.v1.tar', layer)],
  });
  return { repository, config, layer, manifest };
}

export async function pushImage(at: Endpoint, image: TestImage, credentials?: Credentials): Promise<void> {
  const { repository, config, layer, manifest } = image;
  await Promise.all([config, layer].map((content) => pushBlob(at, repository, content, credentials)));
  await pushManifest(at, repository, TAG, manifest, credentials);
}

/** @throws Error where it does not come back as it was pushed */
export async function pullImage(at: Endpoint, image: TestImage, credentials?: Credentials): Promise<void> {
  const { repository, layer, manifest } = image;
  const pulled = await pullManifest(at, repository, TAG, credentials);
  if (pulled !== manifest || (await pullBlob(at, repository, digest(layer), credentials)) !== layer)
    throw new Error('what came back is not what was sent');
}

/** @throws Error where it is not deleted, or deleted although deletion is switched off */
export async function deleteImage(
  at: Endpoint,
  image: TestImage,
  allowed: boolean,
  credentials?: Credentials,
) {
  const { status } = await deleteManifest(at, image.repository, digest(image.manifest), credentials);
  const wanted = allowed ? 202 : 405;
  if (status !== wanted)
    throw new Error(`delete: the registry answers ${status}, and should answer ${wanted}`);
}

/**
 * The registry forgets a deleted image and keeps its name in the catalog and its bytes on the disk. Both go here, by their exact
 * names: the repository's name and the digests are random, so that they can be nobody else's.
 * (Layout: github.com/distribution/distribution/blob/main/registry/storage/paths.go)
 */
export async function sweepImage(storage: string, image: TestImage, host: Host): Promise<void> {
  const { repository, config, layer, manifest } = image;
  const digests = [config, layer, manifest].map((content) => digest(content).slice('sha256:'.length));
  await sweep(storage, repository, digests, host);
}

/** @param digests in hexadecimal, without their algorithm */
async function sweep(storage: string, repository: string, digests: string[], host: Host): Promise<void> {
  const root = join(storage, 'docker/registry/v2');
  await host.removeTree(join(root, 'repositories', repository));
  // Folders of the way there that nobody else uses: `team` of `team/registry-setup-check-…`.
  for (let path = dirname(repository); path !== '.'; path = dirname(path))
    await host.rmdir(join(root, 'repositories', path));
  for (const hex of digests) {
    await host.removeTree(join(root, 'blobs/sha256', hex.slice(0, 2), hex));
    await host.rmdir(join(root, 'blobs/sha256', hex.slice(0, 2)));
  }
  // What a set-up that is undone, or an empty registry that is removed, would leave behind.
  for (const empty of ['blobs/sha256', 'blobs', 'repositories', '', '..', '../..'])
    await host.rmdir(join(root, empty));
}

const LEFTOVER = /^registry-setup-check-[0-9a-f]{12}$/;

/** Sweeps up after a proof that was killed in the middle: what is left of a test image, by its name and by the digests in it. */
export async function sweepLeftovers(storage: string, host: Host): Promise<void> {
  const root = join(storage, 'docker/registry/v2');
  const names = (await host.list(join(root, 'repositories'))).filter((name) => LEFTOVER.test(name));
  for (const name of names) {
    const parts = ['_layers/sha256', '_manifests/revisions/sha256'];
    const found = await Promise.all(parts.map((part) => host.list(join(root, 'repositories', name, part))));
    await sweep(storage, name, found.flat(), host);
  }
}
