// Images in files: what is saved is loaded with its digests, whoever wrote it; what was made to do harm is refused.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { realHost } from '../../../../src/host/this-host.ts';
import { readImages } from '../../../../src/images/transfer/archive.ts';
import type { Contents } from '../../../../src/images/transfer/archive-contents.ts';
import { attachedTo } from '../../../../src/images/transfer/attached.ts';
import { savedImage } from '../../../../src/images/transfer/layout.ts';
import { carryOutLoad, planLoad } from '../../../../src/images/transfer/load.ts';
import { documentIn, wholeImage } from '../../../../src/images/transfer/whole.ts';
import { digest } from '../../../../src/registry/api.ts';
import { ask, type Endpoint } from '../../../../src/registry/http.ts';
import { openSession, type Session } from '../../../../src/registry/session.ts';
import { breakingProxy } from '../../../helpers/breaking-proxy.ts';
import { type Descriptor, putImage, putIndex } from '../../../helpers/images.ts';
import { noRegistry, startRegistry } from '../../../helpers/registry-program.ts';
import { type Raw, tarOf } from '../../../helpers/tar.ts';
import { temporaryDirectory } from '../../../helpers/tmp.ts';

const host = realHost();
const open = (at: Endpoint): Session =>
  openSession(at, 'registry.test:5000', { kind: 'login', credentials: undefined }, undefined);

async function saved(session: Session, repository: string, tag: string): Promise<string> {
  const top = await documentIn(session, repository, tag);
  if (!top) throw new Error('there is no image to save');
  const image = await wholeImage(session, repository, top);
  const path = join(temporaryDirectory(), 'image.tar');
  const named = { name: `registry.test:5000/${repository}:${tag}`, tag };
  const attached = await attachedTo({ session, repository }, image);
  await host.save(path, savedImage({ session, repository }, { image, named, attached }), 0o644);
  return path;
}

async function loaded(path: string, session: Session, repository: string, tag = '1.0') {
  const contents = await readImages(host, path);
  const wanted = contents.images.map((held) => ({ held, targets: [{ repository, tag }] }));
  const plan = await planLoad(session, wanted);
  const sent = await carryOutLoad(host, path, session, contents, plan);
  return { contents, sent };
}

const written = (bytes: Buffer): string => {
  const path = join(temporaryDirectory(), 'image.tar');
  writeFileSync(path, bytes);
  return path;
};

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const SIGNATURE = 'application/vnd.example.signature';
const blobName = (content: string | Buffer) => `blobs/${digest(content).replace(':', '/')}`;
const part = (content: string | Buffer, mediaType: string) => ({
  mediaType,
  digest: digest(content),
  size: content.length,
});
const text = (value: unknown) => JSON.stringify(value);
const CONFIG = text({ os: 'linux', architecture: 'amd64' });
const LAYER = 'a layer';
const manifestOf = (more: object = {}) =>
  text({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: part(CONFIG, 'application/vnd.oci.image.config.v1+json'),
    layers: [part(LAYER, 'application/vnd.oci.image.layer.v1.tar')],
    ...more,
  });
const index = (...tops: object[]) => ({
  name: 'index.json',
  content: text({ schemaVersion: 2, manifests: tops }),
});
const blob = (content: string): Raw => ({ name: blobName(content), content });
/** A layout of one image. */
const layout = ({
  manifest = manifestOf(),
  files = [blob(CONFIG), blob(LAYER)],
}: {
  manifest?: string;
  files?: Raw[];
} = {}) => tarOf(index(part(manifest, MANIFEST)), blob(manifest), ...files);

