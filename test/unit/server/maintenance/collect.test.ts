// A collection, and the removal of whole repositories: what somebody has pushed meanwhile stays.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { Host } from '../../../../src/host/host.ts';
import { realHost } from '../../../../src/host/this-host.ts';
import {
  collectStep,
  type Freed,
  findGarbage,
  isNothing,
  sizeOf,
} from '../../../../src/server/maintenance/collect.ts';
import { repositoriesOnDisk } from '../../../../src/server/maintenance/storage.ts';
import { temporaryDirectory } from '../../../helpers/tmp.ts';

const HEX = 'ab'.repeat(32);
const NEEDLESS = 'cd'.repeat(32);

/** A storage, and a registry whose program finds one needless blob, and deletes it when it is to. */
function registry() {
  const storage = temporaryDirectory();
  const base = join(storage, 'docker/registry/v2');
  const put = (path: string, content = '') => {
    mkdirSync(dirname(join(base, path)), { recursive: true });
    writeFileSync(join(base, path), content);
  };
  const push = (name: string) => {
    put(`repositories/${name}/_manifests/revisions/sha256/${HEX}/link`, `sha256:${HEX}`);
    put(`repositories/${name}/_manifests/tags/latest/current/link`, `sha256:${HEX}`);
  };
  put(`blobs/sha256/cd/${NEEDLESS}/data`, 'x'.repeat(1_000));
  const runs: string[] = [];
  const real = realHost();
  const host: Host = {
    ...real,
    async run(_, args) {
      const dry = args.includes('--dry-run');
      runs.push(dry ? 'looks' : 'deletes');
      const there = (await real.stat(join(base, `blobs/sha256/cd/${NEEDLESS}`))) !== undefined;
      if (!dry) await real.removeTree(join(base, `blobs/sha256/cd/${NEEDLESS}`));
      return {
        code: 0,
        stdout: there ? `1 blobs\nblob eligible for deletion: sha256:${NEEDLESS}\n` : '',
        stderr: '',
      };
    },
  };
  const request = { settings: { storage, engine: 'docker', name: 'registry' }, engine: {} } as never;
  return { host, storage, push, request, runs };
}

async function collect(
  { host, request }: ReturnType<typeof registry>,
  names: string[],
  since: Date,
): Promise<Freed> {
  let freed: Freed | undefined;
  const found = await findGarbage(request, host);
  await collectStep(request, host, { names, since }, found, (done) => {
    freed = done;
  }).run(() => {});
  return freed as unknown as Freed;
}

test('a repository goes with everything, and one that was pushed to meanwhile stays', async () => {
  const made = registry();
  const { push, host, storage } = made;
  push('old');
  const since = new Date(Date.now() + 60_000);
  expect(await collect(made, ['old'], since)).toMatchObject({ repositories: ['old'], stay: [] });
  push('old');
  push('other');
  expect(await collect(made, ['old'], new Date(Date.now() - 60_000))).toMatchObject({
    repositories: [],
    stay: ['old'],
  });
  expect(await repositoriesOnDisk(host, storage)).toEqual(['old', 'other']);
});

test('what is freed was there and is gone; everything is looked through once while nobody can push', async () => {
  const made = registry();
  made.push('kept');
  const found = await findGarbage(made.request, made.host);
  expect([sizeOf(found), isNothing(found)]).toEqual([1_000, false]);
  made.runs.length = 0;
  expect(await collect(made, [], new Date())).toMatchObject({ blobs: 1, bytes: 1_000 });
  expect(made.runs).toEqual(['looks', 'deletes']);
  expect(isNothing(await findGarbage(made.request, made.host))).toBe(true);
});

test('a storage that nothing was ever pushed to holds no garbage: the registry’s own program would fail there', async () => {
  const host = {
    ...realHost(),
    run: async () => ({ code: 1, stdout: '', stderr: 'failed to mark: Path not found' }),
  };
  const request = { settings: { storage: temporaryDirectory(), engine: 'docker', name: 'r' } } as never;
  expect(isNothing(await findGarbage(request, host))).toBe(true);
});
