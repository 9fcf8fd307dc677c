// Reads which images are in an archive: an OCI layout, or what `docker save` writes. Its author may be an attacker.
import { CliError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { fileIn, type Listing, listTar, readFromTar, TarError } from '../../host/tar.ts';
import { digest as digestOf, MANIFEST_TYPE } from '../../registry/api.ts';
import type { Blob } from '../../registry/blobs.ts';
import { shown } from '../../terminal/visible.ts';
import { type Entry, sortEntries } from './archive-attached.ts';
import { blobsOfHeld, type Contents, type Held, isObject, parsed, TEXT_LIMIT } from './archive-contents.ts';
import type { Attached } from './attached.ts';
import { fromList } from './saved-list.ts';
import { blobsOf, DEPTH, type Document, documentOf, imageOf, MANIFEST_BYTES, MANIFESTS } from './whole.ts';

/** The most manifests in an archive: an image may have as many attached to it as it has itself. */
const IN_ARCHIVE = 4 * MANIFESTS;
/** The longest manifest that a registry takes. (distribution-spec, "Pushing Manifests") */
const MANIFEST_LIMIT = 4 * 1024 * 1024;
const INDEX = 'application/vnd.oci.image.index.v1+json';

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
      const type = String(mediaType ?? (said || (Array.isArray(manifests) ? INDEX : MANIFEST_TYPE)));
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
