// Pushes a tiny image through the right of a server, pulls it, and removes it.
import { CliError } from '../../../errors.ts';
import type { Host } from '../../../host/host.ts';
import type { Run } from '../../../reconcile/run.ts';
import { digest, MANIFEST_TYPE } from '../../../registry/api.ts';
import { smallBlob } from '../../../registry/blobs.ts';
import { manifestOf, Refused } from '../../../registry/contents.ts';
import type { Session } from '../../../registry/session.ts';
import { uploadBlob } from '../../../registry/uploads.ts';
import { TAG } from '../../../resources/sweep.ts';
import type { Settings } from '../../../settings/settings.ts';
import { makeTestImage, sweepImage, traceOf } from '../../checks/test-image.ts';

/** @throws Refused; CliError if what comes back is not what was sent */
export async function pushOnce(
  session: Session,
  { storage, delete: mayDelete }: Settings,
  host: Host,
  run: Run,
): Promise<void> {
  const image = makeTestImage();
  const { repository, config, layer, manifest } = image;
  const undo = { steps: [traceOf(storage, image)] };
  await run.record({ kind: 'proof', id: repository }, `test image ${repository}`, undo, true);
  try {
    for (const content of [config, layer]) {
      const bytes = Buffer.from(content);
      const source = {
        bytes: async function* (from: number) {
          yield bytes.subarray(from);
        },
      };
      await uploadBlob(session, repository, { digest: digest(bytes), size: bytes.length }, source);
    }
    const path = `/v2/${repository}/manifests/`;
    const put = { body: manifest, headers: { 'content-type': MANIFEST_TYPE } };
    const pushed = await session.request('PUT', `${path}${TAG}`, put);
    if (pushed.status !== 201) throw new Refused(session, 'take a test image', pushed);
    const there = await manifestOf(session, repository, TAG);
    const pulled = await smallBlob(session, repository, digest(layer));
    if (there?.body.toString() !== manifest || pulled?.toString() !== layer)
      throw new CliError('A test image does not come back as it was pushed.');
    const { status } = await session.request('DELETE', `${path}${digest(manifest)}`);
    const wanted = mayDelete ? 202 : 405;
    if (status !== wanted)
      throw new CliError(`The registry answers ${status} to a deletion, and should answer ${wanted}.`);
  } finally {
    await sweepImage(storage, image, host);
  }
}
