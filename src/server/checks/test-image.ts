// Makes a tiny image for the proof, pushes, pulls and deletes it. Its bytes are random, so that it can be nobody else's.
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
  /** `registry-setup-check-3f…`, below a prefix if a reader sees nothing else. */
  repository: string;
  config: string;
  layer: string;
  manifest: string;
}

/** Returns a new name, which a test image has in the registry for a moment. */
export const testName = (): string => `registry-setup-check-${randomBytes(6).toString('hex')}`;

/** Makes an image in memory. @param repository the name that it will have in the registry */
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

/** Writes a test image to the journal before it is pushed; resolves when that is on disk. */
export type Remember = (image: TestImage) => Promise<void>;

/** Pushes the blobs, then the manifest. @throws Error with the registry's refusal */
export async function pushImage(at: Endpoint, image: TestImage, credentials?: Credentials): Promise<void> {
  const { repository, config, layer, manifest } = image;
  // Waits for both even if one fails: the cleanup that follows removes what the registry has written.
  const pushed = await Promise.allSettled(
    [config, layer].map((content) => pushBlob(at, repository, content, credentials)),
  );
  for (const one of pushed) if (one.status === 'rejected') throw one.reason;
  await pushManifest(at, repository, TAG, manifest, credentials);
}

/** Pulls the image. @throws Error if it does not come back as it was pushed */
export async function pullImage(at: Endpoint, image: TestImage, credentials?: Credentials): Promise<void> {
  const { repository, layer, manifest } = image;
  const pulled = await pullManifest(at, repository, TAG, credentials);
  if (pulled !== manifest || (await pullBlob(at, repository, digest(layer), credentials)) !== layer)
    throw new Error('what came back is not what was sent');
}

/** Deletes the image. @throws Error if it is not deleted, or is deleted although deletion is switched off */
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

/** Returns the undo step of a push. The journal has it before the push, so that it says what a killed run has left. */
export const traceOf = (
  storage: string,
  { repository, config, layer, manifest }: TestImage,
): TestImageStep => ({
  do: 'testImage',
  storage,
  repository,
  digests: [config, layer, manifest].map((content) => digest(content).slice('sha256:'.length)),
});

/** Removes what a registry keeps of a test image. */
export const sweepImage = (storage: string, image: TestImage, host: Host): Promise<void> =>
  sweep(traceOf(storage, image), host);
