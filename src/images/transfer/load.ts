// Sends what an archive holds to a registry: the archive is read through once, and again only if a connection broke.
import { createHash } from 'node:crypto';
import type { Host } from '../../host/host.ts';
import { chunksOf, type Member, TarError, withTar } from '../../host/tar.ts';
import type { Blob } from '../../registry/blobs.ts';
import { patience } from '../../registry/patience.ts';
import type { Session } from '../../registry/session.ts';
import { uploadBlob } from '../../registry/uploads.ts';
import { blobsOfHeld, type Contents, type Held, SENDING } from './archive-contents.ts';
import { attach, type SentAlong } from './attach.ts';
import type { Sent } from './copy.ts';
import { missingBlobs, pushManifests, pushTag } from './push.ts';
import { writing } from './trouble.ts';
import { sizeOf } from './whole.ts';

/** An image, and the names that it gets. */
export interface Wanted {
  held: Held;
  targets: { repository: string; tag: string }[];
}

/** A blob that a repository lacks. */
interface Lack {
  repository: string;
  blob: Blob;
}

export interface LoadPlan {
  wanted: Wanted[];
  lacks: Lack[];
}

/** Finds out what is to be sent. @throws CliError */
export async function planLoad(session: Session, wanted: Wanted[]): Promise<LoadPlan> {
  const blobs = new Map<string, Map<string, Blob>>();
  for (const { held, targets } of wanted)
    for (const { repository } of targets) {
      const all = blobs.get(repository) ?? new Map<string, Blob>();
      for (const blob of blobsOfHeld(held)) all.set(blob.digest, blob);
      blobs.set(repository, all);
    }
  const lacks: Lack[] = [];
  for (const [repository, all] of blobs)
    for (const blob of await writing(session, repository, () =>
      missingBlobs(session, repository, [...all.values()]),
    ))
      lacks.push({ repository, blob });
  return { wanted, lacks };
}

/** What came of a load. */
export interface Loaded extends Sent, SentAlong {}

/** Sends what is missing. @param told as carryOutCopy @throws TarError; CliError */
export async function carryOutLoad(
  host: Host,
  path: string,
  session: Session,
  { files }: Contents,
  { wanted, lacks }: LoadPlan,
  told: (done: number, of: number) => void = () => {},
): Promise<Loaded> {
  const sent: Sent = { blobs: 0, bytes: 0, mounted: 0 };
  const left = new Set(lacks);
  const all = sizeOf(lacks.map(({ blob }) => blob));
  let done = 0;
  const count = (bytes: number) => {
    done += bytes;
    told(done, all);
  };
  const patient = patience(session.name, session.signal);
  while (left.size > 0) {
    const before = left.size;
    try {
      await withTar(
        host,
        path,
        async ({ members }) => {
          for await (const member of members) {
            const blob = member.type === 'file' ? files.get(member.name) : undefined;
            if (blob) await sendMember(member, blob);
            if (left.size === 0) return;
          }
        },
        SENDING,
      );
      if (left.size === before) throw new TarError('It has changed while it was read.');
    } catch (error) {
      await patient.failed(error);
    }
  }
  const along: SentAlong[] = [];
  for (const { held, targets } of wanted) along.push(...(await pushHeld(session, held, targets)));
  return {
    ...sent,
    names: along.flatMap(({ names }) => names),
    stay: along.flatMap(({ stay }) => stay),
  };

  /** Sends a blob to the first repository that lacks it; the others take it from there. */
  async function sendMember(member: Member, blob: Blob): Promise<void> {
    const lacking = [...left].filter((lack) => lack.blob.digest === blob.digest);
    const [first, ...others] = lacking;
    if (!first) return;
    const source = { bytes: () => verified(member, blob), once: true as const };
    await writing(session, first.repository, () =>
      uploadBlob(session, first.repository, blob, source, { told: count }),
    );
    sent.blobs++;
    sent.bytes += blob.size;
    finish(first);
    for (const other of others) {
      const options = { mountFrom: first.repository };
      const how = await writing(session, other.repository, () =>
        uploadBlob(session, other.repository, blob, undefined, options),
      );
      // What cannot be mounted is sent by the next pass.
      if (how === undefined) continue;
      sent.mounted++;
      count(blob.size);
      finish(other);
    }
  }

  function finish(lack: Lack): void {
    left.delete(lack);
    patient.progress();
  }
}

/** Yields the bytes of a file in the archive. @throws TarError if they are not those of the blob */
async function* verified({ name, body }: Member, { digest }: Blob): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  for await (const chunk of chunksOf(body)) {
    hash.update(chunk);
    yield chunk;
  }
  if (`sha256:${hash.digest('hex')}` !== digest)
    throw new TarError(`${name} does not have the digest that its name or its list says.`);
}

/** Pushes an image whose blobs are there, and attaches what goes along with it. */
async function pushHeld(
  session: Session,
  { image, attached }: Held,
  targets: Wanted['targets'],
): Promise<SentAlong[]> {
  const repositories = [...new Set(targets.map((target) => target.repository))];
  for (const repository of repositories)
    await writing(session, repository, () => pushManifests(session, repository, image));
  for (const { repository, tag } of targets)
    await writing(session, repository, () => pushTag(session, repository, tag, image.top));
  const along: SentAlong[] = [];
  for (const repository of repositories)
    along.push(await attach({ session, repository }, attached, async () => {}));
  return along;
}
