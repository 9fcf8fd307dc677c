// Reads which images are in an archive: an OCI layout, or what `docker save` writes. Its author may be an attacker.
import { createHash } from 'node:crypto';
import { checkedImage, type Listed, readManifest as readList } from '../../engines/images/archive.ts';
import { CliError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { chunksOf, fileIn, type Listing, listTar, readFromTar, TarError, withTar } from '../../host/tar.ts';
import { digest as digestOf } from '../../registry/api.ts';
import type { Blob } from '../../registry/blobs.ts';
import { shown } from '../../terminal/visible.ts';
import { type Entry, sortEntries } from './archive-attached.ts';
import type { Attached } from './attached.ts';
import {
  blobsOf,
  DEPTH,
  type Document,
  documentOf,
  imageOf,
  MANIFEST_BYTES,
  MANIFESTS,
  type WholeImage,
} from './whole.ts';

/** The most bytes of lists and manifests to read at once. */
const TEXT_LIMIT = 8_000_000;
/** The most manifests in an archive: an image may have as many attached to it as it has itself. */
const IN_ARCHIVE = 4 * MANIFESTS;
/** The longest manifest that a registry takes. (distribution-spec, "Pushing Manifests") */
const MANIFEST_LIMIT = 4 * 1024 * 1024;
/** Milliseconds for one pass that sends what it reads. */
export const SENDING = 24 * 60 * 60_000;

const INDEX = 'application/vnd.oci.image.index.v1+json';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';

/** An image in an archive. */
export interface Held {
  /** Its names, as the archive has them: `docker.io/library/alpine:3`. */
  names: string[];
  /** A tag alone, if the archive has no more of a name. */
  tag: string | undefined;
  image: WholeImage;
  /** What the archive has that is attached to it: signatures, attestations. */
  attached: Attached[];
  /** Why its digest is a new one: the archive holds only some of its platforms, or no manifest at all. */
  remade: 'platforms' | 'manifest' | undefined;
}

export interface Contents {
  images: Held[];
  /** The blobs by the names of their files. */
  files: Map<string, Blob>;
}

/** Packages that are not named as their program. */
const PACKAGES: Partial<Record<string, string>> = { xz: 'xz-utils' };

/** Words every fault of an archive in the same way. @throws CliError (exit 2) for each TarError */
export async function judged<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TarError)) throw error;
    const { message, missing } = error;
    if (missing)
      throw new CliError(`${path} is packed with ${missing}, which is not on this machine.`, {
        fix: [
          `apt-get install ${PACKAGES[missing] ?? missing}`,
          `Or unpack it elsewhere first:   ${missing} -d FILE`,
        ],
        exitCode: 2,
      });
    throw new CliError(`${path} is not an archive of images that can be loaded.`, {
      why: message,
      fix: 'docker save -o FILE IMAGE      makes one',
      exitCode: 2,
    });
  }
}

/** Reads what an archive holds, and checks that it is whole. @throws TarError; as Host.open */
export async function readImages(host: Host, path: string): Promise<Contents> {
  const { listing, read } = await listTar(host, path, ['index.json', 'manifest.json'], TEXT_LIMIT);
  const index = read.get('index.json');
  const list = read.get('manifest.json');
  const contents = index
    ? await fromIndex(host, path, listing, index)
    : list
      ? await fromList(host, path, listing, list)
      : undefined;
  if (!contents) throw new TarError('It has neither an index.json nor a manifest.json.');
  if (contents.images.length === 0) throw new TarError('There is no image in it.');
  return contents;
}

/** A descriptor in an index. */
interface Descriptor {
  digest: string;
  mediaType?: unknown;
  annotations?: Record<string, unknown>;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parsed(body: Buffer, name: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString());
    if (isObject(value)) return value;
  } catch {
    // Reported below.
  }
  throw new TarError(`${name} in it cannot be read.`);
}

const SHA256 = /^sha256:[0-9a-f]{64}$/;

function descriptorsIn(body: Buffer, name: string): Descriptor[] {
  const { manifests } = parsed(body, name);
  if (!Array.isArray(manifests)) throw new TarError(`${name} in it cannot be read.`);
  if (manifests.length > IN_ARCHIVE) throw new TarError('There are too many images in it.');
  return manifests.map((item: unknown) => {
    if (!isObject(item) || !SHA256.test(String(item.digest)))
      throw new TarError(`${name} in it names an image by no digest.`);
    return item as unknown as Descriptor;
  });
}

const pathOf = (digest: string): string => `blobs/${digest.replace(':', '/')}`;

