// Compares what two registries show that serve the same images: the one that runs, and the new one beside it.
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError } from '../../../errors.ts';
import { eachOf } from '../../../images/lanes.ts';
import { readManifest } from '../../../images/manifest.ts';
import { hasBlob, smallBlob } from '../../../registry/blobs.ts';
import { manifestOf, Refused, tagsOf } from '../../../registry/contents.ts';
import type { Session } from '../../../registry/session.ts';
import type { Report } from '../../../terminal/output.ts';

/** An image that was looked at. */
export interface Sample {
  repository: string;
  tag: string;
  digest: string;
}

export interface Compared {
  repositories: number;
  tags: number;
  samples: Sample[];
}

/** How many images are looked at, and how many of them down to a blob. */
const IMAGES = 50;
const BLOBS = 5;

/** Returns some of a list, from all parts of it. */
export const spread = <T>(list: readonly T[], most: number): T[] =>
  list.length <= most
    ? [...list]
    : Array.from({ length: most }, (_, i) => list[Math.floor((i * list.length) / most)] as T);

const differs = (what: string) =>
  new CliError(`The new image does not show what the one that runs shows: ${what}.`);

/** How often a difference is looked at, and the pause between two looks in milliseconds. */
const LOOKS = 6;
const PAUSE = 300;

/**
 * Looks again at what differs: while somebody pushes, registry 2 writes its links in place, and who reads one at that moment finds
 * an empty file.
 * @throws what the last look throws
 */
async function lasting<T>(look: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  for (let looks = 1; ; looks++) {
    try {
      return await look();
    } catch (error) {
      if (looks === LOOKS || !(error instanceof CliError)) throw error;
      await sleep(PAUSE, undefined, { signal });
    }
  }
}

/** Returns what the registry that runs shows; undefined if it refuses: what is broken is no measure. */
const ifShown = <T>(asked: Promise<T>): Promise<T | undefined> =>
  asked.catch((error) => {
    if (error instanceof Refused) return undefined;
    throw error;
  });

/** Compares the tags of a repository. Somebody may push meanwhile: what the one that runs shows before and after counts. */
async function sameTags(now: Session, next: Session, repository: string): Promise<string[]> {
  const before = await ifShown(tagsOf(now, repository));
  if (!before) return [];
  const there = new Set(await tagsOf(next, repository));
  if (before.length === there.size && before.every((tag) => there.has(tag))) return before;
  const after = new Set(await tagsOf(now, repository));
  const missing = before.find((tag) => after.has(tag) && !there.has(tag));
  if (missing) throw differs(`${repository}:${missing} is missing`);
  const known = new Set([...before, ...after]);
  const more = [...there].find((tag) => !known.has(tag));
  if (more) throw differs(`it has ${repository}:${more}, which nobody has pushed`);
  return before;
}

async function sameImage(
  now: Session,
  next: Session,
  { repository, tag }: Omit<Sample, 'digest'>,
  isOld: (name: string) => boolean,
): Promise<{ sample: Sample; body: Buffer } | undefined> {
  if (isOld(`${repository}:${tag}`)) return undefined;
  const before = await ifShown(manifestOf(now, repository, tag));
  if (!before || readManifest(before).kind === 'schema 1') return undefined;
  // By its digest: the tag may lead elsewhere by now.
  const there = await manifestOf(next, repository, before.digest);
  if (!there) throw differs(`${repository}:${tag} is missing, which is ${before.digest}`);
  return { sample: { repository, tag, digest: before.digest }, body: before.body };
}

/** Looks at the blobs of an image: its configuration whole, and whether its first layer is there. */
async function sameBlobs(now: Session, next: Session, repository: string, body: Buffer): Promise<void> {
  const { config, layers } = readManifest({ digest: '', type: '', body });
  const blobs = [config, layers.find(({ foreign }) => !foreign)].filter((blob) => blob !== undefined);
  for (const blob of blobs) {
    if (!(await hasBlob(now, repository, blob))) continue;
    if (!(await hasBlob(next, repository, blob))) throw differs(`${blob.digest} of ${repository} is missing`);
  }
  // Compares the bytes with the digest as it reads them.
  if (config && (await hasBlob(now, repository, config))) await smallBlob(next, repository, config.digest);
}

/**
 * @param repositories their names, from the disk: registry 2 ends its catalog where something is that is no repository
 * @param now the registry that runs
 * @param next the new one
 * @param isOld tells of an image that the new one cannot serve, as the user knows
 * @throws CliError with the first difference; as ask
 */
export async function compare(
  repositories: string[],
  now: Session,
  next: Session,
  isOld: (name: string) => boolean,
  report: Report,
): Promise<Compared> {
  const { signal } = now;
  const all: Omit<Sample, 'digest'>[] = [];
  let done = 0;
  await eachOf(repositories, async (repository) => {
    const tags = await lasting(() => sameTags(now, next, repository), signal);
    for (const tag of tags) all.push({ repository, tag });
    report(`${++done} of ${repositories.length} repositories`);
  });
  const samples: Sample[] = [];
  const bodies: { repository: string; body: Buffer }[] = [];
  await eachOf(spread(all, IMAGES), async (one) => {
    const found = await lasting(() => sameImage(now, next, one, isOld), signal);
    if (!found) return;
    samples.push(found.sample);
    bodies.push({ repository: one.repository, body: found.body });
  });
  for (const { repository, body } of spread(bodies, BLOBS))
    await lasting(() => sameBlobs(now, next, repository, body), signal);
  return { repositories: new Set(all.map(({ repository }) => repository)).size, tags: all.length, samples };
}

/** Looks once more at what was looked at before. @throws CliError if something is missing; as ask */
export async function stillThere(session: Session, samples: Sample[]): Promise<void> {
  await eachOf(samples, async ({ repository, tag, digest }) => {
    const look = async () => {
      if (!(await manifestOf(session, repository, digest)))
        throw new CliError(`${repository}:${tag} was there before, and is not now: ${digest}.`);
    };
    await lasting(look, session.signal);
  });
}
