// What a test image leaves in the storage of a registry, and its removal.
//
// A registry forgets an image that is deleted, and keeps its name in the catalog and its bytes on the disk. Whoever may push can make
// a repository of any name and link in it to the blobs of any other; who breaks into the registry can make files, folders and links of
// any name. So no name that is found in the storage tells what may go. What does is the run itself: before it pushes a test image it
// writes to its journal the repository, whose name is random, and the digests, which are of random bytes and can be nobody else's. The
// files that a registry makes of them have known paths. Those files are all that goes, one by one and through no link (inside.ts), and
// after them the folders that are empty. The registry itself could not do it: with --no-delete it deletes nothing, and after a kill it
// may not run.
// (Layout: github.com/distribution/distribution/blob/main/registry/storage/paths.go)
import { dirname, join } from 'node:path';
import type { Host, Inside } from '../host/host.ts';
import type { StepKind } from './provider.ts';

/** What a proof was about to push. `digests`: SHA-256, hexadecimal. */
export interface TestImageStep {
  do: 'testImage';
  storage: string;
  repository: string;
  digests: string[];
}

/** The tag that a test image has. */
export const TAG = 'check';

const ROOT = 'docker/registry/v2';
const REPOSITORIES = `${ROOT}/repositories`;
/** As testName() makes them, below a prefix or not. */
const REPOSITORY = /^([a-z0-9][a-z0-9._-]*\/)*registry-setup-check-[0-9a-f]{12}$/;
const DIGEST = /^[0-9a-f]{64}$/;
/** The longest name of a repository; characters. (github.com/distribution/reference: RepositoryNameTotalLengthMax) */
const LONGEST = 255;
/** How long is looked for others who link to the same blobs; milliseconds. */
const LOOKS_FOR = 30_000;

/** Where a repository has its link to a blob: as a part of an image, and as a manifest. */
const linksTo = (digest: string) =>
  ['_layers', '_manifests/revisions'].map((part) => `${part}/sha256/${digest}/link`);

const blobOf = (digest: string) => `${ROOT}/blobs/sha256/${digest.slice(0, 2)}/${digest}/data`;

/** A file, and the folders above it that are empty then: `team` of `team/registry-setup-check-…`, and all of a store that was empty. */
async function removeFile(storage: Inside, path: string): Promise<void> {
  await storage.remove(path);
  for (let folder = dirname(path); folder !== '.'; folder = dirname(folder))
    if (!(await storage.rmdir(folder))) return;
}

/**
 * Removes what is left of a test image. A blob that another repository links to stays, and so does what anybody else has put into the
 * repository. Twice is as good as once.
 * @throws Error where the step names what no test image has
 */
export async function sweep({ storage, repository, digests }: TestImageStep, host: Host): Promise<void> {
  if (!REPOSITORY.test(repository) || !digests.every((digest) => DIGEST.test(digest)))
    throw new Error(`${repository} is not a test image`);
  const within = host.inside(storage);
  const place = `${REPOSITORIES}/${repository}`;
  const tag = `_manifests/tags/${TAG}`;
  const links = [
    ...digests.flatMap(linksTo),
    ...digests.map((digest) => `${tag}/index/sha256/${digest}/link`),
    `${tag}/current/link`,
  ];
  for (const link of links) await removeFile(within, `${place}/${link}`);
  // An upload that did not come to its end is nobody's image. Its folder has a name that only the registry knows.
  await within.removeTree(`${place}/_uploads`);
  await removeFile(within, `${place}/_uploads`);
  const there: string[] = [];
  for (const digest of digests)
    if (await host.stat(join(storage, blobOf(digest))).catch(() => undefined)) there.push(digest);
  const linked = await linkedTo(there, storage, host).catch(() => new Set(there));
  // Also of a blob that is gone: a run that was killed may have left its folder.
  for (const digest of digests) if (!linked.has(digest)) await removeFile(within, blobOf(digest));
}

/**
 * Which of the blobs a repository links to; all of them where that cannot be found out in time. `registry garbage-collect` takes
 * those away that nobody links to.
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

/** The step back from a proof. No resource makes it: the test image is gone when the run is over. */
export const testImage: StepKind<TestImageStep> = {
  perform: sweep,
  isLeft: async () => true,
  inverse: async () => ({ steps: [] }),
  words: ({ repository }) => `remove the test image ${repository}`,
};
