// Writes an image as an OCI layout in one archive, which docker, podman and containerd load, too.
// (image-spec, image-layout.md; docs.docker.com/reference/cli/docker/image/save)
import { architecture } from '../../engines/images/archive.ts';
import { CliError } from '../../errors.ts';
import { type Entry, packTar } from '../../host/tar.ts';
import { type Blob, blobBytes } from '../../registry/blobs.ts';
import type { Manifest } from '../manifest.ts';
import { type Attached, type Descriptor, listTag, referrersList } from './attached.ts';
import { reading } from './trouble.ts';
import { type Document, type Place, sizeOf, type WholeImage } from './whole.ts';

const INDEX = 'application/vnd.oci.image.index.v1+json';

/** The whole name of an image, as clients pull it; undefined if it has no tag. */
type SavedName = { name: string; tag: string } | undefined;

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

/** What goes into an archive. */
export interface Savable {
  image: WholeImage;
  named: SavedName;
  attached: Attached[];
}

/** Yields the archive. @throws CliError; as blobBytes */
export async function* savedImage(
  { session, repository }: Place,
  saved: Savable,
  told: (done: number, of: number) => void = () => {},
): AsyncGenerator<Buffer> {
  const { entries: index, documents, blobs } = membersOf(saved);
  for (const { digest } of [...documents, ...blobs])
    if (!digest.startsWith('sha256:'))
      throw new CliError(`${repository} has a part with the digest ${digest}, which no archive takes.`);
  const all = sizeOf(blobs);
  let done = 0;
  const counted = async function* (blob: Blob): AsyncGenerator<Buffer> {
    for await (const chunk of blobBytes(session, repository, blob)) {
      done += chunk.length;
      told(done, all);
      yield chunk;
    }
  };
  async function* entries(): AsyncGenerator<Entry> {
    for (const [name, content] of Object.entries(lists(saved, index))) {
      const body = Buffer.from(JSON.stringify(content));
      yield { name, size: body.length, chunks: [body] };
    }
    for (const { digest, body } of documents)
      yield { name: pathOf(digest), size: body.length, chunks: [body] };
    for (const blob of blobs) yield { name: pathOf(blob.digest), size: blob.size, chunks: counted(blob) };
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

/**
 * Returns what is in the archive, each once, and the entries of its index. The image is the first. What is attached to it has the tags
 * that it has in a registry without a list of its own: other programs look for it there.
 */
export function membersOf({ image, named, attached }: Savable) {
  const lists = new Map<string, Descriptor[]>();
  for (const { to, by } of attached)
    if ('descriptor' in by) lists.set(to, [...(lists.get(to) ?? []), by.descriptor]);
  const tagged = [
    ...[...lists].map(([to, descriptors]) => ({ tag: listTag(to), top: referrersList(descriptors) })),
    ...attached.flatMap(({ by, image: { top } }) => ('tag' in by ? [{ tag: by.tag, top }] : [])),
  ];
  const images = [image, ...attached.map((one) => one.image)];
  return {
    entries: [entryOf(image.top, named), ...tagged.map(({ tag, top }) => entryOf(top, { tag }))],
    documents: byDigest([...images.flatMap(({ documents }) => documents), ...tagged.map(({ top }) => top)]),
    blobs: byDigest(images.flatMap(({ blobs }) => blobs)),
  };
}

const byDigest = <T extends { digest: string }>(all: T[]): T[] => [
  ...new Map(all.map((one) => [one.digest, one])).values(),
];

/** Returns the files that say what is in the archive. */
function lists({ image, named }: Savable, entries: object[]): Record<string, unknown> {
  const docker = forDocker(image);
  return {
    'oci-layout': { imageLayoutVersion: '1.0.0' },
    'index.json': { schemaVersion: 2, mediaType: INDEX, manifests: entries },
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

const entryOf = ({ digest, type, body }: Document, named: { name?: string; tag: string } | undefined) => ({
  mediaType: type,
  digest,
  size: body.length,
  ...(named && {
    annotations: {
      ...(named.name && { 'io.containerd.image.name': named.name }),
      'org.opencontainers.image.ref.name': named.tag,
    },
  }),
});
