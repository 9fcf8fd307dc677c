// What a backup is made of, whatever holds it: the files of a registry, and its images as an OCI image layout.
//
// A file is a tar archive, packed with zstd or gzip, and sealed if there is a passphrase (seal.ts). Its members, in this order:
//   registry-setup.json        what is in it: format, version, each file with its size and SHA-256, the repositories with their tags
//   registry/…                 files of the registry's directory
//   oci-layout, index.json     for other programs: what was unpacked is an OCI image layout (image-spec, image-layout.md)
//   blobs/sha256/…             manifests, configurations and layers, each once
//   registry-setup.sha256      SHA-256 of registry-setup.json: the end
// A directory (`--to`) has the blobs each once for all its states, and one file for each state.
import { ACCOUNT } from '../../../certificates/acme/record.ts';
import { CliError } from '../../../errors.ts';
import { sha256 } from '../../../host/sha256.ts';
import { VERSION } from '../../../package.ts';
import { isRepository, isTag } from '../../../registry/names.ts';
import { shown } from '../../../terminal/visible.ts';

/** Raise it if an older version would misread a backup, or would leave out a part of it. */
const FORMAT = 1;

export const CONTENTS = 'registry-setup.json';
export const END = 'registry-setup.sha256';
const REGISTRY = 'registry/';
export const LAYOUT = 'oci-layout';
export const INDEX = 'index.json';

/** The files that clients depend on: settings, keys, certificates, users. A restore creates all other files. */
export const REGISTRY_FILES: readonly string[] = [
  'settings.yml',
  // Of this file http.secret alone counts.
  'config/config.yml',
  'config/token.crt',
  ...['ca/ca.crt', 'ca/ca.key', 'ca/cross.crt'],
  ...['certs/site.crt', 'certs/site.key', 'certs/ca.crt'],
  ACCOUNT,
  ...['auth/htpasswd', 'auth/auth_config.yml', 'auth/token.crt', 'auth/token.key'],
  // The account with which a run proves that tokens work.
  '.state/proof',
];

export const memberOf = (path: string): string => REGISTRY + path;

const MEMBERS = [...REGISTRY_FILES.map(memberOf), LAYOUT, INDEX];

export interface ListedFile {
  name: string;
  size: number;
  sha256: string;
}

/** A manifest of a repository, or a tag. */
interface Pushed {
  digest: string;
  /** When it was pushed. */
  pushed: string;
}

export interface KeptRepository {
  name: string;
  /** All of them, also those that no tag leads to. */
  manifests: Pushed[];
  tags: (Pushed & { tag: string })[];
}

export interface Contents {
  format: number;
  /** The version that wrote it. */
  by: string;
  made: string;
  /** The directory of the registry that it was made of. */
  dir: string;
  /** False: the images were left out. */
  images: boolean;
  /** The files before the blobs, in their order. */
  files: ListedFile[];
  /** SHA-256 and size of each blob, in their order. */
  blobs: [sha256: string, size: number][];
  repositories: KeptRepository[];
}

export const listed = (name: string, bytes: Buffer): ListedFile => ({
  name,
  size: bytes.length,
  sha256: sha256(bytes),
});

/** Returns the contents without the files. */
export const newContents = (part: Pick<Contents, 'dir' | 'images' | 'blobs' | 'repositories'>): Contents => ({
  format: FORMAT,
  by: VERSION,
  made: new Date().toISOString(),
  files: [],
  ...part,
});

/** How many images, bytes and repositories a backup has. */
export const totals = ({ blobs, repositories }: Contents) => ({
  images: repositories.reduce((sum, { tags }) => sum + tags.length, 0),
  repositories: repositories.length,
  blobs: blobs.length,
  bytes: blobs.reduce((sum, [, size]) => sum + size, 0),
});

/** Returns the error for a backup that cannot be used. @param why a sentence */
export const unusable = (place: string, why: string, fix?: string): CliError =>
  new CliError(`${place} cannot be restored: ${why}`, { fix, exitCode: 2 });

const HEX = /^[0-9a-f]{64}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
/** The most bytes of all files of a registry and the index: they are read into memory. */
const MOST_FILES = 256 * 1024 * 1024;

type Bad = (why: string) => Error;
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const dated = (value: unknown): value is string =>
  typeof value === 'string' && !Number.isNaN(Date.parse(value));

/**
 * Reads the contents of a backup, which anybody may have written: every name in it is one that a backup can have, and none comes twice.
 * @param place names the backup in errors
 * @throws CliError (exit 2)
 */
