// Reads an archive that has a list and no manifests: `docker save` before Docker 25, and podman. The manifests are made.
import { createHash } from 'node:crypto';
import { checkedImage, type Listed, readManifest as readList } from '../../engines/images/archive.ts';
import type { Host } from '../../host/host.ts';
import { chunksOf, type Listing, readFromTar, TarError, withTar } from '../../host/tar.ts';
import { digest as digestOf, MANIFEST_TYPE } from '../../registry/api.ts';
import type { Blob } from '../../registry/blobs.ts';
import { type Contents, type Held, isObject, parsed, SENDING, TEXT_LIMIT } from './archive-contents.ts';
import { documentOf, imageOf } from './whole.ts';

const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';

/** Reads which images the list names. @throws TarError */
export async function fromList(host: Host, path: string, listing: Listing, list: Buffer): Promise<Contents> {
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
      mediaType: MANIFEST_TYPE,
      config: part(CONFIG, own),
      layers: layers.map((layer) => part(layer.type, layer)),
    }),
  );
  const top = documentOf({ digest: digestOf(body), type: MANIFEST_TYPE, body });
  const files = new Map<string, Blob>([
    [Config, own],
    ...Layers.map((name, i): [string, Blob] => [name, layers[i] as Layer]),
  ]);
  return { image: imageOf(top, new Map()), files };
}