describe.skipIf(noRegistry)('an image in a file', () => {
  test('is the same in another registry: an index, its images and their attestation', async () => {
    const [{ at }, { at: other }] = [await startRegistry(), await startRegistry()];
    const amd = await putImage(at, 'team/app', undefined, { layers: ['base', 'amd'] });
    const arm = await putImage(at, 'team/app', undefined, { layers: ['base', 'arm'], architecture: 'arm64' });
    const attestation = await putImage(at, 'team/app', undefined, {
      layers: ['{}'],
      architecture: 'unknown',
    });
    const top = await putIndex(at, 'team/app', '1.0', [
      [amd, 'amd64'],
      [arm, 'arm64'],
      [attestation, '-'],
    ]);
    const path = await saved(open(at), 'team/app', '1.0');
    const { contents, sent } = await loaded(path, open(other), 'team/app');
    expect(contents.images[0]).toMatchObject({
      names: ['registry.test:5000/team/app:1.0'],
      remade: undefined,
    });
    expect(sent.blobs).toBe(7);
    for (const { digest: one } of [top, amd, arm, attestation])
      expect((await documentIn(open(other), 'team/app', one))?.digest).toBe(one);
    expect((await documentIn(open(other), 'team/app', '1.0'))?.digest).toBe(top.digest);
    expect((await loaded(path, open(other), 'team/app')).sent.blobs).toBe(0);
  });

  test('has the list that every docker loads, with files that are there', async () => {
    const { at } = await startRegistry();
    await putImage(at, 'team/app', '1.0', { layers: ['base', 'app'] });
    const path = await saved(open(at), 'team/app', '1.0');
    const bytes = readFileSync(path);
    const [list] = JSON.parse(/\[\{"Config".*?\}\]/.exec(bytes.toString('latin1'))?.[0] ?? '[]');
    expect(list.RepoTags).toEqual(['registry.test:5000/team/app:1.0']);
    expect(list.Layers).toEqual([blobName('base'), blobName('app')]);
    for (const name of [list.Config, ...list.Layers]) expect(bytes.toString('latin1')).toContain(name);
  });

  test('is written to the end, or not at all', async () => {
    const { at } = await startRegistry();
    await putImage(at, 'team/app', '1.0', { layers: ['x'.repeat(2_000_000)] });
    const folder = temporaryDirectory();
    const session = open(at);
    const top = await documentIn(session, 'team/app', '1.0');
    if (!top) throw new Error('there is no image to save');
    const image = await wholeImage(session, 'team/app', top);
    // The last blob goes while the file is being written.
    await ask(at, 'DELETE', `/v2/team/app/blobs/${image.blobs.at(-1)?.digest}`);
    const archive = savedImage(
      { session, repository: 'team/app' },
      { image, named: undefined, attached: [] },
    );
    await expect(host.save(join(folder, 'x.tar'), archive, 0o644)).rejects.toThrow('refuses to send');
    expect(readdirSync(folder)).toEqual([]);
  });

  test('goes to several repositories; the second takes the blobs from the first', async () => {
    const { at } = await startRegistry();
    const session = open(at);
    const path = written(layout());
    const contents = await readImages(host, path);
    const targets = ['one', 'two'].map((repository) => ({ repository, tag: '1' }));
    const wanted = contents.images.map((held) => ({ held, targets }));
    const sent = await carryOutLoad(host, path, session, contents, await planLoad(session, wanted));
    expect(sent).toMatchObject({ blobs: 2, mounted: 2 });
    expect((await documentIn(session, 'two', '1'))?.digest).toBe(digest(manifestOf()));
  });

  test('is read again where a connection broke', async () => {
    const { at } = await startRegistry();
    let broken = 0;
    const proxy = await breakingProxy(at, ({ method }) =>
      method === 'PATCH' && broken++ < 2 ? { request: 1 } : undefined,
    );
    await loaded(written(layout()), open(proxy.at), 'team/app');
    expect((await documentIn(open(at), 'team/app', '1.0'))?.digest).toBe(digest(manifestOf()));
  });

  test('of which only one platform is there gets an index of that platform', async () => {
    const { at } = await startRegistry();
    const there = manifestOf();
    const absent = manifestOf({ annotations: { lost: 'yes' } });
    const both = text({
      schemaVersion: 2,
      mediaType: INDEX,
      manifests: [
        { ...part(there, MANIFEST), platform: { os: 'linux', architecture: 'amd64' } },
        { ...part(absent, MANIFEST), platform: { os: 'linux', architecture: 'arm64' } },
      ],
    });
    const path = written(tarOf(index(part(both, INDEX)), blob(both), blob(there), blob(CONFIG), blob(LAYER)));
    const { contents } = await loaded(path, open(at), 'team/app');
    expect(contents.images[0]?.remade).toBe('platforms');
    const top = await documentIn(open(at), 'team/app', '1.0');
    expect(top?.manifest.children.map((child) => child.digest)).toEqual([digest(there)]);
  });

  test.each([
    ['as it is', (bytes: Buffer) => bytes],
    ['packed', (bytes: Buffer) => gzipSync(bytes)],
  ])('of docker save before 25 keeps its layers and its configuration: %s', async (_, packed) => {
    const { at } = await startRegistry();
    const layers = [tarOf({ name: 'a', content: 'one' }), gzipSync(tarOf({ name: 'b', content: 'two' }))];
    const config = text({
      os: 'linux',
      architecture: 'amd64',
      rootfs: { type: 'layers', diff_ids: [digest(layers[0] as Buffer), digest('unpacked')] },
    });
    const list = [{ Config: 'c.json', RepoTags: ['team/app:1.0'], Layers: ['1/layer.tar', '2/layer.tar'] }];
    const path = written(
      packed(
        tarOf(
          { name: 'c.json', content: config },
          { name: '1/layer.tar', content: layers[0] as Buffer },
          { name: '3/layer.tar', content: layers[1] as Buffer },
          // A layer of two images is there once, with a link to it.
          { name: '2/layer.tar', type: '2', to: '../3/layer.tar' },
          { name: 'manifest.json', content: text(list) },
        ),
      ),
    );
    const { contents } = await loaded(path, open(at), 'team/app');
    expect(contents.images[0]).toMatchObject({ names: ['team/app:1.0'], remade: 'manifest' });
    const top = await documentIn(open(at), 'team/app', '1.0');
    expect(top?.manifest.config?.digest).toBe(digest(config));
    expect(top?.manifest.layers.map((layer) => layer.digest)).toEqual(layers.map((layer) => digest(layer)));
    expect(
      JSON.parse(String(top?.body)).layers.map((layer: { mediaType: string }) => layer.mediaType),
    ).toEqual(['application/vnd.oci.image.layer.v1.tar', 'application/vnd.oci.image.layer.v1.tar+gzip']);
  });
});