async function fromIndex(host: Host, path: string, listing: Listing, index: Buffer): Promise<Contents> {
  const tops = descriptorsIn(index, 'index.json');
  const known = await manifestsIn(host, path, listing, tops);
  const judgedOnce = new Map<string, boolean>();
  const isWhole = (digest: string): boolean => {
    const before = judgedOnce.get(digest);
    if (before !== undefined) return before;
    const manifest = known.get(digest)?.manifest;
    const whole =
      manifest !== undefined &&
      blobsOf(manifest).every((blob) => listing.has(pathOf(blob.digest))) &&
      manifest.children.every((child) => isWhole(child.digest));
    judgedOnce.set(digest, whole);
    return whole;
  };
  const sorted = sortEntries(
    tops.map(({ digest, annotations }) => ({ digest, ...nameIn(annotations) })),
    known,
    isWhole,
  );
  const images = new Map<string, Held>();
  for (const { digest, name, tag } of sorted.images) {
    const top = known.get(digest);
    if (!top) throw new TarError(`It lacks ${pathOf(digest)}, which its index names.`);
    const held = images.get(digest) ?? heldOf(top, known, isWhole, sorted.attachedTo);
    if (name !== undefined) held.names.push(name);
    held.tag = tag ?? held.tag;
    images.set(digest, held);
  }
  const files = new Map<string, Blob>();
  for (const blob of [...images.values()].flatMap(blobsOfHeld)) {
    const { size } = fileIn(listing, pathOf(blob.digest));
    if (size !== blob.size)
      throw new TarError(`${pathOf(blob.digest)} has ${size} bytes, and its manifest says ${blob.size}.`);
    files.set(pathOf(blob.digest), blob);
  }
  return { images: [...images.values()], files };
}

/** Returns the blobs of an image and of what is attached to it; some may come twice. */
export const blobsOfHeld = ({ image, attached }: Held): Blob[] => [
  ...image.blobs,
  ...attached.flatMap((one) => one.image.blobs),
];

/** Reads the manifests of all images, level by level; leaves out those that the archive does not hold. */
async function manifestsIn(
  host: Host,
  path: string,
  listing: Listing,
  tops: Descriptor[],
): Promise<Map<string, Document>> {
  const known = new Map<string, Document>();
  let level = tops.map(({ digest, mediaType }) => ({ digest, type: String(mediaType ?? '') }));
  let left = MANIFEST_BYTES;
  for (let depth = 0; level.length > 0; depth++) {
    const wanted = new Map(
      level
        .filter(({ digest }) => !known.has(digest) && listing.has(pathOf(digest)))
        .map(({ digest, type }) => [digest, type]),
    );
    if (depth > DEPTH || known.size + wanted.size > IN_ARCHIVE)
      throw new TarError('Its indexes refer to more than any image has.');
    for (const digest of wanted.keys())
      if (fileIn(listing, pathOf(digest)).size > MANIFEST_LIMIT)
        throw new TarError(`${pathOf(digest)} is too large for a manifest.`);
    const bodies = await readFromTar(
      host,
      path,
      [...wanted.keys()].map(pathOf),
      Math.min(left, MANIFEST_BYTES),
    );
    level = [];
    for (const [digest, said] of wanted) {
      const body = bodies.get(pathOf(digest)) ?? Buffer.alloc(0);
      left -= body.length;
      if (digestOf(body) !== digest) throw new TarError(`${pathOf(digest)} does not have that digest.`);
      const { mediaType, manifests } = parsed(body, pathOf(digest));
      const type = String(mediaType ?? (said || (Array.isArray(manifests) ? INDEX : MANIFEST)));
      if (!/^application\/[\w.+-]{1,200}$/.test(type))
        throw new TarError(`${pathOf(digest)} is of no kind that a registry takes: ${shown(type)}`);
      const document = documentOf({ digest, type, body });
      known.set(digest, document);
      // Children are of the kind that they say themselves.
      level.push(...document.manifest.children.map((child) => ({ digest: child.digest, type: '' })));
    }
  }
  return known;
}

/** Returns an image, without those of its platforms that the archive does not hold. @throws TarError if nothing is left of it */
function heldOf(
  top: Document,
  known: ReadonlyMap<string, Document>,
  isWhole: (digest: string) => boolean,
  attachedTo: (documents: Document[]) => Attached[],
): Held {
  const held = (whole: Document, remade: Held['remade']): Held => {
    const image = imageOf(whole, known);
    return { names: [], tag: undefined, image, attached: attachedTo(image.documents), remade };
  };
  const { children, kind } = top.manifest;
  if (kind !== 'index' || children.every(({ digest }) => isWhole(digest))) return held(top, undefined);
  const index = parsed(top.body, pathOf(top.digest)) as { manifests: Descriptor[] };
  const manifests = index.manifests.filter((one) => SHA256.test(String(one?.digest)) && isWhole(one.digest));
  const runs = children.filter(({ platform, digest }) => platform !== undefined && isWhole(digest));
  if (runs.length === 0) throw new TarError('An image in it is not whole: none of its platforms is there.');
  const body = Buffer.from(JSON.stringify({ ...index, manifests }));
  return held(documentOf({ digest: digestOf(body), type: top.type, body }), 'platforms');
}

