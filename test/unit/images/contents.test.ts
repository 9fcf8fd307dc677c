// What a real registry holds, as the list tells it.
import { describe, expect, test } from 'vitest';
import { readerOf } from '../../../src/images/contents.ts';
import { abilitiesOf, carryOutRemoval } from '../../../src/images/delete.ts';
import { repositoriesOf, takeStock } from '../../../src/images/inventory.ts';
import { readPattern } from '../../../src/images/pattern.ts';
import { isSame, planRemovals } from '../../../src/images/plan.ts';
import { select } from '../../../src/images/select.ts';
import { manifestOf } from '../../../src/registry/contents.ts';
import { ask, type Endpoint } from '../../../src/registry/http.ts';
import { openSession } from '../../../src/registry/session.ts';
import { putImage, putIndex } from '../../helpers/images.ts';
import { noRegistry, startRegistry } from '../../helpers/registry-program.ts';

const DAY = '2026-03-01T00:00:00Z';
const open = (at: Endpoint) => {
  const session = openSession(at, 'registry.test:5000', { kind: 'login', credentials: undefined }, undefined);
  return { session, reader: readerOf(session) };
};
const stockOf = async (at: Endpoint, pattern?: string) => {
  const { session, reader } = open(at);
  const only = pattern === undefined ? undefined : readPattern(pattern, session.name);
  const stock = await takeStock(reader, await repositoriesOf(reader, only), only);
  session.close();
  return stock;
};
const statusOf = async (at: Endpoint, repository: string, reference: string) =>
  (await manifestOf(open(at).session, repository, reference)) ? 200 : 404;

describe.skipIf(noRegistry)('a list', () => {
  test('tells digests, sizes, platforms and dates, of OCI and Docker types, and counts shared layers once', async () => {
    const { at } = await startRegistry();
    const base = 'b'.repeat(5_000);
    const one = await putImage(at, 'team/app', '1.0', { layers: [base, 'one'], created: DAY });
    const two = await putImage(at, 'team/app', '2.0', {
      layers: [base, 'two'],
      docker: true,
      created: '2026-04-01T00:00:00Z',
    });
    const amd = await putImage(at, 'team/multi', undefined, { layers: [base, 'amd'], created: DAY });
    const arm = await putImage(at, 'team/multi', undefined, {
      layers: ['arm'],
      architecture: 'arm64',
      created: '2026-05-01T00:00:00Z',
    });
    const attestation = await putImage(at, 'team/multi', undefined, {
      layers: ['{"subject":1}'],
      architecture: 'unknown',
    });
    const multi = await putIndex(at, 'team/multi', 'latest', [
      [amd, 'amd64'],
      [arm, 'arm64'],
      [attestation, '-'],
    ]);
    await putImage(at, 'charts/web', '0.1', {
      layers: ['chart'],
      holds: 'application/vnd.cncf.helm.config.v1+json',
    });
    const { repositories, bytes } = await stockOf(at);
    expect(
      repositories.map(({ name, tags }) => [
        name,
        tags.map(({ tag, manifest, description }) => [
          tag,
          manifest?.digest,
          manifest?.kind,
          description?.platforms,
          description?.created?.toISOString().slice(0, 10),
        ]),
      ]),
    ).toEqual([
      ['charts/web', [['0.1', expect.any(String), 'other', [], undefined]]],
      [
        'team/app',
        [
          ['1.0', one.digest, 'image', ['linux/amd64'], '2026-03-01'],
          ['2.0', two.digest, 'image', ['linux/amd64'], '2026-04-01'],
        ],
      ],
      ['team/multi', [['latest', multi.digest, 'index', ['linux/amd64', 'linux/arm64'], '2026-05-01']]],
    ]);
    const sum = repositories
      .flatMap(({ tags }) => tags)
      .reduce((all, { description }) => all + (description?.size ?? 0), 0);
    // Three images have the base, and it takes room once.
    expect(sum - bytes).toBe(2 * base.length);
    // The size of an index is that of all it leads to.
    expect(repositories[2]?.tags[0]?.description?.size).toBeGreaterThan(
      base.length + multi.size + amd.size + arm.size + attestation.size,
    );
  });

  test('has every repository, also if the registry allows only a few at a time', async () => {
    const { at } = await startRegistry({ pages: 3 });
    const names = Array.from({ length: 8 }, (_, i) => `r/${i}`);
    for (const name of names) await putImage(at, name, 'latest', { layers: ['x'] });
    const { reader } = open(at);
    expect(await repositoriesOf(reader)).toEqual(names);
  });

  test('takes only what a pattern matches', async () => {
    const { at } = await startRegistry();
    for (const name of ['team/app', 'team/db', 'other'])
      for (const tag of ['1', 'pr-1']) await putImage(at, name, tag, { layers: [name + tag], created: DAY });
    const { repositories } = await stockOf(at, 'team/*:pr-*');
    expect(repositories.map(({ name, tags }) => [name, tags.map(({ tag }) => tag)])).toEqual([
      ['team/app', ['pr-1']],
      ['team/db', ['pr-1']],
    ]);
  });

  test('shows a tag whose manifest is gone, and a repository without a tag', async () => {
    const { at } = await startRegistry();
    const kept = await putImage(at, 'a', '1', { layers: ['a'] });
    const gone = await putImage(at, 'b', '1', { layers: ['b'] });
    await ask(at, 'DELETE', `/v2/b/manifests/${gone.digest}`);
    const { repositories } = await stockOf(at);
    expect(repositories).toMatchObject([
      { name: 'a', tags: [{ tag: '1', manifest: { digest: kept.digest } }] },
      { name: 'b', tags: [] },
    ]);
  });
});

