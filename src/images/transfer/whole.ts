// A whole image: its manifest, all manifests below it, and the blobs that they need.
import { CliError } from '../../errors.ts';
import type { Blob } from '../../registry/blobs.ts';
import { manifestOf, type RawManifest } from '../../registry/contents.ts';
import { patiently } from '../../registry/patience.ts';
import type { Session } from '../../registry/session.ts';
import { inLanes } from '../lanes.ts';
import { type Manifest, readManifest } from '../manifest.ts';

/** A repository of a registry: the source or the target of a copy. */
export interface Place {
  session: Session;
  repository: string;
}

/** A manifest, with its bytes. */
export interface Document extends RawManifest {
  manifest: Manifest;
}

export interface WholeImage {
  top: Document;
  /** What an index refers to comes before it; the last one is the top. */
  documents: Document[];
  /** Configurations and layers, each once; without those that no registry holds. */
  blobs: Blob[];
}

/** How many levels of indexes are read; an image has one or two. */
export const DEPTH = 4;
/** Manifests of one image: more than every platform and its attestation, and bytes of all of them. */
export const MANIFESTS = 1_000;
export const MANIFEST_BYTES = 64_000_000;

/** Reads a manifest. Its kind is what it says itself: registries compare that with what a client says. */
export function documentOf(raw: RawManifest): Document {
  const manifest = readManifest(raw);
  return { ...raw, type: manifest.type, manifest };
}

/** Returns a manifest with its bytes; undefined if there is none. @throws Refused; CliError; as patiently */
export async function documentIn(
  session: Session,
  repository: string,
  reference: string,
  signal = session.signal,
): Promise<Document | undefined> {
  const raw = await patiently(session.name, signal, () => manifestOf(session, repository, reference));
  return raw && documentOf(raw);
}

/** Reads all manifests of an image. @throws CliError if one is missing, or if there are too many; as documentIn */
export async function wholeImage(session: Session, repository: string, top: Document): Promise<WholeImage> {
  const known = new Map([[top.digest, top]]);
  let level = [top];
  let size = top.body.length;
  for (let depth = 0; level.length > 0; depth++) {
    const below = [
      ...new Set(level.flatMap(({ manifest }) => manifest.children.map(({ digest }) => digest))),
    ];
    const unknown = below.filter((digest) => !known.has(digest));
    if (depth === DEPTH && unknown.length > 0) throw tooMuch(session.name, repository);
    if (known.size + unknown.length > MANIFESTS) throw tooMuch(session.name, repository);
    const found: Document[] = [];
    await inLanes(unknown, session.signal, async (digest, signal) => {
      const document = await documentIn(session, repository, digest, signal);
      if (!document) throw notWhole(session.name, repository, digest);
      size += document.body.length;
      if (size > MANIFEST_BYTES) throw tooMuch(session.name, repository);
      found.push(document);
    });
    for (const document of found) known.set(document.digest, document);
    level = found;
  }
  return imageOf(top, known);
}

/** Puts an image together. @param known every manifest of it, by digest */
export function imageOf(top: Document, known: ReadonlyMap<string, Document>): WholeImage {
  const ordered = new Map<string, Document>();
  const add = (document: Document) => {
    for (const { digest } of document.manifest.children) {
      const child = known.get(digest);
      if (child && !ordered.has(digest)) add(child);
    }
    ordered.set(document.digest, document);
  };
  add(top);
  const documents = [...ordered.values()];
  const blobs = new Map<string, Blob>();
  for (const { manifest } of documents) for (const blob of blobsOf(manifest)) blobs.set(blob.digest, blob);
  return { top, documents, blobs: [...blobs.values()] };
}

/** Returns the blobs that a manifest needs in a registry. */
export const blobsOf = ({ config, layers }: Manifest): Blob[] =>
  [...(config ? [config] : []), ...layers].flatMap(({ digest, size, foreign }) =>
    foreign ? [] : [{ digest, size }],
  );

/** Returns the platforms of an image, as its index tells them. */
export const platformsIn = ({ documents }: WholeImage): string[] => [
  ...new Set(
    documents.flatMap(({ manifest }) => manifest.children.flatMap(({ platform }) => platform ?? [])),
  ),
];

/** Returns bytes. */
export const sizeOf = (parts: { size: number }[]): number => parts.reduce((sum, { size }) => sum + size, 0);

const notWhole = (name: string, repository: string, digest: string) =>
  new CliError(`The image is not whole: ${name} does not hold ${repository}@${digest}.`, {
    why: 'Its index refers to it.',
  });

const tooMuch = (name: string, repository: string) =>
  new CliError(`An index of ${repository} in ${name} refers to more than any image has.`);
