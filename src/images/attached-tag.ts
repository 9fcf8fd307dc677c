// Reads tags under which signatures and the like are attached to an image. (distribution-spec, "Referrers Tag Schema"; cosign)

/** What the name of a tag says: what it is attached to, and whether it is the list of referrers. */
export interface AttachedTag {
  tag: string;
  to: string;
  list: boolean;
}

/** Reads the name of a tag; undefined if it says nothing of this. */
export function attachedTag(tag: string): AttachedTag | undefined {
  const [, hex, rest] = /^sha256-([0-9a-f]{64})(\.\w+)?$/.exec(tag) ?? [];
  return hex ? { tag, to: `sha256:${hex}`, list: rest === undefined } : undefined;
}
