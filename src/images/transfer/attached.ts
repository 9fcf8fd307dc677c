// What is attached to an image: signatures, attestations, lists of what is in it. They go along with it.
// (distribution-spec, "Listing Referrers" and "Referrers Tag Schema"; cosign names its tags sha256-HEX.sig, .att, .sbom)
import { digest } from '../../registry/api.ts';
import { Refused, tagsOf } from '../../registry/contents.ts';
import { patiently } from '../../registry/patience.ts';
import { type AttachedTag, attachedTag } from '../attached-tag.ts';
import {
  type Document,
  documentIn,
  documentOf,
  MANIFESTS,
  type Place,
  type WholeImage,
  wholeImage,
} from './whole.ts';

/** Something that refers to an image, as a list of referrers names it: type, digest, size, what kind of thing it is. */
export interface Descriptor {
  digest: string;
  [key: string]: unknown;
}

export interface Attached {
  /** The digest of the manifest that it is attached to. */
  to: string;
  image: WholeImage;
  /** How it is found: by a tag of its own, or in the list of referrers. */
  by: { tag: string } | { descriptor: Descriptor };
}

const INDEX = 'application/vnd.oci.image.index.v1+json';

/** Returns the tag of the list of referrers, where a registry has no API for it. */
export const listTag = (of: string): string => of.replace(':', '-');

const isDescriptor = (value: unknown): value is Descriptor =>
  /^sha256:[0-9a-f]{64}$/.test(String((value as Partial<Descriptor> | null)?.digest));

/** Returns the referrers in a list; none if it is not one. */
export function referrersIn(body: Buffer): Descriptor[] {
  try {
    const { manifests } = JSON.parse(body.toString()) as { manifests?: unknown };
    return Array.isArray(manifests) ? manifests.filter(isDescriptor) : [];
  } catch {
    return [];
  }
}

/** Asks the registry itself; undefined if it has no such list. @throws as patiently */
export async function askReferrers(
  { session, repository }: Place,
  of: string,
): Promise<Descriptor[] | undefined> {
  const path = `/v2/${repository}/referrers/${of}`;
  const { status, body } = await patiently(session.name, session.signal, () => session.request('GET', path));
  return status === 200 ? referrersIn(body) : undefined;
}

/** Returns the tags of a repository that say what they are attached to; none where the registry lists none. */
async function attachedTags({ session, repository }: Place): Promise<AttachedTag[]> {
  const all = await patiently(session.name, session.signal, () => tagsOf(session, repository)).catch(
    (error) => {
      if (error instanceof Refused) return [];
      throw error;
    },
  );
  return all.flatMap((tag) => attachedTag(tag) ?? []);
}

/**
 * Returns everything that is attached to an image, to its parts, and to what is attached. What a list names and the registry does not
 * hold is left out: it was removed.
 * @throws as wholeImage
 */
export async function attachedTo(source: Place, image: WholeImage): Promise<Attached[]> {
  const { session, repository } = source;
  const tags = await attachedTags(source);
  const found = new Map<string, Attached>();
  let hasApi = true;
  const whole = async (reference: string): Promise<WholeImage | undefined> => {
    const top = await documentIn(session, repository, reference);
    return top && wholeImage(session, repository, top);
  };
  const add = async (to: string, by: Attached['by']): Promise<Attached[]> => {
    const key = 'tag' in by ? by.tag : `${to} ${by.descriptor.digest}`;
    if (found.has(key) || found.size >= MANIFESTS) return [];
    const image = await whole('tag' in by ? by.tag : by.descriptor.digest);
    if (!image) return [];
    const one = { to, image, by };
    found.set(key, one);
    return [one];
  };
  let level = image.documents.map((document) => document.digest);
  while (level.length > 0) {
    const next: string[] = [];
    for (const to of level) {
      const listed: Descriptor[] | undefined = hasApi ? await askReferrers(source, to) : undefined;
      hasApi = listed !== undefined;
      const list = tags.find((one) => one.to === to && one.list);
      const kept = list && (await documentIn(session, repository, list.tag));
      const all = [...(listed ?? []), ...(kept ? referrersIn(kept.body) : [])];
      const by: Attached['by'][] = [
        ...all.map((descriptor) => ({ descriptor })),
        ...tags.filter((one) => one.to === to && !one.list).map(({ tag }) => ({ tag })),
      ];
      for (const one of by)
        next.push(
          ...(await add(to, one)).flatMap(({ image: { documents } }) => documents.map((d) => d.digest)),
        );
    }
    level = next;
  }
  return [...found.values()];
}

/** Makes a list of referrers. */
export function referrersList(descriptors: Descriptor[]): Document {
  const body = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: descriptors }));
  return documentOf({ digest: digest(body), type: INDEX, body });
}

/** Returns a name for it: what it says that it holds, or its tag. */
export const nameOfAttached = ({ image, by }: Attached): string =>
  'tag' in by ? by.tag : (image.top.manifest.holds ?? image.top.digest);
