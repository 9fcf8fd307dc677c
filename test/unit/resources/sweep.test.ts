// What a proof leaves in a registry's storage, which others write to as well: it goes, and nothing else does. On real files.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { realHost } from '../../../src/host/this-host.ts';
import { sweep } from '../../../src/resources/sweep.ts';
import { makeTestImage, sweepImage, testName, traceOf } from '../../../src/server/checks/test-image.ts';
import { temporaryDirectory } from '../../helpers/tmp.ts';

const V2 = 'docker/registry/v2';
const REPOSITORIES = `${V2}/repositories`;
const host = realHost();

const hex = (content: string) => createHash('sha256').update(content).digest('hex');
const blob = (digest: string) => `${V2}/blobs/sha256/${digest.slice(0, 2)}/${digest}/data`;

/** A storage, as a registry writes it. (paths.go of distribution) */
function storageDir() {
  const storage = temporaryDirectory();
  const put = (path: string, content = '') => {
    mkdirSync(dirname(join(storage, path)), { recursive: true });
    writeFileSync(join(storage, path), content);
  };
  const link = (repository: string, part: string, digest: string) =>
    put(`${REPOSITORIES}/${repository}/${part}/sha256/${digest}/link`, `sha256:${digest}`);
  return {
    storage,
    put,
    link,
    /** An image as it is once it is pushed. */
    push(
      repository: string,
      { config, layer, manifest }: Record<'config' | 'layer' | 'manifest', string>,
      tag = 'check',
    ) {
      for (const content of [config, layer, manifest]) put(blob(hex(content)), content);
      for (const content of [config, layer]) link(repository, '_layers', hex(content));
      link(repository, '_manifests/revisions', hex(manifest));
      link(repository, `_manifests/tags/${tag}/index`, hex(manifest));
      put(`${REPOSITORIES}/${repository}/_manifests/tags/${tag}/current/link`, hex(manifest));
      mkdirSync(join(storage, REPOSITORIES, repository, '_uploads'), { recursive: true });
    },
    all: () => (readdirSync(storage, { recursive: true }) as string[]).sort(),
  };
}

const PRECIOUS = { config: 'its config', layer: '8.8 MB of layers', manifest: 'its manifest' };

test('removes a leftover test image, below a prefix or not, and the folders that nothing else uses', async () => {
  const { storage, push, put, all } = storageDir();
  for (const image of [makeTestImage(), makeTestImage(`team/inner/${testName()}`)]) {
    push('team/app', PRECIOUS, '1');
    const before = all();
    push(image.repository, image);
    put(
      `${REPOSITORIES}/${image.repository}/_uploads/0bd4/hashstates/sha256/0`,
      'of a push that was cut off',
    );
    put(`${REPOSITORIES}/${image.repository}/_uploads/0bd4/startedat`);
    await sweepImage(storage, image, host);
    expect(all()).toEqual(before);
    await sweepImage(storage, image, host);
    expect(all(), 'twice').toEqual(before);
  }
});

test('removes what a registry had begun to write when the disk was full', async () => {
  const { storage, put, all } = storageDir();
  const image = makeTestImage();
  const half = '01a21997-e6e9-7a42-bdf8-b72c4fcd85c9.tmp';
  put(`${REPOSITORIES}/${image.repository}/_layers/sha256/${hex(image.layer)}/link.${half}`);
  put(`${blob(hex(image.config))}.${half}`);
  await sweepImage(storage, image, host);
  expect(all()).toEqual([]);
});

test('leaves nothing in a store that was empty, and makes no store', async () => {
  const { storage, push, all } = storageDir();
  const image = makeTestImage();
  await sweepImage(storage, image, host);
  await sweepImage(join(storage, 'nowhere'), image, host);
  push(image.repository, image);
  await sweepImage(storage, image, host);
  expect(all()).toEqual([]);
});

