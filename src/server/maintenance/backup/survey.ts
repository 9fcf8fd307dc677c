// Finds what a storage holds that somebody can pull: tags, manifests, and the blobs that those need. Reads manifests only.
//
// Tags are read before manifests, and manifests before blobs: a registry writes in the opposite order, so what a push has finished is
// complete, and what it has not finished is left out. Nothing is collected meanwhile: the run holds the lock.

import type { Host, Inside } from '../../../host/host.ts';
import { sha256 } from '../../../host/sha256.ts';
import { partsOf } from '../../../images/contents.ts';
import { type Manifest, readManifest } from '../../../images/manifest.ts';
import { isRepository, isTag } from '../../../registry/names.ts';
import { blobPath, blobSize, repositoriesOnDisk, revisionsOf, tagsOnDisk } from '../storage.ts';
import type { KeptRepository } from './format.ts';

export interface Survey {
  repositories: KeptRepository[];
  /** SHA-256 and size of every blob that is needed, manifests included. */
  blobs: Map<string, number>;
  /** By digest, each once. */
  manifests: Map<string, Manifest>;
  /** What nobody can pull whole, and so is left out: `team/app:1.0`, `team/app@sha256:…`. */
  incomplete: string[];
}

/** The most bytes of a manifest. (distribution-spec, "Pushing Manifests": 4 MiB at least) */
const MOST = 16 * 1024 * 1024;

const hexOf = (digest: string) => /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];

/** Returns the bytes of a blob; undefined if it is not there, is not a file, or is too long for a manifest. */
async function smallBlob(inside: Inside, hex: string): Promise<Buffer | undefined> {
  const file = await inside.open(blobPath(hex));
  try {
    return file && file.size <= MOST ? await file.read(0, file.size) : undefined;
  } finally {
    await file?.close();
  }
}

/** Remembers what was looked at: many manifests share their layers. */
function lookerIn(host: Host, storage: string) {
  const inside = host.inside(storage);
  const sizes = new Map<string, Promise<number | undefined>>();
  const manifests = new Map<string, Promise<Manifest | undefined>>();
  /** Returns the size of a blob; undefined if it is not there. */
  const sizeOf = (digest: string): Promise<number | undefined> => {
    const there = sizes.get(digest) ?? blobSize(inside, digest);
    sizes.set(digest, there);
    return there;
  };
  const load = async (digest: string): Promise<Manifest | undefined> => {
    const hex = hexOf(digest);
    const body = hex && (await smallBlob(inside, hex));
    // A manifest that was damaged is as good as none.
    if (!body || sha256(body) !== hex) return undefined;
    return readManifest({ digest, type: '', body });
  };
  const manifest = (digest: string): Promise<Manifest | undefined> => {
    const there = manifests.get(digest) ?? load(digest);
    manifests.set(digest, there);
    return there;
  };
  return { sizeOf, manifest };
}

/** Tells whether all is there that belongs to a manifest alone. Layers of others (`urls`) are in no registry. */
async function hasParts(
  { config, layers }: Manifest,
  sizeOf: (digest: string) => Promise<number | undefined>,
): Promise<boolean> {
  const needed = [...(config ? [config] : []), ...layers.filter(({ foreign }) => !foreign)];
  for (const { digest, size } of needed) {
    const there = await sizeOf(digest);
    if (there === undefined || (size > 0 && there !== size)) return false;
  }
  return true;
}

/**
 * Reads a storage.
 * @param told receives the number of manifests so far
 * @throws CliError if the storage cannot be read
 */
export async function survey(host: Host, storage: string, told = (_: number) => {}): Promise<Survey> {
  const { sizeOf, manifest } = lookerIn(host, storage);
  const found: Survey = { repositories: [], blobs: new Map(), manifests: new Map(), incomplete: [] };
  for (const name of (await repositoriesOnDisk(host, storage)).filter(isRepository)) {
    const tags = (await tagsOnDisk(host, storage, name)).filter(({ tag }) => isTag(tag));
    const revisions = await revisionsOf(host, storage, name);
    const read = new Map<string, Manifest>();
    for (const { digest } of revisions) {
      const one = await manifest(digest);
      if (one && (await hasParts(one, sizeOf))) read.set(digest, one);
      told(found.manifests.size + read.size);
    }
    const kept = withChildren(read);
    const missing = revisions.filter(({ digest }) => !kept.has(digest));
    const leads = tags.filter(({ digest }) => revisions.some((one) => one.digest === digest));
    const lost = leads.filter(({ digest }) => !kept.has(digest));
    const named = new Set(lost.map(({ digest }) => digest));
    found.incomplete.push(
      ...lost.map(({ tag }) => `${name}:${tag}`),
      ...missing.flatMap(({ digest }) => (named.has(digest) ? [] : [`${name}@${digest}`])),
    );
    if (kept.size === 0) continue;
    found.repositories.push({
      name,
      manifests: revisions.flatMap(({ digest, pushed }) =>
        kept.has(digest) ? [{ digest, pushed: pushed.toISOString() }] : [],
      ),
      tags: leads.flatMap(({ tag, digest, pushed }) =>
        kept.has(digest) ? [{ tag, digest, pushed: pushed.toISOString() }] : [],
      ),
    });
    for (const one of kept.values()) {
      found.manifests.set(one.digest, one);
      for (const digest of blobsOf(one)) {
        const [hex, size] = [hexOf(digest), await sizeOf(digest)];
        if (hex && size !== undefined) found.blobs.set(hex, size);
      }
    }
  }
  return found;
}

/** Returns the digests of all blobs of a manifest, itself included. */
export const blobsOf = (manifest: Manifest): string[] => [...partsOf([manifest]).keys()];

/** Leaves out indexes of which nothing is there. An index of which a part was removed stays: the rest can be pulled. */
function withChildren(read: Map<string, Manifest>): Map<string, Manifest> {
  const kept = new Map(read);
  for (let before = -1; before !== kept.size; ) {
    before = kept.size;
    for (const [digest, { children }] of kept)
      if (children.length > 0 && !children.some((child) => kept.has(child.digest))) kept.delete(digest);
  }
  return kept;
}
