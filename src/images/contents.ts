// What is in a registry: list, remove, prune; over HTTP, from anywhere.
// Reads what a registry holds: each manifest once, however many tags and indexes lead to it.
import { manifestOf, smallBlob } from '../registry/contents.ts';
import type { Session } from '../registry/session.ts';
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

/** An index may hold indexes; deeper than this, somebody plays with us. */
const DEPTH = 4;

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
    if (found) known.set(`${repository}@${found.digest}`, Promise.resolve(found));
    return found;
  }

  async function family(repository: string, top: Manifest, depth = 0): Promise<Manifest[]> {
    if (top.children.length === 0 || depth > DEPTH) return [top];
    const below = await Promise.all(
      top.children.map(async ({ digest }) => {
        const child = await manifest(repository, digest);
        return child ? family(repository, child, depth + 1) : [];
      }),
    );
    return uniqueBy([top, ...below.flat()]);
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
    const found = await Promise.all(all.map((one) => configuration(repository, one)));
    const named = new Map(
      all.flatMap(({ children }) => children.map(({ digest, platform }) => [digest, platform])),
    );
    const platforms = all.flatMap(({ digest, kind }, i) =>
      kind === 'image' ? ((named.has(digest) ? named.get(digest) : found[i]?.platform) ?? []) : [],
    );
    const dates = [
      ...found.map((one) => one?.created),
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

  return { session, manifest, family: (repository, top) => family(repository, top), describe, configuration };
}

function uniqueBy<T extends { digest: string }>(all: T[]): T[] {
  return [...new Map(all.map((one) => [one.digest, one])).values()];
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
