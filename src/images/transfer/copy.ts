// Copies an image from a repository to another, of the same registry or of another one: as a stream, without a file in between.
import { type Blob, blobBytes } from '../../registry/blobs.ts';
import { uploadBlob } from '../../registry/uploads.ts';
import { inLanes } from '../lanes.ts';
import { attach, type SentAlong } from './attach.ts';
import type { Attached } from './attached.ts';
import { missingBlobs, pushManifests, pushTag } from './push.ts';
import { reading, writing } from './trouble.ts';
import { type Document, documentIn, type Place, sizeOf, type WholeImage, wholeImage } from './whole.ts';

export interface CopyPlan {
  source: Place;
  target: Place & { tag: string };
  image: WholeImage;
  /** The tag stands for this image already. */
  isThere: boolean;
  /** Blobs that the target lacks. */
  missing: Blob[];
  /** Both are in one registry: it takes blobs from the other repository without sending them. */
  mounts: boolean;
}

/** Finds out what is to be sent. @throws CliError */
export async function planCopy(
  source: Place,
  top: Document,
  target: Place & { tag: string },
): Promise<CopyPlan> {
  const [image, there] = await Promise.all([
    reading(source.session, source.repository, () => wholeImage(source.session, source.repository, top)),
    // A login that may only push is told when it pushes.
    documentIn(target.session, target.repository, target.tag).catch(() => undefined),
  ]);
  const isThere = there?.digest === top.digest;
  const missing = isThere
    ? []
    : await writing(target.session, target.repository, () =>
        missingBlobs(target.session, target.repository, image.blobs),
      );
  const mounts = source.session.name === target.session.name;
  return { source, target, image, isThere, missing, mounts };
}

/** What came of it. */
export interface Sent {
  blobs: number;
  bytes: number;
  mounted: number;
}

/**
 * Sends what is missing.
 * @param told of the bytes that are sent, and of all that there are
 * @throws CliError
 */
export async function carryOutCopy(
  { source, target, image, isThere, missing, mounts }: CopyPlan,
  told: (done: number, of: number) => void = () => {},
): Promise<Sent> {
  const sent: Sent = { blobs: 0, bytes: 0, mounted: 0 };
  if (isThere) return sent;
  const { session, repository, tag } = target;
  const all = sizeOf(missing);
  let done = 0;
  await writing(session, repository, async () => {
    await sendBlobs({ source, target, mounts }, missing, sent, (count) => {
      done += count;
      told(done, all);
    });
    await pushManifests(session, repository, image);
    await pushTag(session, repository, tag, image.top);
  });
  return sent;
}

type Way = Pick<CopyPlan, 'source' | 'mounts'> & { target: Place };

/** Sends blobs, and counts them. @param told of bytes that were sent; of fewer than none if they must be sent again */
async function sendBlobs(
  { source, target: { session, repository }, mounts }: Way,
  blobs: Blob[],
  sent: Sent,
  told?: (count: number) => void,
): Promise<void> {
  await inLanes(blobs, session.signal, async (blob, signal) => {
    const bytes = (from: number) =>
      readThrough(source, blobBytes(source.session, source.repository, blob, { from, signal }));
    const mountFrom = mounts && repository !== source.repository ? source.repository : undefined;
    const how = await uploadBlob(session, repository, blob, { bytes }, { mountFrom, signal, told });
    if (how === 'mounted') sent.mounted++;
    else {
      sent.blobs++;
      sent.bytes += blob.size;
    }
  });
}

/** Copies what is attached to an image that is there. @throws CliError */
export async function copyAttached(
  { source, target, mounts }: Way,
  attached: Attached[],
): Promise<SentAlong & Sent> {
  const sent: Sent = { blobs: 0, bytes: 0, mounted: 0 };
  const { session, repository } = target;
  const along = await attach(target, attached, async ({ blobs }) => {
    const missing = await missingBlobs(session, repository, blobs);
    await sendBlobs({ source, target, mounts }, missing, sent);
  });
  return { ...sent, ...along };
}

/** Yields the bytes of the source; its refusals are not those of the target. */
async function* readThrough({ session, repository }: Place, bytes: AsyncGenerator<Buffer>) {
  try {
    for (;;) {
      const { done, value } = await reading(session, repository, () => bytes.next());
      if (done) return;
      yield value;
    }
  } finally {
    await bytes.return(undefined);
  }
}
