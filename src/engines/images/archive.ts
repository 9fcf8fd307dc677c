// Reads an image archive without loading it: what `docker save` writes, or an OCI layout.
import { posix } from 'node:path';
import { CliError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import {
  type Entry,
  fileIn,
  filesOf,
  isMemberName,
  type Listing,
  listTar,
  type Packing,
  packTar,
  readFromTar,
  TarError,
  withTar,
} from '../../host/tar.ts';
import { DEFAULT_IMAGE } from '../../settings/settings.ts';
import { shown } from '../../terminal/visible.ts';
import { plainName } from './reference.ts';

/** The most bytes of lists, manifests and settings of images to read at once; a real one has a few thousand. */
const TEXT_LIMIT = 8_000_000;
/** What an archive has beside the files of its images. */
const LISTS = new Set(['manifest.json', 'index.json', 'oci-layout', 'repositories']);
/** Docker builds no image with more than 127 layers. */
const LAYER_LIMIT = 1_000;

/** An archive with a checked list: every file that an image names is a regular file in it, exists once, and is named by its own name. */
export interface ImageArchive {
  path: string;
  images: Listed[];
  /** Bytes of each file that an image names. */
  sizes: Map<string, number>;
  /** The archive has Docker's own list. */
  written: boolean;
  packing: Packing | undefined;
}

/**
 * Reads and checks what an archive holds: its author may be an attacker.
 * @param unnamed the name of an image without one
 * @throws CliError (exit 2) if the file is not such an archive
 */
export async function readArchive(host: Host, path: string, unnamed = DEFAULT_IMAGE): Promise<ImageArchive> {
  const there = await host.stat(path);
  if (!there) throw bad(`there is no file ${path}.`);
  if (there.type !== 'file') throw bad(`${path} is not a file.`);
  return named(path, async () => {
    const { listing, read, packing } = await listTar(host, path, ['manifest.json', 'index.json'], TEXT_LIMIT);
    for (const name of read.keys()) fileIn(listing, name);
    const texts = async (names: string[]) => {
      const missing = names.filter((name) => listing.has(name) && !read.has(name));
      const more = await readFromTar(host, path, missing, TEXT_LIMIT);
      return names.map((name) => (read.get(name) ?? more.get(name))?.toString());
    };
    const sizes = new Map<string, number>();
    const images = (await readManifest(texts, unnamed)).map((image) => checkedImage(image, listing, sizes));
    return { path, images, sizes, written: read.has('manifest.json'), packing };
  });
}

/** Returns the images in an archive. @throws as readArchive does, and if none of them has a name */
export async function listArchive(host: Host, path: string): Promise<Listed[]> {
  const { images } = await readArchive(host, path);
  if (namesOf(images).length === 0) throw bad(`the image in ${path} has no name: it was saved by its id.`);
  return images;
}

const bad = (message: string, why?: string, fix?: string[]) =>
  new CliError(`--image-archive: ${message}`, {
    why,
    fix: fix ?? `docker save -o registry.tar ${DEFAULT_IMAGE}      makes one`,
    exitCode: 2,
  });

/**
 * Words every fault of an archive in the same way.
 * @throws CliError (exit 2) for each TarError
 */
async function named<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof TarError)) throw error;
    const { message, missing } = error;
    if (!missing) throw bad(`${path} is not an image archive.`, message);
    throw bad(`${path} is packed with ${missing}, which is not on this machine.`, undefined, [
      `apt-get install ${missing}`,
      `Or unpack it elsewhere first:   ${missing} -d FILE`,
    ]);
  }
}

/**
 * Checks an image, and adds the sizes of its files. Docker before 25 wrote a layer of two images once, and a link to it for the other.
 * @throws TarError
 */