describe('keeps what does not belong to this test image', () => {
  test('a repository with the name of a test image that links to the blobs of another', async () => {
    const { storage, push, all } = storageDir();
    const image = makeTestImage();
    push('keep', PRECIOUS, '1');
    push('registry-setup-check-0123456789ab', PRECIOUS, 'x');
    const before = all();
    push(image.repository, image);
    await sweepImage(storage, image, host);
    expect(all()).toEqual(before);
  });

  test.each(['_layers', '_manifests/revisions'])('a blob that another repository has in %s', async (part) => {
    const { storage, push, link } = storageDir();
    const image = makeTestImage();
    push(image.repository, image);
    link('deep/er/copy', part, hex(image.layer));
    await sweepImage(storage, image, host);
    expect(existsSync(join(storage, blob(hex(image.layer))))).toBe(true);
    expect(existsSync(join(storage, blob(hex(image.config))))).toBe(false);
    expect(readdirSync(join(storage, REPOSITORIES))).toEqual(['deep']);
  });

  test('what somebody else has pushed into its repository', async () => {
    const { storage, push, all } = storageDir();
    const image = makeTestImage();
    push(image.repository, PRECIOUS, 'theirs');
    const before = all().filter((path) => !path.endsWith('_uploads'));
    push(image.repository, image);
    await sweepImage(storage, image, host);
    for (const path of before) expect(existsSync(join(storage, path)), path).toBe(true);
    expect(readdirSync(join(storage, REPOSITORIES, image.repository, '_manifests/tags'))).toEqual(['theirs']);
  });

  test('folders with names that are no digests, and what a link in their way leads to', async () => {
    const { storage, push, put } = storageDir();
    const root = temporaryDirectory();
    mkdirSync(join(root, 'precious-dir'));
    writeFileSync(join(root, 'precious-dir/file'), '');
    const image = makeTestImage();
    push(image.repository, image);
    for (const name of ['precious-dir', 'prime.conf', '..x'])
      put(`${REPOSITORIES}/${image.repository}/_layers/sha256/${name}/link`);
    symlinkSync(root, join(storage, V2, 'blobs/sha256/pr'));
    await sweepImage(storage, image, host);
    expect(readdirSync(root, { recursive: true }).sort()).toEqual(['precious-dir', 'precious-dir/file']);
    expect(existsSync(join(storage, blob(hex(image.layer))))).toBe(false);
  });
});

describe('a link in the place of a folder is not followed', () => {
  const repository = 'team/registry-setup-check-0123456789ab';
  const image = { repository, config: 'a config', layer: 'a layer', manifest: 'a manifest' };
  const own = `${REPOSITORIES}/${image.repository}`;
  const parts = (path: string) => path.split('/').map((_, i, names) => names.slice(0, i + 1).join('/'));
  const places = new Set(
    [
      `${own}/_uploads`,
      `${own}/_layers/sha256/${hex(image.layer)}`,
      `${own}/_manifests/revisions/sha256/${hex(image.manifest)}`,
      `${own}/_manifests/tags/check/index/sha256/${hex(image.manifest)}`,
      `${own}/_manifests/tags/check/current`,
      dirname(blob(hex(image.config))),
    ].flatMap(parts),
  );

  test.each([...places])('%s', async (place) => {
    const { storage, push, put } = storageDir();
    push(image.repository, image);
    put(`${own}/_uploads/0bd4/startedat`);
    const outside = join(temporaryDirectory(), 'outside');
    renameSync(join(storage, place), outside);
    symlinkSync(outside, join(storage, place));
    const before = readdirSync(outside, { recursive: true });
    await sweepImage(storage, image, host);
    expect(readdirSync(outside, { recursive: true })).toEqual(before);
  });

  test('nor does a circular link block a recovery', async () => {
    const { storage, push } = storageDir();
    push(image.repository, image);
    push('keep', PRECIOUS, '1');
    symlinkSync('.', join(storage, REPOSITORIES, 'round'));
    symlinkSync('_layers', join(storage, REPOSITORIES, 'keep/_layers-2'));
    mkdirSync(join(storage, REPOSITORIES, 'x'));
    symlinkSync('_layers', join(storage, REPOSITORIES, 'x/_layers'));
    await sweepImage(storage, image, host);
    expect(existsSync(join(storage, own))).toBe(false);
    expect(existsSync(join(storage, blob(hex(PRECIOUS.layer))))).toBe(true);
  });
});

test('a journal that names what no test image has is refused', async () => {
  const { storage, push, all } = storageDir();
  push('keep', PRECIOUS, '1');
  push('registry-setup-check-0123456789ab', PRECIOUS, 'x');
  const before = all();
  const step = traceOf(storage, makeTestImage());
  const wrong = [
    { repository: 'keep' },
    { repository: '../registry-setup-check-0123456789ab' },
    { repository: 'registry-setup-check-0123456789ab/../keep' },
    { repository: 'team//registry-setup-check-0123456789ab' },
    { digests: ['precious-dir'] },
    { digests: [`${'a'.repeat(63)}/`] },
    { digests: [hex('x').toUpperCase()] },
  ];
  for (const other of wrong)
    await expect(sweep({ ...step, ...other }, host), JSON.stringify(other)).rejects.toThrow(
      'not a test image',
    );
  expect(all()).toEqual(before);
});
