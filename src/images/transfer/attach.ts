// Attaches to an image in a registry: signatures, attestations, lists of what is in it.
import {
  type Attached,
  askReferrers,
  type Descriptor,
  listTag,
  nameOfAttached,
  referrersIn,
  referrersList,
} from './attached.ts';
import { pushManifests, pushTag } from './push.ts';
import { writing } from './trouble.ts';
import { type Document, documentIn, type Place, type WholeImage } from './whole.ts';

/** What came of what is attached to an image. */
export interface SentAlong {
  /** What the target has now and did not have. */
  names: string[];
  /** Tags that stand for something else in the target, and stay as they are. */
  stay: string[];
}

/**
 * Attaches to an image that is there: first the things, then what they are found by.
 * @param send brings the blobs of one of them to the target
 * @throws CliError
 */
export async function attach(
  target: Place,
  attached: Attached[],
  send: (image: WholeImage) => Promise<void>,
): Promise<SentAlong> {
  const along: SentAlong = { names: [], stay: [] };
  const { session, repository } = target;
  const lists = new Map<string, Descriptor[]>();
  await writing(session, repository, async () => {
    for (const one of attached) {
      const { image, by, to } = one;
      const reference = 'tag' in by ? by.tag : by.descriptor.digest;
      const there = await documentIn(session, repository, reference);
      if ('descriptor' in by) lists.set(to, [...(lists.get(to) ?? []), by.descriptor]);
      if (there?.digest === image.top.digest) continue;
      if (there) {
        along.stay.push(reference);
        continue;
      }
      await send(image);
      await pushManifests(session, repository, image);
      if ('tag' in by) await pushTag(session, repository, by.tag, image.top);
      along.names.push(nameOfAttached(one));
    }
    for (const [to, descriptors] of lists) {
      const list = await listFor(target, to, descriptors);
      if (list) await pushTag(session, repository, list.tag, list.top);
    }
  });
  return along;
}

/** Returns the list of referrers that a registry without an API for it needs under a tag; undefined if it is complete already. */
async function listFor(
  target: Place,
  to: string,
  descriptors: Descriptor[],
): Promise<{ tag: string; top: Document } | undefined> {
  if ((await askReferrers(target, to)) !== undefined) return undefined;
  const tag = listTag(to);
  const there = await documentIn(target.session, target.repository, tag);
  // Somebody may have attached something there: that stays in the list.
  const before = there ? referrersIn(there.body) : [];
  const more = descriptors.filter((one) => !before.some((other) => other.digest === one.digest));
  return more.length > 0 ? { tag, top: referrersList([...before, ...more]) } : undefined;
}
