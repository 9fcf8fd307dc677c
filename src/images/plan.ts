// Plans removals over a whole registry: what goes from each repository, and how much of the disk comes back.
import type { Reader } from './contents.ts';
import { abilitiesOf } from './delete.ts';
import { repositoriesOf } from './inventory.ts';
import type { Manifest } from './manifest.ts';
import { freedBytes, planRemoval, type Removal } from './removal.ts';
import { leavesOf, type Selected } from './select.ts';

export interface RemovalPlan {
  removals: Removal[];
  /** Repositories that were named themselves: nothing of them stays. */
  whole: string[];
  /** Bytes that a collection frees after it; `exact` unless other repositories were not looked at. */
  freed: { bytes: number; exact: boolean };
}

/** How long other repositories are looked at to say how much is freed; milliseconds. */
const PATIENCE = 5_000;

/** @throws CliError if this registry deletes nothing, or this login may not; as Reader */
export async function planRemovals(reader: Reader, selected: Selected[]): Promise<RemovalPlan> {
  const [first] = selected;
  const abilities = first ? await abilitiesOf(reader.session, first.wanted.repository) : { untag: false };
  const removals = selected.map(({ wanted, leaves }) => planRemoval(wanted, leaves, abilities));
  const goes = removals.flatMap(({ manifests }) => manifests);
  const stays: Manifest[] = selected.flatMap(({ leaves }, i) => {
    const gone = new Set(removals[i]?.manifests.map(({ digest }) => digest));
    return leaves.flatMap(({ family }) => family.filter(({ digest }) => !gone.has(digest)));
  });
  const exact = await others(reader, new Set(selected.map(({ wanted }) => wanted.repository)), stays);
  return {
    removals,
    whole: selected.filter(({ whole }) => whole).map(({ wanted }) => wanted.repository),
    freed: { bytes: freedBytes(goes, stays), exact },
  };
}

/** Adds the manifests of the other repositories, which may share layers. @returns false if there was no time for all */
async function others(reader: Reader, known: Set<string>, stays: Manifest[]): Promise<boolean> {
  const until = performance.now() + PATIENCE;
  try {
    for (const name of await repositoriesOf(reader)) {
      if (known.has(name)) continue;
      if (performance.now() > until) return false;
      for (const { family } of await leavesOf(reader, name)) stays.push(...family);
    }
    return true;
  } catch {
    // This login may not look at everything.
    return false;
  }
}

/** Tells whether two plans delete the same. */
export const isSame = (a: RemovalPlan, b: RemovalPlan): boolean =>
  JSON.stringify(asDeletes(a)) === JSON.stringify(asDeletes(b));

const asDeletes = ({ removals, whole }: RemovalPlan) => [
  removals.map(({ repository, manifests, untag }) => [
    repository,
    manifests.map(({ digest }) => digest).sort(),
    [...untag].sort(),
  ]),
  whole,
];
