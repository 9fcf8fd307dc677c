// Removes what a test image leaves in the storage of a registry.
//
// After a delete, a registry still has the image's name in its catalog and its bytes on disk. A user who may push can make a
// repository of any name that links to the blobs of any other. An attacker inside the registry can make files, folders and links of
// any name. So no name in the storage proves what may be removed. The journal does: before a run pushes a test image, it writes down
// the repository, whose name is random, and the digests, which are of random bytes and can be nobody else's. The registry stores them
// in files with known paths. Only those files are removed, one by one and through no link (inside.ts), and then the folders that are
// empty. The registry itself cannot do it: with --no-delete it deletes nothing, and after a kill it
// may not run.
// (Layout: github.com/distribution/distribution/blob/main/registry/storage/paths.go)
import { dirname, join } from 'node:path';
import type { Host } from '../host/host.ts';
import type { StepKind } from './provider.ts';

/** The image that a proof is about to push. `digests`: SHA-256, hexadecimal. */
export interface TestImageStep {
  do: 'testImage';
  storage: string;
  repository: string;
  digests: string[];
}

/** The tag of a test image. */
export const TAG = 'check';

const ROOT = 'docker/registry/v2';
const REPOSITORIES = `${ROOT}/repositories`;
/** The names that testName() makes, with or without a prefix. */
const REPOSITORY = /^([a-z0-9][a-z0-9._-]*\/)*registry-setup-check-[0-9a-f]{12}$/;
const DIGEST = /^[0-9a-f]{64}$/;
/** The longest name of a repository; characters. (github.com/distribution/reference: RepositoryNameTotalLengthMax) */
const LONGEST = 255;
/** How long to search for other repositories that link to the same blobs; milliseconds. */
const LOOKS_FOR = 30_000;

/** Returns the paths at which a repository links to a blob: as a part of an image, and as a manifest. */
const linksTo = (digest: string) =>
  ['_layers', '_manifests/revisions'].map((part) => `${part}/sha256/${digest}/link`);

const blobOf = (digest: string) => `${ROOT}/blobs/sha256/${digest.slice(0, 2)}/${digest}/data`;

interface Store {
  host: Host;
  /** The directory of the images. */
  storage: string;
}

/** What registry 3 writes before it renames the file to its name; a full disk or a kill leaves it: `link.01a21997-….tmp`. */
const HALF_WRITTEN = /^(link|data)\.[0-9a-f-]{36}\.tmp$/;

/**
 * Removes a file, what a registry has begun to write of it, and the folders above it that are then empty: `team` of
 * `team/registry-setup-check-…`, and all of a store that was empty.
 */
async function removeFile({ host, storage }: Store, path: string): Promise<void> {
  const within = host.inside(storage);
  await within.remove(path);
  const names = await host.list(join(storage, dirname(path))).catch(() => []);
  for (const name of names.filter((name) => HALF_WRITTEN.test(name)))
    await within.remove(join(dirname(path), name));
  for (let folder = dirname(path); folder !== '.'; folder = dirname(folder))
    if (!(await within.rmdir(folder))) return;
}

/**
 * Removes what is left of a test image. Keeps a blob that another repository links to, and what others have pushed into the
 * repository. Idempotent.
 * @throws Error if the step names a repository or a digest that no test image has
 */
export async function sweep({ storage, repository, digests }: TestImageStep, host: Host): Promise<void> {
  if (!REPOSITORY.test(repository) || !digests.every((digest) => DIGEST.test(digest)))
    throw new Error(`${repository} is not a test image`);
  const store = { host, storage };
  const within = host.inside(storage);
  const place = `${REPOSITORIES}/${repository}`;
  const tag = `_manifests/tags/${TAG}`;
  const links = [
    ...digests.flatMap(linksTo),
    ...digests.map((digest) => `${tag}/index/sha256/${digest}/link`),
    `${tag}/current/link`,
  ];
  for (const link of links) await removeFile(store, `${place}/${link}`);
  // An unfinished upload is nobody's image. Only the registry knows the name of its folder.
  await within.removeTree(`${place}/_uploads`);
  await removeFile(store, `${place}/_uploads`);
  const there: string[] = [];
  for (const digest of digests)
    if (await host.stat(join(storage, blobOf(digest))).catch(() => undefined)) there.push(digest);
  const linked = await linkedTo(there, storage, host).catch(() => new Set(there));
  // Also if the blob is removed already: a killed run may have left its folder.
  for (const digest of digests) if (!linked.has(digest)) await removeFile(store, blobOf(digest));
}

/**
 * Returns those of the blobs that a repository links to. @throws Error if the search takes too long: the caller then keeps all blobs,
 * and `registry garbage-collect` removes those without a link.
 */
async function linkedTo(digests: string[], storage: string, host: Host): Promise<Set<string>> {
  const within = host.inside(storage);
  const began = performance.now();
  const found = new Set<string>();
  const look = async (names: string[]): Promise<void> => {
    if (performance.now() - began > LOOKS_FOR) throw new Error('it takes too long');
    const folder = [REPOSITORIES, ...names].join('/');
    for (const digest of digests)
      for (const link of linksTo(digest)) if (await host.stat(join(storage, folder, link))) found.add(digest);
    for (const name of await within.folders(folder))
      if (!name.startsWith('_') && [...names, name].join('/').length <= LONGEST) await look([...names, name]);
  };
  if (digests.length > 0) await look([]);
  return found;
}

/** The undo step of a proof. No resource returns it: the test image is removed by the end of the run. */
export const testImage: StepKind<TestImageStep> = {
  perform: sweep,
  isLeft: async () => true,
  inverse: async () => ({ steps: [] }),
  words: ({ repository }) => `remove the test image ${repository}`,
};
