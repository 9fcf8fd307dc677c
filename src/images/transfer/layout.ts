// Writes an image as an OCI layout in one archive, which docker, podman and containerd load, too.
// (image-spec, image-layout.md; docs.docker.com/reference/cli/docker/image/save)
import { architecture } from '../../engines/images/archive.ts';
import { CliError } from '../../errors.ts';
import { type Entry, packTar } from '../../host/tar.ts';
import { type Blob, blobBytes } from '../../registry/blobs.ts';
import type { Manifest } from '../manifest.ts';
import { reading } from './trouble.ts';
import { type Document, type Place, sizeOf, type WholeImage } from './whole.ts';

const INDEX = 'application/vnd.oci.image.index.v1+json';

/** The whole name of an image, as clients pull it; undefined if it has no tag. */
export type SavedName = { name: string; tag: string } | undefined;

/** Returns the manifest that a docker without containerd's store loads: the only one, or that for this kind of machine. */
export function forDocker({ top, documents }: WholeImage): Manifest | undefined {
  const images = documents
    .map(({ manifest }) => manifest)
    .filter(({ kind, layers }) => kind === 'image' && !layers.some(({ foreign }) => foreign));
  if (top.manifest.kind !== 'index') return images[0];
  const platforms = new Map(
    documents.flatMap(({ manifest }) => manifest.children.map(({ digest, platform }) => [digest, platform])),
  );
  const runnable = images.filter(({ digest }) => platforms.get(digest) !== undefined);
  const here = (platform: string | undefined) =>
    /^linux\/([^/]+)/.exec(platform ?? '')?.[1] === architecture();
  return runnable.length === 1 ? runnable[0] : runnable.find(({ digest }) => here(platforms.get(digest)));
}

/** Yields the archive. @throws CliError; as blobBytes */
export async function* savedImage(
  { session, repository }: Place,
  image: WholeImage,
  named: SavedName,
  told: (done: number, of: number) => void = () => {},
): AsyncGenerator<Buffer> {
  for (const { digest } of [...image.documents, ...image.blobs])
    if (!digest.startsWith('sha256:'))
      throw new CliError(`${repository} has a part with the digest ${digest}, which no archive takes.`);
  const all = sizeOf(image.blobs);
  let done = 0;
  const counted = async function* (blob: Blob): AsyncGenerator<Buffer> {
    for await (const chunk of blobBytes(session, repository, blob)) {
      done += chunk.length;
      told(done, all);
      yield chunk;
    }
  };
  async function* entries(): AsyncGenerator<Entry> {
    for (const [name, content] of Object.entries(lists(image, named))) {
      const body = Buffer.from(JSON.stringify(content));
      yield { name, size: body.length, chunks: [body] };
    }
    for (const { digest, body } of image.documents)
      yield { name: pathOf(digest), size: body.length, chunks: [body] };
    for (const blob of image.blobs)
      yield { name: pathOf(blob.digest), size: blob.size, chunks: counted(blob) };
  }
  const archive = packTar(entries());
  try {
    for (;;) {
      const { done: ended, value } = await reading(session, repository, () => archive.next());
      if (ended) return;
      yield value;
    }
  } finally {
    await archive.return(undefined);
  }
}

const pathOf = (digest: string): string => `blobs/${digest.replace(':', '/')}`;

/** Returns the files that say what is in the archive. */
function lists(image: WholeImage, named: SavedName): Record<string, unknown> {
  const { top } = image;
  const docker = forDocker(image);
  return {
    'oci-layout': { imageLayoutVersion: '1.0.0' },
    'index.json': { schemaVersion: 2, mediaType: INDEX, manifests: [descriptorOf(top, named)] },
    ...(docker?.config && {
      'manifest.json': [
        {
          Config: pathOf(docker.config.digest),
          RepoTags: named ? [named.name] : null,
          Layers: docker.layers.map(({ digest }) => pathOf(digest)),
        },
      ],
    }),
  };
}

const descriptorOf = ({ digest, type, body }: Document, named: SavedName) => ({
  mediaType: type,
  digest,
  size: body.length,
  ...(named && {
    annotations: {
      'io.containerd.image.name': named.name,
      'org.opencontainers.image.ref.name': named.tag,
    },
  }),
});
