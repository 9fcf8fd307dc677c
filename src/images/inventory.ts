// Takes stock of a registry: every tag, what it stands for, and what all of it takes together.
import { repositoryPages, tagsOf } from '../registry/contents.ts';
import { type Description, ifCountable, partsOf, type Reader } from './contents.ts';
import { eachOf } from './lanes.ts';
import type { Manifest } from './manifest.ts';
import type { Pattern } from './pattern.ts';

/**
 * One tag; without a manifest it leads nowhere: its manifest is missing. Without a description it has more parts than anybody can look at.
 */
export interface Tagged {
  tag: string;
  manifest: Manifest | undefined;
  description: Description | undefined;
}

export interface Repository {
  name: string;
  tags: Tagged[];
}

export interface Inventory {
  repositories: Repository[];
  /** Bytes of everything that tags lead to: what images share counts once. */
  bytes: number;
}

/** Told while it reads. */
export type Progress = (done: number, of: number) => void;

/** Returns the names of the repositories that a pattern takes, sorted; of all without one. @throws as repositoryPages */
export async function repositoriesOf(reader: Reader, pattern?: Pattern): Promise<string[]> {
  const names = new Set<string>();
  for await (const page of repositoryPages(reader.session))
    for (const name of page) if (pattern?.repository(name) ?? true) names.add(name);
  return [...names].sort();
}

/**
 * Reads tags and what they stand for.
 * @param names the repositories
 * @throws Refused; as ask
 */
export async function takeStock(
  reader: Reader,
  names: string[],
  pattern?: Pattern,
  told: Progress = () => {},
): Promise<Inventory> {
  const repositories: Repository[] = names.map((name) => ({ name, tags: [] }));
  await eachOf(repositories, async (repository) => {
    const tags = await tagsOf(reader.session, repository.name);
    repository.tags = tags
      .filter((tag) => pattern?.tag(tag) ?? true)
      .sort(byName)
      .map((tag) => ({ tag, manifest: undefined, description: undefined }));
  });
  const all = repositories.flatMap(({ name, tags }) => tags.map((tagged) => ({ name, tagged })));
  const parts = new Map<string, number>();
  const counted = new Set<string>();
  let done = 0;
  await eachOf(all, async ({ name, tagged }) => {
    const manifest = await reader.manifest(name, tagged.tag);
    if (manifest) {
      tagged.manifest = manifest;
      tagged.description = await ifCountable(reader.describe(name, manifest));
      if (tagged.description && !counted.has(manifest.digest)) {
        counted.add(manifest.digest);
        for (const [digest, size] of partsOf(await reader.family(name, manifest))) parts.set(digest, size);
      }
    }
    told(++done, all.length);
  });
  return { repositories, bytes: [...parts.values()].reduce((sum, size) => sum + size, 0) };
}

/** Sorts `1.9` before `1.10`. */
const { compare: byName } = new Intl.Collator('en', { numeric: true });
