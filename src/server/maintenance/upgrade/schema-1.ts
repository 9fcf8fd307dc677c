// Finds manifests of schema 1, as Docker pushed them before 2016: registry 3 does not serve them.
import type { Host } from '../../../host/host.ts';
import { eachOf } from '../../../images/lanes.ts';
import { readManifest } from '../../../images/manifest.ts';
import { isRepository, isTag } from '../../../registry/names.ts';
import { blobPath, repositoriesOnDisk, revisionsOf, tagsOnDisk } from '../storage.ts';

/** The most bytes of a manifest that is looked at. */
const MOST = 4 * 1024 * 1024;

/**
 * Returns the names of the images: `team/app:1.0`; `team/app@sha256:…` for one without a tag. Reads the files: registry 2 itself
 * refuses to show them, unless its configuration allows it.
 */
export async function schemaOne(host: Host, storage: string): Promise<string[]> {
  const inside = host.inside(storage);
  const known = new Map<string, Promise<boolean>>();
  const look = async (digest: string): Promise<boolean> => {
    const file = await inside.open(blobPath(digest.slice('sha256:'.length)));
    try {
      if (!file || file.size > MOST) return false;
      const body = await file.read(0, file.size);
      return readManifest({ digest, type: '', body }).kind === 'schema 1';
    } finally {
      await file?.close();
    }
  };
  const isOld = (digest: string): Promise<boolean> => {
    const asked = known.get(digest) ?? look(digest);
    known.set(digest, asked);
    return asked;
  };
  const found: string[] = [];
  for (const name of (await repositoriesOnDisk(host, storage)).filter(isRepository)) {
    const old: string[] = [];
    await eachOf(await revisionsOf(host, storage, name), async ({ digest }) => {
      if (await isOld(digest)) old.push(digest);
    });
    if (old.length === 0) continue;
    const tags = (await tagsOnDisk(host, storage, name)).filter(({ tag }) => isTag(tag));
    for (const digest of old.sort()) {
      const names = tags.filter((one) => one.digest === digest).map(({ tag }) => `${name}:${tag}`);
      found.push(...(names.length > 0 ? names.sort() : [`${name}@${digest}`]));
    }
  }
  return found;
}
