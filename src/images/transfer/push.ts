// Pushes an image: its blobs, then its manifests from the inside out, the tag last, and looks at what is there then.
import { CliError } from '../../errors.ts';
import { type Blob, hasBlob } from '../../registry/blobs.ts';
import { Refused } from '../../registry/contents.ts';
import { Passing, patiently, waitOf } from '../../registry/patience.ts';
import type { Session } from '../../registry/session.ts';
import { shown } from '../../terminal/visible.ts';
import { inLanes } from '../lanes.ts';
import { type Document, documentIn, type WholeImage } from './whole.ts';

/** Asks a registry which blobs of a repository it has. */
export async function missingBlobs(session: Session, repository: string, blobs: Blob[]): Promise<Blob[]> {
  const missing = new Set<Blob>();
  await inLanes(blobs, session.signal, async (blob, signal) => {
    if (!(await hasBlob(session, repository, blob, signal))) missing.add(blob);
  });
  return blobs.filter((blob) => missing.has(blob));
}

/** Pushes the manifests of an image whose blobs are there. @throws Refused; CliError if the digest is another one then */
export async function pushManifests(
  session: Session,
  repository: string,
  { documents }: WholeImage,
): Promise<void> {
  for (const document of documents) await putManifest(session, repository, document.digest, document);
}

/** Gives an image that is there a tag. @throws as pushManifests */
export async function pushTag(
  session: Session,
  repository: string,
  tag: string,
  top: Document,
): Promise<void> {
  await putManifest(session, repository, tag, top);
  const there = await documentIn(session, repository, tag);
  if (there?.digest === top.digest) return;
  throw new CliError(`${session.name} has another image under ${repository}:${tag} than was sent.`, {
    why: there ? `Sent: ${top.digest}\nThere: ${there.digest}` : 'The tag is not there.',
    fix: 'Somebody may have pushed at the same time. Run it again.',
  });
}

async function putManifest(
  session: Session,
  repository: string,
  reference: string,
  { type, body }: Document,
): Promise<void> {
  const path = `/v2/${repository}/manifests/${reference}`;
  if (!/^[\w.+-]+\/[\w.+-]+$/.test(type))
    throw new CliError(`A manifest of ${repository} is of no kind that a registry takes: ${shown(type)}`);
  await patiently(session.name, session.signal, async () => {
    const reply = await session.request('PUT', path, {
      body,
      headers: { 'content-type': type },
      timeout: 60_000,
    });
    const wait = waitOf(reply);
    if (wait !== undefined) throw new Passing(`${session.name} answers ${reply.status}`, wait);
    if (reply.status !== 201) throw new Refused(session, `take ${repository}:${reference}`, reply);
  });
}