describe.skipIf(noRegistry)('a removal', () => {
  const remove = async (at: Endpoint, ...words: string[]) => {
    const { session, reader } = open(at);
    const plan = await planRemovals(reader, await select(reader, words));
    for (const removal of plan.removals) await carryOutRemoval(session, removal);
    session.close();
    return plan;
  };

  test('of an index takes its parts along, and leaves what another tag needs', async () => {
    const { at } = await startRegistry();
    const amd = await putImage(at, 'app', 'amd', { layers: ['amd'] });
    const arm = await putImage(at, 'app', undefined, { layers: ['arm'], architecture: 'arm64' });
    const multi = await putIndex(at, 'app', 'multi', [
      [amd, 'amd64'],
      [arm, 'arm64'],
    ]);
    await remove(at, 'app:multi');
    expect(await Promise.all([amd, arm, multi].map(({ digest }) => statusOf(at, 'app', digest)))).toEqual([
      200, 404, 404,
    ]);
    expect(await statusOf(at, 'app', 'amd')).toBe(200);
  });

  test('of a tag leaves the image to the other tags of it', async () => {
    const { at } = await startRegistry();
    const one = await putImage(at, 'app', '1.0', { layers: ['one'] });
    await putImage(at, 'app', 'latest', { layers: ['one'] });
    await remove(at, 'app:latest');
    expect(await Promise.all(['1.0', 'latest', one.digest].map((ref) => statusOf(at, 'app', ref)))).toEqual([
      200, 404, 200,
    ]);
  });

  test('tells what comes back: not what an image of another repository needs', async () => {
    const { at } = await startRegistry();
    const base = 'b'.repeat(5_000);
    await putImage(at, 'one', '1', { layers: [base, 'x'.repeat(700)] });
    await putImage(at, 'two', '1', { layers: [base] });
    const { reader } = open(at);
    const shared = await planRemovals(reader, await select(reader, ['one']));
    expect(shared.freed.exact).toBe(true);
    expect(shared.freed.bytes).toBeGreaterThan(700);
    expect(shared.freed.bytes).toBeLessThan(base.length);
    const both = await planRemovals(reader, await select(reader, ['one', 'two']));
    expect(both.freed.bytes).toBeGreaterThan(base.length + 700);
  });

  test('that is planned anew after a push is another one', async () => {
    const { at } = await startRegistry();
    await putImage(at, 'app', '1', { layers: ['one'] });
    const plan = async () => planRemovals(open(at).reader, await select(open(at).reader, ['app:*']));
    const before = await plan();
    expect(isSame(before, await plan())).toBe(true);
    await putImage(at, 'app', '2', { layers: ['two'] });
    expect(isSame(before, await plan())).toBe(false);
  });

  test.each([
    ['nothing:1', /has no repository nothing/],
    ['app:9', /app has no tag 9/],
    [`app@sha256:${'0'.repeat(64)}`, /holds no app@sha256:0/],
    ['none/*', /Nothing in registry.test:5000 matches none/],
  ])('of %s is refused, and nothing is touched', async (word, message) => {
    const { at } = await startRegistry();
    await putImage(at, 'app', '1', { layers: ['one'] });
    await expect(remove(at, 'app:1', word)).rejects.toMatchObject({
      message: expect.stringMatching(message),
      exitCode: 2,
    });
    expect(await statusOf(at, 'app', '1')).toBe(200);
  });

  test('of a part of an index is refused', async () => {
    const { at } = await startRegistry();
    const amd = await putImage(at, 'app', undefined, { layers: ['amd'] });
    await putIndex(at, 'app', 'multi', [[amd, 'amd64']]);
    await expect(remove(at, `app@${amd.digest}`)).rejects.toMatchObject({
      message: expect.stringContaining('a part of app:multi'),
      exitCode: 2,
    });
  });

  test('where deletion is switched off is refused, and the way out is said', async () => {
    const { at } = await startRegistry({ mayDelete: false });
    await putImage(at, 'app', '1', { layers: ['one'] });
    await expect(abilitiesOf(open(at).session, 'app')).rejects.toMatchObject({
      message: expect.stringContaining('switched off'),
      fix: [expect.stringContaining('--delete')],
      exitCode: 2,
    });
  });
});
