// Two real registries are compared as an upgrade does it: what one of them lacks is found, and what is broken in both is no measure.
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openSession } from '../../../../../src/registry/session.ts';
import { compare, spread, stillThere } from '../../../../../src/server/maintenance/upgrade/compare.ts';
import { putImage } from '../../../../helpers/images.ts';
import { noRegistry, type RealRegistry, startRegistry } from '../../../../helpers/registry-program.ts';
import { sampleStorage } from '../../../../helpers/sample-storage.ts';

const root = 'docker/registry/v2';
const names = ['team/app', 'other', 'broken'];
const session = ({ at }: RealRegistry) =>
  openSession(at, at.host, { kind: 'login', credentials: undefined }, undefined);

async function two() {
  const [now, next] = await Promise.all([startRegistry(), startRegistry()]);
  const sample = sampleStorage(now.data);
  for (const tag of ['1', '2']) await putImage(now.at, 'team/app', tag, { layers: [`layer ${tag}`] });
  const made = await putImage(now.at, 'other', 'latest', { layers: ['a layer'] });
  const broken = join(now.data, root, 'repositories/broken/_manifests/tags/1/current');
  mkdirSync(broken, { recursive: true });
  writeFileSync(join(broken, 'link'), `sha256:${'0'.repeat(64)}`);
  cpSync(now.data, next.data, { recursive: true });
  const compared = () =>
    compare(
      names,
      session(now),
      session(next),
      () => false,
      () => {},
    );
  return { now, next, sample, made, compared };
}

describe.skipIf(noRegistry)('with real registries', () => {
  test('the same', async () => {
    const { compared, now } = await two();
    const found = await compared();
    expect(found).toMatchObject({ repositories: 3, tags: 4 });
    expect(found.samples.map(({ repository, tag }) => `${repository}:${tag}`).sort()).toEqual([
      'other:latest',
      'team/app:1',
      'team/app:2',
    ]);
    await stillThere(session(now), found.samples);
  });

  test('a tag, a manifest, a layer that is missing, a tag too many', async () => {
    const tag = await two();
    rmSync(join(tag.next.data, root, 'repositories/team/app/_manifests/tags/2'), { recursive: true });
    await expect(tag.compared()).rejects.toThrow(/team\/app:2 is missing/);

    const hex = (digest: string) => digest.slice('sha256:'.length);
    const manifest = await two();
    const revisions = 'repositories/other/_manifests/revisions/sha256';
    rmSync(join(manifest.next.data, root, revisions, hex(manifest.made.digest)), { recursive: true });
    await expect(manifest.compared()).rejects.toThrow(/other:latest is missing/);

    const layer = await two();
    const blob = layer.sample.blob('a layer').digest;
    rmSync(layer.sample.path(blob).replace(layer.now.data, layer.next.data));
    await expect(layer.compared()).rejects.toThrow(blob);

    const more = await two();
    await putImage(more.next.at, 'other', 'nobodys', { layers: ['x'] });
    await expect(more.compared()).rejects.toThrow(/other:nobodys, which nobody has pushed/);
  });

  test('an image that is gone afterwards is told', async () => {
    const { now, made } = await two();
    const sample = { repository: 'other', tag: 'latest', digest: made.digest };
    await stillThere(session(now), [sample]);
    await expect(
      stillThere(session(now), [{ ...sample, digest: `sha256:${'1'.repeat(64)}` }]),
    ).rejects.toThrow('was there before');
  });
});

test('a sample comes from all parts of a list', () => {
  expect(spread([1, 2, 3], 5)).toEqual([1, 2, 3]);
  expect(
    spread(
      Array.from({ length: 100 }, (_, i) => i),
      4,
    ),
  ).toEqual([0, 25, 50, 75]);
});