describe.skipIf(noRegistry)('what is attached to an image in a file', () => {
  const refName = 'org.opencontainers.image.ref.name';
  const sign = (at: Endpoint, subject: Descriptor, by: string) =>
    putImage(at, 'app', undefined, { layers: [`{"by":"${by}"}`], holds: SIGNATURE, subject });
  const tagFor = ({ digest: of }: { digest: string }, kind = '') => `${of.replace(':', '-')}${kind}`;
  const has = async (at: Endpoint, reference: string) =>
    (await documentIn(open(at), 'mirror', reference))?.digest;
  const listOf = async (at: Endpoint, subject: { digest: string }) =>
    (await documentIn(open(at), 'mirror', tagFor(subject)))?.manifest.children.map((child) => child.digest);

  test('comes back with its digest: of the image, of a part, of a signature, and of cosign', async () => {
    const [{ at }, { at: other }] = [await startRegistry(), await startRegistry()];
    const amd = await putImage(at, 'app', undefined, { layers: ['amd'] });
    const image = await putIndex(at, 'app', '1', [[amd, 'amd64']]);
    const ofImage = await sign(at, image, 'ann');
    const ofPart = await sign(at, amd, 'ann');
    const ofSignature = await sign(at, ofImage, 'bob');
    for (const [subject, signature] of [
      [image, ofImage],
      [amd, ofPart],
      [ofImage, ofSignature],
    ] as const)
      await putIndex(at, 'app', tagFor(subject), [[signature, '-']]);
    const cosign = await putImage(at, 'app', tagFor(image, '.att'), { layers: ['built by'] });
    const path = await saved(open(at), 'app', '1');
    // The image is the first in the index, and the only one with a name.
    const entries = JSON.parse(/\{"schemaVersion":2[^\0]*/.exec(readFileSync(path, 'latin1'))?.[0] ?? '')
      .manifests as { digest: string; annotations: Record<string, string> }[];
    expect(entries[0]?.digest).toBe(image.digest);
    expect(entries.map(({ annotations }) => annotations[refName])).toEqual([
      '1',
      ...[image, amd, ofImage].map((one) => tagFor(one)).sort(),
      tagFor(image, '.att'),
    ]);
    const { contents, sent } = await loaded(path, open(other), 'mirror');
    expect(contents.images).toHaveLength(1);
    expect(sent.names).toHaveLength(4);
    for (const one of [image, ofImage, ofPart, ofSignature, cosign])
      expect(await has(other, one.digest)).toBe(one.digest);
    expect(await listOf(other, image)).toEqual([ofImage.digest]);
    expect(await listOf(other, amd)).toEqual([ofPart.digest]);
    expect(await listOf(other, ofImage)).toEqual([ofSignature.digest]);
    expect(await has(other, tagFor(image, '.att'))).toBe(cosign.digest);
    const again = await loaded(path, open(other), 'mirror');
    expect(again.sent).toMatchObject({ blobs: 0, names: [], stay: [] });
  });

  test('is found by its subject alone, as oras writes it, and stays with the names of the image', async () => {
    const { at } = await startRegistry();
    const manifest = manifestOf();
    const signature = manifestOf({ artifactType: SIGNATURE, subject: part(manifest, MANIFEST) });
    const top = { ...part(manifest, MANIFEST), annotations: { [refName]: 'app:1' } };
    const files = [blob(manifest), blob(signature), blob(CONFIG), blob(LAYER)];
    const path = written(tarOf(index(part(signature, MANIFEST), top), ...files));
    const { contents, sent } = await loaded(path, open(at), 'mirror');
    expect(contents.images).toMatchObject([{ names: ['app:1'] }]);
    expect(sent.names).toEqual([SIGNATURE]);
    expect(await has(at, digest(signature))).toBe(digest(signature));
    const { body } = (await documentIn(open(at), 'mirror', tagFor(top))) ?? {};
    expect(JSON.parse(String(body)).manifests).toEqual([
      { ...part(signature, MANIFEST), artifactType: SIGNATURE },
    ]);
  });

  test('is an image of its own where its subject is not in the file', async () => {
    const signature = manifestOf({ subject: part('elsewhere', MANIFEST) });
    const { images } = await readImages(host, written(layout({ manifest: signature })));
    expect(images).toMatchObject([{ image: { top: { digest: digest(signature) } }, attached: [] }]);
  });

  test('and names one another in a circle is read once', async () => {
    const [one, two] = [manifestOf({ annotations: { a: '1' } }), manifestOf({ annotations: { a: '2' } })];
    const list = (of: string, by: string) => {
      const body = text({ schemaVersion: 2, mediaType: INDEX, manifests: [part(by, MANIFEST)] });
      const entry = {
        ...part(body, INDEX),
        annotations: { [refName]: tagFor({ digest: digest(of) }) },
      };
      return { body, entry };
    };
    const lists = [list(one, two), list(two, one)];
    const top = { ...part(one, MANIFEST), annotations: { [refName]: 'app:1' } };
    const all = [one, two, ...lists.map(({ body }) => body), CONFIG, LAYER];
    const path = written(tarOf(index(top, ...lists.map(({ entry }) => entry)), ...all.map(blob)));
    const { images } = await readImages(host, path);
    expect(images).toHaveLength(1);
    expect(images[0]?.attached).toHaveLength(2);
  });
});

/** Archives that were made to do harm, or that lie. */
const HOSTILE: [string, () => Buffer][] = [
  ['a name that leads out of it', () => tarOf({ name: '../../etc/cron.d/x', content: 'x' }, index())],
  ['an absolute name', () => tarOf({ name: '/etc/cron.d/x', content: 'x' }, index())],
  [
    'a link in the place of a layer',
    () => layout({ files: [blob(CONFIG), { name: blobName(LAYER), type: '2', to: '/etc/shadow' }] }),
  ],
  ['a device', () => tarOf({ name: 'sda', type: '4' }, index())],
  ['an index that is a link', () => tarOf({ name: 'index.json', type: '2', to: '/etc/shadow' })],
  ['two files of one name', () => layout({ files: [blob(CONFIG), blob(LAYER), blob(LAYER)] })],
  [
    'a layer of another size',
    () => layout({ files: [blob(CONFIG), { name: blobName(LAYER), content: 'short' }] }),
  ],
  ['a missing layer', () => layout({ files: [blob(CONFIG)] })],
  [
    'a manifest of another digest',
    () => {
      const [real, lie] = [manifestOf(), manifestOf({ annotations: { x: 'y' } })];
      const files = [{ name: blobName(real), content: lie }, blob(CONFIG), blob(LAYER)];
      return tarOf(index(part(real, MANIFEST)), ...files);
    },
  ],
  ['an index without digests', () => tarOf(index({ digest: 'sha256:../../x' }))],
  ['an index that is no JSON', () => tarOf({ name: 'index.json', content: '[[[[' })],
  ['a very long index', () => tarOf({ name: 'index.json', content: ' '.repeat(9_000_000) })],
  [
    'a very long manifest',
    () => {
      const long = manifestOf({ annotations: { x: 'x'.repeat(5_000_000) } });
      return layout({ manifest: long });
    },
  ],
  [
    'a layer that is not the one of its configuration',
    () =>
      tarOf(
        { name: 'c.json', content: text({ rootfs: { diff_ids: [digest('other')] } }) },
        { name: 'l.tar', content: tarOf() },
        {
          name: 'manifest.json',
          content: text([{ Config: 'c.json', RepoTags: ['a:1'], Layers: ['l.tar'] }]),
        },
      ),
  ],
  [
    'a list that names a file of this machine',
    () =>
      tarOf({
        name: 'manifest.json',
        content: text([{ Config: '/etc/shadow', RepoTags: ['a:1'], Layers: [] }]),
      }),
  ],
  ['nothing', () => tarOf()],
  ['half of it', () => layout().subarray(0, 1_300)],
];

test.each(HOSTILE)('an archive is refused before a registry is asked: %s', async (_, make) => {
  const error = await readImages(host, written(make())).catch((caught) => caught);
  expect(error).toHaveProperty('name', 'Error');
  expect(error).toHaveProperty('missing');
  expect(error.message).toMatch(/^[^\n]{5,300}$/);
});

test('indexes that name one another thousands of times are read once', async () => {
  const bodies = [manifestOf()];
  for (let depth = 0; depth < 3; depth++) {
    const child = part(bodies[0] as string, depth === 0 ? MANIFEST : INDEX);
    const manifests = Array.from({ length: 5_000 }, () => child);
    bodies.unshift(text({ schemaVersion: 2, mediaType: INDEX, manifests }));
  }
  const files = [...bodies, CONFIG, LAYER].map(blob);
  const { images } = await readImages(
    host,
    written(tarOf(index(part(bodies[0] as string, INDEX)), ...files)),
  );
  expect(images[0]?.image.documents).toHaveLength(4);
});

test.skipIf(noRegistry)(
  'a layer whose bytes are not those of its digest is refused, and nothing gets a tag',
  async () => {
    const { at } = await startRegistry();
    const lie = layout({ files: [blob(CONFIG), { name: blobName(LAYER), content: 'A LAYER' }] });
    await expect(loaded(written(lie), open(at), 'team/app')).rejects.toThrow('does not have the digest');
    expect(await documentIn(open(at), 'team/app', '1.0')).toBeUndefined();
  },
);

test('names are read as containerd and others write them', async () => {
  const named = async (annotations: object): Promise<Contents['images'][number] | undefined> => {
    const top = { ...part(manifestOf(), MANIFEST), annotations };
    const path = written(tarOf(index(top), blob(manifestOf()), blob(CONFIG), blob(LAYER)));
    return (await readImages(host, path)).images[0];
  };
  const ref = 'org.opencontainers.image.ref.name';
  expect(await named({ 'io.containerd.image.name': 'docker.io/library/a:1', [ref]: '1' })).toMatchObject({
    names: ['docker.io/library/a:1'],
  });
  expect(await named({ [ref]: 'a:1' })).toMatchObject({ names: ['a:1'] });
  expect(await named({ [ref]: '1' })).toMatchObject({ names: [], tag: '1' });
  expect(await named({})).toMatchObject({ names: [], tag: undefined });
});
