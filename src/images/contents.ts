// What is in a registry: list, remove, prune; over HTTP, from anywhere.
// Reads what a registry holds: each manifest once, however many tags and indexes lead to it.
import { CliError } from '../errors.ts';
import { smallBlob } from '../registry/blobs.ts';
import { manifestOf } from '../registry/contents.ts';
import type { Session } from '../registry/session.ts';
import { eachOf } from './lanes.ts';
import {
  type Configuration,
  dateOf,
  type Manifest,
  type Part,
  readConfiguration,
  readManifest,
} from './manifest.ts';

/** Reads manifests and configurations, and remembers them by their digests. */
export interface Reader {
  readonly session: Session;
  /** Returns the manifest of a tag or a digest; undefined if there is none. @throws Refused; CliError; as ask */
  manifest(repository: string, reference: string): Promise<Manifest | undefined>;
  /** Returns a manifest and all manifests below it; those that are missing are left out. @throws as manifest */
  family(repository: string, top: Manifest): Promise<Manifest[]>;
  /** Returns what is told about an image in a list. @throws as manifest */
  describe(repository: string, top: Manifest): Promise<Description>;
  /** Returns the configuration of an image; undefined if it has none. @throws as manifest */
  configuration(repository: string, manifest: Manifest): Promise<Configuration | undefined>;
}

export interface Description {
  /** Bytes: manifests, configurations and layers, each once. */
  size: number;
  platforms: string[];
  /** The newest of its images; undefined if none says. */
  created: Date | undefined;
}

/** How many levels of indexes are read; an image has one or two. */
const DEPTH = 4;
/** The most manifests that an image is made of. */
const MOST = 100_000;

/** Returns what the work returns; undefined for an image with more parts than anybody can look at. @throws what else the work throws */
export const ifCountable = <T>(work: Promise<T>): Promise<T | undefined> =>
  work.catch((error) => {
    if (error instanceof CliError && error.code === 'too many parts') return undefined;
    throw error;
  });

export function readerOf(session: Session): Reader {
  const known = new Map<string, Promise<Manifest | undefined>>();
  const configurations = new Map<string, Promise<Configuration | undefined>>();
  const kept = <T>(map: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> => {
    const there = map.get(key);
    if (there) return there;
    const made = make();
    map.set(key, made);
    // A failure is not remembered: the next one asks again.
    made.catch(() => map.delete(key));
    return made;
  };

  async function manifest(repository: string, reference: string): Promise<Manifest | undefined> {
    const fetch = async () => {
      const raw = await manifestOf(session, repository, reference);
      return raw && readManifest(raw);
    };
    if (reference.includes(':')) return kept(known, `${repository}@${reference}`, fetch);
    const found = await fetch();
    // One copy of it, however many tags lead to it.
    return found && kept(known, `${repository}@${found.digest}`, async () => found);
  }

  async function family(repository: string, top: Manifest): Promise<Manifest[]> {
    const found = new Map([[top.digest, top]]);
    const asked = new Set([top.digest]);
    let level = [top];
    for (let depth = 0; depth <= DEPTH && level.length > 0; depth++) {
      // Each one once, however many indexes name it: a few indexes can name each other's parts millions of times.
      const digests = [
        ...new Set(level.flatMap(({ children }) => children.map(({ digest }) => digest))),
      ].filter((digest) => !asked.has(digest));
      for (const digest of digests) asked.add(digest);
      if (asked.size > MOST)
        throw new CliError(`${repository}@${top.digest} in ${session.name} has more than ${MOST} parts.`, {
          code: 'too many parts',
        });
      const below = new Map<string, Manifest | undefined>(digests.map((digest) => [digest, undefined]));
      await eachOf(digests, async (digest) => void below.set(digest, await manifest(repository, digest)));
      level = [...below.values()].filter((one) => one !== undefined && !found.has(one.digest)) as Manifest[];
      for (const one of level) found.set(one.digest, one);
    }
    return [...found.values()];
  }

  const configuration = async (repository: string, { kind, config }: Manifest) =>
    kind === 'image' && config
      ? kept(configurations, config.digest, async () => {
          const body = await smallBlob(session, repository, config.digest);
          return body && readConfiguration(body);
        })
      : undefined;

  async function describe(repository: string, top: Manifest): Promise<Description> {
    const all = await family(repository, top);
    const configurations = new Map<Manifest, Configuration | undefined>();
    await eachOf(all, async (one) => void configurations.set(one, await configuration(repository, one)));
    const named = new Map(
      all.flatMap(({ children }) => children.map(({ digest, platform }) => [digest, platform])),
    );
    const platforms = all.flatMap((one) =>
      one.kind === 'image'
        ? ((named.has(one.digest) ? named.get(one.digest) : configurations.get(one)?.platform) ?? [])
        : [],
    );
    const dates = [
      ...[...configurations.values()].map((one) => one?.created),
      ...all.map(({ annotations }) => dateOf(annotations['org.opencontainers.image.created'])),
    ].filter((date) => date !== undefined);
    return {
      size: sizeOf(all),
      platforms: [...new Set(platforms)],
      created: dates.reduce<Date | undefined>(
        (newest, date) => (newest && newest > date ? newest : date),
        undefined,
      ),
    };
  }

  return { session, manifest, family, describe, configuration };
}

/** Returns everything that takes room for these manifests: themselves, their configurations and layers, each once. */
export const partsOf = (manifests: Iterable<Manifest>): Map<string, number> => {
  const parts = new Map<string, number>();
  const add = ({ digest, size }: Part) => parts.set(digest, Math.max(size, parts.get(digest) ?? 0));
  for (const manifest of manifests) {
    add(manifest);
    if (manifest.config) add(manifest.config);
    for (const layer of manifest.layers) add(layer);
  }
  return parts;
};

/** Returns bytes. */
const sizeOf = (manifests: Iterable<Manifest>): number =>
  [...partsOf(manifests).values()].reduce((sum, size) => sum + size, 0);
