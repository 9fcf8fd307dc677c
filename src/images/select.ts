// From the words of a user to what is to go: exact names, digests, patterns.
import { CliError } from '../errors.ts';
import { tagsOf } from '../registry/contents.ts';
import { imageCommand } from '../terminal/command.ts';
import type { Reader } from './contents.ts';
import { repositoriesOf } from './inventory.ts';
import { eachOf } from './lanes.ts';
import type { Manifest } from './manifest.ts';
import { missingImage } from './missing.ts';
import { isPattern, readPattern, readReference } from './pattern.ts';
import { holders, type Leaf, type Wanted } from './removal.ts';

/** What is to go from one repository, and every tag that it has. */
export interface Selected {
  wanted: Wanted;
  leaves: Leaf[];
  /** The repository itself was named. */
  whole: boolean;
}

/** Returns every tag of a repository with the manifests that it leads to. @throws Refused; as ask */
export async function leavesOf(reader: Reader, repository: string): Promise<Leaf[]> {
  const leaves: Leaf[] = (await tagsOf(reader.session, repository))
    .sort()
    .map((tag) => ({ tag, family: [] }));
  await eachOf(leaves, async (leaf) => {
    const top = await reader.manifest(repository, leaf.tag);
    if (top) leaf.family = await reader.family(repository, top);
  });
  return leaves;
}

/**
 * Finds what the words of a user name.
 * @throws CliError (exit 2) for what is not there, for a pattern that matches nothing, and for a part of an index
 */
export async function select(reader: Reader, words: string[]): Promise<Selected[]> {
  const found = new Map<string, Selected>();
  const known = new Set(await repositoriesOf(reader).catch(() => []));
  const open = async (repository: string): Promise<Selected> => {
    const there = found.get(repository);
    if (there) return there;
    const selected: Selected = {
      wanted: { repository, tags: new Set(), digests: new Map() },
      leaves: await leavesOf(reader, repository),
      whole: false,
    };
    found.set(repository, selected);
    return selected;
  };
  for (const word of words) await (isPattern(word) ? byPattern(word) : byName(word));
  return [...found.values()].filter(
    ({ wanted, whole }) => whole || wanted.tags.size + wanted.digests.size > 0,
  );

  async function byPattern(word: string): Promise<void> {
    const pattern = readPattern(word, reader.session.name);
    let hits = 0;
    for (const name of [...known].filter(pattern.repository)) {
      const selected = await open(name);
      const tags = selected.leaves.filter(({ tag }) => pattern.tag(tag));
      for (const { tag } of tags) selected.wanted.tags.add(tag);
      if (!pattern.hasTag) selected.whole = true;
      hits += tags.length + (pattern.hasTag ? 0 : 1);
    }
    if (hits === 0)
      throw new CliError(`Nothing in ${reader.session.name} matches ${word}.`, {
        fix: `All of them:   ${imageCommand('list')}`,
        exitCode: 2,
      });
  }

  async function byName(word: string): Promise<void> {
    const reference = readReference(word, reader.session.name);
    const { repository, tag, digest } = reference;
    const selected = await open(repository);
    const { wanted, leaves } = selected;
    const absent = leaves.length === 0 && !known.has(repository);
    if (digest) {
      const top = await reader.manifest(repository, digest);
      if (!top) throw await missingImage(reader.session, reference, 2);
      mayGoAlone(top, leaves, repository);
      wanted.digests.set(digest, await reader.family(repository, top));
    } else if (tag === undefined) {
      if (absent) throw await missingImage(reader.session, reference, 2);
      for (const leaf of leaves) wanted.tags.add(leaf.tag);
      selected.whole = true;
    } else {
      if (!leaves.some((leaf) => leaf.tag === tag)) throw await missingImage(reader.session, reference, 2);
      wanted.tags.add(tag);
    }
  }
}

/** @throws CliError (exit 2) if a tag leads to an index of which this is a part */
function mayGoAlone({ digest }: Manifest, leaves: Leaf[], repository: string): void {
  const [holder] = holders(digest, leaves);
  if (holder === undefined) return;
  throw new CliError(
    `${repository}@${digest} is a part of ${repository}:${holder}, which would be broken without it.`,
    {
      fix: `All of it:   ${imageCommand(`remove ${repository}:${holder}`)}`,
      exitCode: 2,
    },
  );
}
