// Decides what goes with an image, and what must stay. Pure: reads nothing, deletes nothing.
//
// A registry deletes a manifest with all its tags, and keeps the manifests of an index when the index goes. So a removal has to name
// every other tag of the same image, to take the parts of an index along, and to leave those that something else leads to.
import { attachedTag } from './attached-tag.ts';
import { partsOf } from './contents.ts';
import type { Manifest } from './manifest.ts';

/** A tag, and every manifest that it leads to, its own first. */
export interface Leaf {
  tag: string;
  /** Empty: its manifest is missing. */
  family: Manifest[];
}

/** What is to go from one repository. */
export interface Wanted {
  repository: string;
  tags: Set<string>;
  /** Digests that were named themselves. */
  digests: Map<string, Manifest[]>;
  /** Only what is wanted goes: an image with another tag stays, even if its registry deletes no tag alone. */
  spares?: true;
}

/** What a removal does in one repository. */
export interface Removal {
  repository: string;
  /** Manifests to delete: an index before its parts. */
  manifests: Manifest[];
  /** Tags that go. */
  tags: { tag: string; digest: string | undefined }[];
  /** Tags that are deleted by themselves: their manifest stays, because something else leads to it, or is missing. */
  untag: string[];
  /** Tags that were not named and go with their image; `unnamed`: their digest was not named either. */
  along: { tag: string; digest: string; unnamed: boolean }[];
  /** Tags that were named and stay: the registry cannot delete them without the image that others need. */
  stays: { tag: string; for: string[] }[];
  /** No tag is left. */
  empties: boolean;
}

/** What a registry can do. */
export interface Abilities {
  /** It deletes a tag by itself (registry 3). */
  untag: boolean;
}

/**
 * Returns what a removal does in one repository.
 * @param leaves every tag of the repository
 */
export function planRemoval(
  { repository, tags: named, digests, spares }: Wanted,
  leaves: Leaf[],
  { untag }: Abilities,
): Removal {
  const digestOf = ({ family: [top] }: Leaf) => top?.digest;
  const wanted = new Set(named);
  // What is attached to an image by its name goes with it.
  const goes = () =>
    new Set([
      ...leaves.filter(({ tag }) => wanted.has(tag)).flatMap((leaf) => digestOf(leaf) ?? []),
      ...digests.keys(),
    ]);
  for (const { tag } of leaves) {
    const to = attachedTag(tag)?.to;
    if (to && goes().has(to) && isGone(to)) wanted.add(tag);
  }
  function isGone(digest: string): boolean {
    return (
      digests.has(digest) ||
      leaves.filter((leaf) => digestOf(leaf) === digest).every(({ tag }) => wanted.has(tag))
    );
  }

  const going = leaves.filter(({ tag }) => wanted.has(tag));
  const others = leaves.filter(({ tag }) => !wanted.has(tag));
  const along: Removal['along'] = [];
  const stays: Removal['stays'] = [];
  const untagged: string[] = [];
  const dropped = new Set<string>(digests.keys());
  for (const leaf of going) {
    const digest = digestOf(leaf);
    if (digest === undefined) {
      if (untag) untagged.push(leaf.tag);
      else stays.push({ tag: leaf.tag, for: [] });
      continue;
    }
    if (dropped.has(digest)) continue;
    const same = others.filter((other) => digestOf(other) === digest).map(({ tag }) => tag);
    const part = others
      .filter((other) => other.family.slice(1).some((below) => below.digest === digest))
      .map(({ tag }) => tag);
    if (same.length === 0 && part.length === 0) dropped.add(digest);
    else if (untag) untagged.push(leaf.tag);
    // Deleting it would take it out of an index that stays, or take a tag along that has to stay.
    else if (part.length > 0 || spares) stays.push({ tag: leaf.tag, for: [...same, ...part] });
    else {
      dropped.add(digest);
      along.push(...same.map((tag) => ({ tag, digest, unnamed: true })));
    }
  }
  // Tags of a digest that was named itself.
  for (const leaf of others) {
    const digest = digestOf(leaf);
    if (digest && digests.has(digest)) along.push({ tag: leaf.tag, digest, unnamed: false });
  }
  const goneTags = new Set(along.map(({ tag }) => tag));
  const left = [
    ...others.filter(({ tag }) => !goneTags.has(tag)),
    ...going.filter(({ tag }) => stays.some((one) => one.tag === tag)),
  ];
  // A tag that is only taken away leaves its manifest here: something of `left` leads to it.
  const needed = new Set(left.flatMap(({ family }) => family.map(({ digest }) => digest)));
  const families = [
    ...going.filter(({ family: [top] }) => top && dropped.has(top.digest)).map(({ family }) => family),
    ...digests.values(),
  ];
  const manifests = uniqueBy(families.flat()).filter(({ digest }) => !needed.has(digest));
  return {
    repository,
    manifests,
    tags: going
      .filter(({ tag }) => !stays.some((one) => one.tag === tag))
      .map((leaf) => ({ tag: leaf.tag, digest: digestOf(leaf) })),
    untag: untagged,
    along,
    stays,
    empties: left.length === 0 && leaves.length > 0,
  };
}

/** Returns the tags that lead to an index which has a digest as a part: it cannot go alone. */
export const holders = (digest: string, leaves: Leaf[]): string[] =>
  leaves
    .filter(({ family }) => family.slice(1).some((below) => below.digest === digest))
    .map(({ tag }) => tag);

function uniqueBy(all: Manifest[]): Manifest[] {
  return [...new Map(all.map((one) => [one.digest, one])).values()];
}

/**
 * Returns the bytes that come back when what goes is collected.
 * @param stays every manifest of the registry that stays
 */
export function freedBytes(goes: Iterable<Manifest>, stays: Iterable<Manifest>): number {
  const needed = partsOf(stays);
  let sum = 0;
  for (const [digest, size] of partsOf(goes)) if (!needed.has(digest)) sum += size;
  return sum;
}