export function checkedImage(
  { Config, RepoTags, Layers }: Listed,
  listing: Listing,
  sizes: Map<string, number>,
): Listed {
  const file = (name: string) => {
    sizes.set(name, fileIn(listing, name).size);
    return name;
  };
  const layer = (name: string) => {
    const found = listing.get(name);
    if (found?.type !== 'link') return file(name);
    const to = posix.join(posix.dirname(name), found.to);
    if (found.to.startsWith('/') || !isMemberName(to))
      throw new TarError(`${name} is a link that leads out of it.`);
    return file(to);
  };
  for (const name of [Config, ...Layers])
    if (!isMemberName(name) || LISTS.has(name))
      throw new TarError(`Its list names a file that no image can have: ${shown(name)}`);
  return { Config: file(Config), RepoTags, Layers: Layers.map(layer) };
}

/** Reads files that the images of an archive name. @throws as readArchive does */
export const readFiles = (host: Host, path: string, names: string[]): Promise<Map<string, Buffer>> =>
  named(path, () => readFromTar(host, path, [...new Set(names)], TEXT_LIMIT));

/** Works through an archive. @throws as readArchive does */
export const throughArchive: typeof withTar = (host, path, use) =>
  named(path, () => withTar(host, path, use));

/**
 * Makes of some images an archive that every engine reads: Docker's list, and the files that they name; nothing else, not packed.
 * @param use receives the bytes
 * @throws as readArchive does
 */
export function repacked<T>(
  host: Host,
  path: string,
  images: Listed[],
  use: (chunks: AsyncIterable<Buffer>) => Promise<T>,
): Promise<T> {
  const list = Buffer.from(JSON.stringify(images));
  const names = new Set(images.flatMap(({ Config, Layers }) => [Config, ...Layers]));
  return throughArchive(host, path, (tar) => {
    const entries = async function* (): AsyncGenerator<Entry> {
      yield { name: 'manifest.json', size: list.length, chunks: [list] };
      yield* filesOf(tar, names);
    };
    return use(packTar(entries()));
  });
}

const namesOf = (images: Listed[]): string[] => images.flatMap(({ RepoTags }) => RepoTags ?? []);

/** Returns the names of the images in an archive. @throws as listArchive does */
export const archiveImages = async (host: Host, path: string): Promise<string[]> =>
  namesOf(await listArchive(host, path));

/** Returns the image of that name in a list, whichever engine wrote the list. */
export const listed = (images: Listed[], ref: string): Listed | undefined =>
  images.find((image) => namesOf([image]).some((name) => plainName(name) === plainName(ref)));

const SOME = 10;
/** Joins a list for a sentence: 10 names at most, and how many more there are. */
export const someOf = (names: string[]): string =>
  [...names.slice(0, SOME), ...(names.length > SOME ? [`${names.length - SOME} more`] : [])].join(', ');

/** Returns the image to start: the wanted one; without a wish the registry, else the first. @throws CliError (exit 2) if it is missing */
export function chooseImage(names: string[], path: string, wanted: string | undefined): string {
  if (wanted === undefined) return names.find((name) => /(^|\/)registry:/.test(name)) ?? (names[0] as string);
  if (names.some((name) => plainName(name) === plainName(wanted))) return wanted;
  throw new CliError(`--image ${wanted}: ${path} does not hold it, but ${someOf(names)}.`, {
    fix: `--image ${names[0]}`,
    exitCode: 2,
  });
}

/** A line of manifest.json, which `docker save` writes and `docker load` reads. */
export interface Listed {
  Config: string;
  RepoTags: string[] | null;
  Layers: string[];
}

/** A descriptor, as far as it is read here. (OCI image-spec: image-layout.md, image-index.md, manifest.md) */
interface Descriptor {
  digest: string;
  mediaType?: string;
  annotations?: Partial<Record<string, unknown>>;
  platform?: { architecture: string; os: string };
}

const ARCHITECTURE: Partial<Record<string, string>> = { x64: 'amd64', ppc64: 'ppc64le', ia32: '386' };

/** Returns what images call this machine. (nodejs.org/api/process.html, process.arch; go.dev/doc/install/source, GOARCH) */
export const architecture = (): string => ARCHITECTURE[process.arch] ?? process.arch;

