// A tiny image for the proof: made of random bytes, so that it can be nobody else's.
import { randomBytes } from 'node:crypto';
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
import { sweep, TAG, type TestImageStep } from '../../resources/sweep.ts';

export interface TestImage {
  /** `registry-setup-check-3f…`, below a prefix where a reader sees nothing else. */
  repository: string;
  config: string;
  layer: string;
  manifest: string;
}

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

/** Writes a test image to the journal, before it is pushed; returns when that is on disk. */
export type Remember = (image: TestImage) => Promise<void>;

export async function pushImage(at: Endpoint, image: TestImage, credentials?: Credentials): Promise<void> {
  const { repository, config, layer, manifest } = image;
  // Waits for both also if one fails: what follows removes what the registry has written.
  const pushed = await Promise.allSettled(
    [config, layer].map((content) => pushBlob(at, repository, content, credentials)),
  );
  for (const one of pushed) if (one.status === 'rejected') throw one.reason;
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

/** The way back from pushing it, for the journal: written there before the push, it says what a run that is killed has left. */
export const traceOf = (
  storage: string,
  { repository, config, layer, manifest }: TestImage,
): TestImageStep => ({
  do: 'testImage',
  storage,
  repository,
  digests: [config, layer, manifest].map((content) => digest(content).slice('sha256:'.length)),
});

/** Removes what a registry keeps of it. */
export const sweepImage = (storage: string, image: TestImage, host: Host): Promise<void> =>
  sweep(traceOf(storage, image), host);
