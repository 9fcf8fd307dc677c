// Reads the files of a registry as its own storage driver lays them out. Whoever broke into the registry may have written them: only
// names that look as they should count, links are never followed, and what is found is deleted through the registry where it can be.
// (github.com/distribution/distribution, registry/storage/paths.go)
import { dirname } from 'node:path';
import type { Host, Inside, InsideEntry } from '../../host/host.ts';
import { eachOf } from '../../images/lanes.ts';
import { PART } from '../../registry/names.ts';

const ROOT = 'docker/registry/v2';
export const REPOSITORIES = `${ROOT}/repositories`;
/** Each blob is in a folder of its name, in one of the first two letters of that. */
export const BLOBS = `${ROOT}/blobs/sha256`;
export const HEX = /^[0-9a-f]{64}$/;
/** A name has 255 characters at most, so its parts are not nested deeper. (distribution-spec) */
const DEPTH = 127;

/** What a registry keeps of a repository, beside the repositories below it. */
const OWN = ['_manifests', '_layers', '_uploads'];
export const isOwn = (folder: string): boolean => OWN.includes(folder);

/** Returns the names of all repositories on the disk, also of those that are empty. */
export async function repositoriesOnDisk(host: Host, storage: string): Promise<string[]> {
  const inside = host.inside(storage);
  const found: string[] = [];
  const walk = async (path: string, name: string, depth: number): Promise<void> => {
    const folders = await inside.folders(path);
    if (name && folders.some(isOwn)) found.push(name);
    if (depth > DEPTH) return;
    for (const folder of folders)
      if (PART.test(folder)) await walk(`${path}/${folder}`, name ? `${name}/${folder}` : folder, depth + 1);
  };
  await walk(REPOSITORIES, '', 0);
  return found.sort();
}

const at = (repository: string, path: string) => `${REPOSITORIES}/${repository}/${path}`;
const dirs = (entries: InsideEntry[]) => entries.filter(({ type }) => type === 'dir');

export interface Revision {
  digest: string;
  /** When the manifest was pushed. */
  pushed: Date;
}

/** Returns the manifests that a repository has on the disk, tagged or not. */
export async function revisionsOf(host: Host, storage: string, repository: string): Promise<Revision[]> {
  const inside = host.inside(storage);
  const names = (await inside.folders(at(repository, '_manifests/revisions/sha256'))).filter((name) =>
    HEX.test(name),
  );
  const found: Revision[] = [];
  // Some at a time: each look holds a folder open for every part of its path, and a process may open few.
  await eachOf(names, async (name) => {
    // A deleted manifest leaves its empty directory.
    const files = await inside.entries(at(repository, `_manifests/revisions/sha256/${name}`));
    const link = files.find((file) => file.name === 'link' && file.type === 'file');
    if (link) found.push({ digest: `sha256:${name}`, pushed: link.modified });
  });
  return found.sort((a, b) => (a.digest < b.digest ? -1 : 1));
}

/** Returns when each tag was last pushed. */
export async function tagTimes(host: Host, storage: string, repository: string): Promise<Map<string, Date>> {
  const inside = host.inside(storage);
  const times = new Map<string, Date>();
  for (const tag of await inside.folders(at(repository, '_manifests/tags'))) {
    const files = await inside.entries(at(repository, `_manifests/tags/${tag}/current`));
    const link = files.find(({ name, type }) => name === 'link' && type === 'file');
    if (link) times.set(tag, link.modified);
  }
  return times;
}

export interface Upload {
  repository: string;
  id: string;
  /** When bytes last came in. */
  modified: Date;
  bytes: number;
}

/** Returns the uploads that are under way, or were left. */
export async function uploadsOf(host: Host, storage: string, repository: string): Promise<Upload[]> {
  const inside = host.inside(storage);
  const found: Upload[] = [];
  await eachOf(dirs(await inside.entries(at(repository, '_uploads'))), async ({ name, modified }) => {
    const files = await inside.entries(at(repository, `_uploads/${name}`));
    const last = files.reduce((newest, file) => (file.modified > newest ? file.modified : newest), modified);
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    found.push({ repository, id: name, modified: last, bytes });
  });
  return found;
}

/** Removes an upload. */
export const removeUpload = (
  inside: Inside,
  { repository, id }: Pick<Upload, 'repository' | 'id'>,
): Promise<boolean> => inside.removeTree(at(repository, `_uploads/${id}`));

/** Tells whether a repository holds nothing: no tag, no manifest, no upload. */
export async function isEmpty(host: Host, storage: string, repository: string): Promise<boolean> {
  const inside = host.inside(storage);
  if ((await inside.folders(at(repository, '_manifests/tags'))).length > 0) return false;
  if ((await inside.folders(at(repository, '_uploads'))).length > 0) return false;
  return (await revisionsOf(host, storage, repository)).length === 0;
}

/**
 * Removes what the registry keeps of a repository; repositories below it stay. The registry must be read-only.
 * @returns false if something there is a link: then that stays
 */
export async function removeRepository(inside: Inside, repository: string): Promise<boolean> {
  // Without _manifests there is no repository any more: the rest is what nothing leads to.
  for (const own of OWN) if (!(await inside.removeTree(at(repository, own)))) return false;
  const parts = repository.split('/');
  for (let end = parts.length; end > 0; end--)
    if (!(await inside.rmdir(`${REPOSITORIES}/${parts.slice(0, end).join('/')}`))) break;
  return true;
}

/** Returns the path of a blob in the storage. @param hex its SHA-256 */
export const blobPath = (hex: string): string => `${BLOBS}/${hex.slice(0, 2)}/${hex}/data`;

/** Returns the bytes of a blob on the disk; 0 if it is not there. */
export const blobBytes = async (inside: Inside, digest: string): Promise<number> =>
  (await blobSize(inside, digest)) ?? 0;

/** Returns the size of a blob on the disk; undefined if it is not there. */
export async function blobSize(inside: Inside, digest: string): Promise<number | undefined> {
  const hex = digest.slice('sha256:'.length);
  if (!HEX.test(hex)) return undefined;
  const files = await inside.entries(dirname(blobPath(hex)));
  return files.find(({ name, type }) => name === 'data' && type === 'file')?.bytes;
}

export interface TagOnDisk {
  tag: string;
  digest: string;
  /** When it was last pushed. */
  pushed: Date;
}

/** The content of a link. */
const LINK = /^sha256:[0-9a-f]{64}$/;

/** Returns the tags of a repository, and what each leads to. */
export async function tagsOnDisk(host: Host, storage: string, repository: string): Promise<TagOnDisk[]> {
  const inside = host.inside(storage);
  const times = await tagTimes(host, storage, repository);
  const found: TagOnDisk[] = [];
  for (const [tag, pushed] of times) {
    const link = await inside.open(at(repository, `_manifests/tags/${tag}/current/link`));
    const digest = (await link?.read(0, 100).finally(() => link.close()))?.toString() ?? '';
    if (LINK.test(digest)) found.push({ tag, digest, pushed });
  }
  return found;
}

/** Returns the paths of the files that make a blob a part of a repository. @param hex its SHA-256 */
export const linkPaths = {
  layer: (repository: string, hex: string): string => at(repository, `_layers/sha256/${hex}/link`),
  manifest: (repository: string, hex: string): string =>
    at(repository, `_manifests/revisions/sha256/${hex}/link`),
  tag: (repository: string, tag: string): string => at(repository, `_manifests/tags/${tag}/current/link`),
  tagged: (repository: string, tag: string, hex: string): string =>
    at(repository, `_manifests/tags/${tag}/index/sha256/${hex}/link`),
};