/** A name of an image, with its registry, tag and digest. (distribution/reference: Grammar) */
const NAME = /^\w[\w.:@/+[\]-]{0,511}$|^\[[\w.:@/+[\]-]{1,511}$/;

/** Reads files of an archive, such as `index.json`; returns undefined for each missing one. */
type ReadTexts = (paths: string[]) => Promise<(string | undefined)[]>;

/**
 * Returns the list of images of an archive; for an OCI layout, makes it from the index.
 * @param unnamed the name of an image without one
 * @throws TarError if there is no such list, or it is not a valid one
 */
export async function readManifest(read: ReadTexts, unnamed: string): Promise<Listed[]> {
  const [written, index] = await read(['manifest.json', 'index.json']);
  const list = written === undefined ? await readIndex(parsed(index), read, unnamed) : parsed(written);
  return arrayOf(list).map((one) => {
    const { Config, RepoTags, Layers } = one as Partial<Record<string, unknown>>;
    const names = arrayOf(RepoTags ?? []).map(textIn);
    const odd = names.find((name) => !NAME.test(name));
    if (odd !== undefined)
      throw new TarError(`An image in it has a name that no image can have: ${shown(odd)}`);
    const layers = arrayOf(Layers).map(textIn);
    if (layers.length > LAYER_LIMIT) throw new TarError(`An image in it has ${layers.length} layers.`);
    return { Config: textIn(Config), RepoTags: names.length > 0 ? names : null, Layers: layers };
  });
}

function noList(): never {
  throw new TarError('Its list of images cannot be read.');
}

function parsed(text: string | undefined): unknown {
  try {
    const document: unknown = JSON.parse(text ?? '');
    return document ?? noList();
  } catch {
    return noList();
  }
}
const arrayOf = (value: unknown): unknown[] =>
  Array.isArray(value) && value.every((one) => one !== null && one !== undefined) ? value : noList();
const descriptors = (value: unknown) => arrayOf(value) as Descriptor[];
const textIn = (value: unknown): string => (typeof value === 'string' ? value : noList());

/** A digest: an algorithm and a hash. (OCI image-spec: descriptor.md, Digests) */
const DIGEST = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[\w=-]+$/;
const blob = ({ digest }: Descriptor) =>
  DIGEST.test(textIn(digest)) ? `blobs/${digest.replace(':', '/')}` : noList();

/** An index or a manifest, as far as it is read here. */
type Document = Partial<Record<'manifests' | 'config' | 'layers', unknown>>;

async function readIndex(index: unknown, read: ReadTexts, unnamed: string): Promise<Listed[]> {
  const documents = async (found: Descriptor[]) => (await read(found.map(blob))).map(parsed) as Document[];
  const here = ({ platform }: Descriptor) =>
    !platform || (platform.os === 'linux' && platform.architecture === architecture());
  const tops = descriptors((index as Document).manifests).filter(here);
  const first = await documents(tops);
  // Chooses from a list for several platforms the one that fits.
  const chosen = first.map(({ manifests }, i) =>
    manifests === undefined
      ? (tops[i] as Descriptor)
      : (descriptors(manifests).find((one) => one.platform && here(one)) ?? noList()),
  );
  const found = await documents(chosen);
  return found.map(({ config, layers }, i) => ({
    Config: blob(descriptors([config])[0] as Descriptor),
    RepoTags: [imageName(tops[i]?.annotations ?? {}, unnamed)],
    Layers: descriptors(layers).map(blob),
  }));
}

/** Returns an image's name: containerd writes the whole name, others a tag alone or nothing. */
function imageName(annotations: Partial<Record<string, unknown>>, unnamed: string): string {
  const said = textIn(
    annotations['io.containerd.image.name'] ?? annotations['org.opencontainers.image.ref.name'] ?? unnamed,
  );
  const name = said.replace(/^docker\.io\/(library\/)?/, '');
  return name.includes(':') ? name : `${unnamed.split(':')[0]}:${name}`;
}