export function readContents(bytes: Buffer, place: string): Contents {
  const bad: Bad = (why) => unusable(place, why);
  let found: unknown;
  try {
    found = JSON.parse(bytes.toString());
  } catch {
    throw bad('its list of contents cannot be read.');
  }
  if (!isObject(found) || !isSize(found.format)) throw bad('its list of contents cannot be read.');
  const by = typeof found.by === 'string' ? found.by : '';
  if (found.format > FORMAT)
    throw unusable(
      place,
      `a newer registry-setup${by && ` (${shown(by)})`} wrote it, and this one (${VERSION}) cannot read it.`,
      `Use registry-setup ${by ? `${shown(by)} or newer` : 'of a newer version'}.`,
    );
  const { made, dir, images, files, blobs, repositories } = found;
  if (!dated(made) || typeof dir !== 'string' || typeof images !== 'boolean')
    throw bad('its list of contents cannot be read.');
  const hexes = blobsIn(blobs, bad);
  return {
    format: found.format,
    by,
    made,
    dir,
    images,
    files: filesIn(files, bad),
    blobs: [...hexes],
    repositories: repositoriesIn(repositories, hexes, bad),
  };
}

const arrayOf = (value: unknown, bad: Bad): unknown[] => {
  if (Array.isArray(value)) return value;
  throw bad('its list of contents cannot be read.');
};

/** Refuses what comes twice. */
function unique(names: string[], bad: Bad): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw bad(`${shown(name)} is in it more than once.`);
    seen.add(name);
  }
}

function filesIn(value: unknown, bad: Bad): ListedFile[] {
  const files = arrayOf(value, bad).map((item): ListedFile => {
    const { name, size, sha256: sum } = isObject(item) ? item : {};
    if (typeof name !== 'string' || !MEMBERS.includes(name))
      throw bad(`it holds a file that no backup has: ${shown(String(name))}`);
    if (!isSize(size) || typeof sum !== 'string' || !HEX.test(sum))
      throw bad('its list of contents cannot be read.');
    return { name, size, sha256: sum };
  });
  unique(
    files.map(({ name }) => name),
    bad,
  );
  if (files.reduce((sum, { size }) => sum + size, 0) > MOST_FILES)
    throw bad('the files of the registry in it are larger than any registry has them.');
  return files;
}

function blobsIn(value: unknown, bad: Bad): Map<string, number> {
  const blobs = arrayOf(value, bad).map((item): [string, number] => {
    const [hex, size] = Array.isArray(item) ? item : [];
    if (typeof hex !== 'string' || !HEX.test(hex) || !isSize(size))
      throw bad('its list of contents cannot be read.');
    return [hex, size];
  });
  unique(
    blobs.map(([hex]) => hex),
    bad,
  );
  return new Map(blobs);
}

function repositoriesIn(value: unknown, blobs: Map<string, number>, bad: Bad): KeptRepository[] {
  const repositories = arrayOf(value, bad).map((item): KeptRepository => {
    const { name, manifests, tags } = isObject(item) ? item : {};
    if (typeof name !== 'string' || !isRepository(name))
      throw bad(`a repository in it has a name that none can have: ${shown(String(name))}`);
    const pushed = (one: unknown): Pushed => {
      const { digest, pushed: date } = isObject(one) ? one : {};
      if (typeof digest !== 'string' || !DIGEST.test(digest) || !dated(date))
        throw bad('its list of contents cannot be read.');
      if (!blobs.has(digest.slice('sha256:'.length))) throw bad(`a manifest of ${name} is not in it.`);
      return { digest, pushed: date };
    };
    const kept = arrayOf(manifests, bad).map(pushed);
    const named = arrayOf(tags, bad).map((one) => {
      const tag = isObject(one) ? one.tag : undefined;
      if (typeof tag !== 'string' || !isTag(tag))
        throw bad(`a tag of ${name} has a name that none can have: ${shown(String(tag))}`);
      return { tag, ...pushed(one) };
    });
    unique(
      named.map(({ tag }) => `${name}:${tag}`),
      bad,
    );
    unique(
      kept.map(({ digest }) => `${name}@${digest}`),
      bad,
    );
    const digests = new Set(kept.map(({ digest }) => digest));
    const astray = named.find(({ digest }) => !digests.has(digest));
    if (astray) throw bad(`${name}:${astray.tag} leads to a manifest that ${name} does not have.`);
    return { name, manifests: kept, tags: named };
  });
  unique(
    repositories.map(({ name }) => name),
    bad,
  );
  return repositories;
}
