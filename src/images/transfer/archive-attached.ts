// Finds what is attached to the images of an archive: by the tags that a registry has for it, as regclient writes it, too; or by the
// `subject` of a manifest without a name, as oras writes it.
import { TarError } from '../../host/tar.ts';
import { attachedTag } from '../attached-tag.ts';
import { type Attached, type Descriptor, referrersIn } from './attached.ts';
import { type Document, imageOf, MANIFESTS } from './whole.ts';

/** An entry of the index of an archive. */
export interface Entry {
  digest: string;
  /** A tag without the name of an image, if that is all it has. */
  tag: string | undefined;
  isNamed: boolean;
}

/** That an entry of the index attaches something to an image. */
interface Claim extends Pick<Attached, 'to' | 'by'> {
  entry: Entry;
  digest: string;
}

export interface Sorted<T extends Entry> {
  /** The entries that are attached to none of the others. */
  images: T[];
  /** What is attached to an image, to its parts, and to what is attached. */
  attachedTo(documents: Document[]): Attached[];
}

/**
 * Tells the images of an archive from what is attached to them.
 * @param known every manifest that the archive holds, by digest
 * @param isWhole says whether the archive holds everything that a manifest needs; what is not whole is left out
 * @throws TarError
 */
export function sortEntries<T extends Entry>(
  entries: T[],
  known: ReadonlyMap<string, Document>,
  isWhole: (digest: string) => boolean,
): Sorted<T> {
  const claims = new Map<string, Claim[]>();
  const claiming = new Set<Entry>();
  for (const claim of entries.flatMap((entry) => claimsOf(entry, known.get(entry.digest)))) {
    claims.set(claim.to, [...(claims.get(claim.to) ?? []), claim]);
    claiming.add(claim.entry);
  }
  const found = (documents: Document[]): Claim[] => {
    const all = new Map<string, Claim>();
    let level = documents;
    while (level.length > 0) {
      const fresh = level
        .flatMap(({ digest }) => claims.get(digest) ?? [])
        .filter((claim) => !all.has(keyOf(claim)) && isWhole(claim.digest));
      for (const claim of fresh) all.set(keyOf(claim), claim);
      if (all.size > MANIFESTS) throw new TarError('More is attached to its images than any image has.');
      level = fresh.flatMap(({ digest }) => documentsOf(digest));
    }
    return [...all.values()];
  };
  const documentsOf = (digest: string): Document[] => {
    const top = known.get(digest);
    return top ? imageOf(top, known).documents : [];
  };
  const roots = entries.filter((entry) => !claiming.has(entry));
  const attached = new Set<Entry>(
    found(roots.flatMap(({ digest }) => documentsOf(digest))).map(({ entry }) => entry),
  );
  return {
    images: entries.filter((entry) => !attached.has(entry)),
    attachedTo: (documents) =>
      found(documents).flatMap(({ to, by, digest }) => {
        const top = known.get(digest);
        return top ? [{ to, by, image: imageOf(top, known) }] : [];
      }),
  };
}

const keyOf = ({ to, by }: Claim): string => ('tag' in by ? by.tag : `${to} ${by.descriptor.digest}`);

function claimsOf(entry: Entry, document: Document | undefined): Claim[] {
  if (!document || entry.isNamed) return [];
  const { digest } = document;
  const said = entry.tag === undefined ? undefined : attachedTag(entry.tag);
  if (said?.list)
    return referrersIn(document.body).map((descriptor) => ({
      entry,
      to: said.to,
      by: { descriptor },
      digest: descriptor.digest,
    }));
  if (said) return [{ entry, to: said.to, by: { tag: said.tag }, digest }];
  const { subject } = document.manifest;
  return entry.tag === undefined && subject !== undefined
    ? [{ entry, to: subject, by: { descriptor: descriptorOf(document) }, digest }]
    : [];
}

/** Returns how a list of referrers names a manifest. (distribution-spec, "Listing Referrers") */
const descriptorOf = ({ digest, type, body, manifest }: Document): Descriptor => ({
  mediaType: type,
  digest,
  size: body.length,
  ...(manifest.holds !== undefined && { artifactType: manifest.holds }),
  ...(Object.keys(manifest.annotations).length > 0 && { annotations: manifest.annotations }),
});