/** Containerd writes the whole name; the other annotation is a whole name or a tag alone. (image-spec, annotations.md) */
function nameIn(annotations: unknown): Omit<Entry, 'digest'> & { name: string | undefined } {
  const none = { name: undefined, tag: undefined, isNamed: false };
  if (!isObject(annotations)) return none;
  const whole = annotations['io.containerd.image.name'];
  const said = annotations['org.opencontainers.image.ref.name'];
  const name = typeof whole === 'string' && whole ? whole : said;
  if (typeof name !== 'string' || name === '') return none;
  return name.includes(':') || name.includes('/')
    ? { name, tag: undefined, isNamed: true }
    : { name: undefined, tag: name, isNamed: false };
}

/** Reads the list of `docker save` before Docker 25, and of podman: it has no manifests, so they are made. */
async function fromList(host: Host, path: string, listing: Listing, list: Buffer): Promise<Contents> {
  const sizes = new Map<string, number>();
  const listed = (await readList(async () => [list.toString(), undefined], '')).map((image) =>
    checkedImage(image, listing, sizes),
  );
  const configs = await readFromTar(host, path, [...new Set(listed.map(({ Config }) => Config))], TEXT_LIMIT);
  const layers = await measured(host, path, new Set(listed.flatMap(({ Layers }) => Layers)));
  const files = new Map<string, Blob>();
  const images = listed.map((image): Held => {
    const made = madeImage(image, configs.get(image.Config) ?? Buffer.alloc(0), layers);
    for (const [name, blob] of made.files) files.set(name, blob);
    return {
      names: image.RepoTags ?? [],
      tag: undefined,
      image: made.image,
      attached: [],
      remade: 'manifest',
    };
  });
  return { images, files };
}

interface Layer extends Blob {
  type: string;
}

const PACKED: [string, string][] = [
  ['1f8b', '+gzip'],
  ['28b52ffd', '+zstd'],
];

/** Returns digests and kinds of layers, in one pass. */
function measured(host: Host, path: string, names: ReadonlySet<string>): Promise<Map<string, Layer>> {
  return withTar(
    host,
    path,
    async ({ members }) => {
      const layers = new Map<string, Layer>();
      for await (const { name, type, size, body } of members) {
        if (type !== 'file' || !names.has(name)) continue;
        const first = (await body.peek(4)).toString('hex');
        const packing = PACKED.find(([start]) => first.startsWith(start))?.[1] ?? '';
        const hash = createHash('sha256');
        for await (const chunk of chunksOf(body)) hash.update(chunk);
        layers.set(name, { digest: `sha256:${hash.digest('hex')}`, size, type: `${LAYER}${packing}` });
      }
      return layers;
    },
    SENDING,
  );
}

/** Makes the manifest of an image. @throws TarError if its layers are not those of its configuration */
function madeImage({ Config, Layers }: Listed, config: Buffer, known: ReadonlyMap<string, Layer>) {
  const { rootfs } = parsed(config, Config);
  const told = isObject(rootfs) && Array.isArray(rootfs.diff_ids) ? rootfs.diff_ids : [];
  const layers = Layers.map((name) => known.get(name) as Layer);
  if (told.length !== layers.length)
    throw new TarError(
      `${Config} is of an image with ${told.length} layers, and the list has ${layers.length}.`,
    );
  const lie = layers.findIndex(({ type, digest }, i) => type === LAYER && digest !== told[i]);
  if (lie >= 0) throw new TarError(`${Layers[lie]} is not the layer that ${Config} names.`);
  const part = (mediaType: string, { digest, size }: Blob) => ({ mediaType, digest, size });
  const own = { digest: digestOf(config), size: config.length };
  const body = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: part(CONFIG, own),
      layers: layers.map((layer) => part(layer.type, layer)),
    }),
  );
  const top = documentOf({ digest: digestOf(body), type: MANIFEST, body });
  const files = new Map<string, Blob>([
    [Config, own],
    ...Layers.map((name, i): [string, Blob] => [name, layers[i] as Layer]),
  ]);
  return { image: imageOf(top, new Map()), files };
}
