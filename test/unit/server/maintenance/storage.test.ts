// The storage of a registry, as its files tell of it; whoever broke into the registry may have written them.
import { existsSync, mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Host } from '../../../../src/host/host.ts';
import { realHost } from '../../../../src/host/this-host.ts';
import {
  blobBytes,
  isEmpty,
  removeRepository,
  repositoriesOnDisk,
  revisionsOf,
  tagTimes,
  uploadsOf,
} from '../../../../src/server/maintenance/storage.ts';
import { temporaryDirectory } from '../../../helpers/tmp.ts';

const HEX = 'ab'.repeat(32);
const OTHER = 'cd'.repeat(32);

function storage() {
  const root = temporaryDirectory();
  const base = join(root, 'docker/registry/v2');
  const put = (path: string, content = '', modified?: Date) => {
    const file = join(base, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    if (modified) utimesSync(file, modified, modified);
    return file;
  };
  const repository = (name: string) => {
    put(`repositories/${name}/_manifests/revisions/sha256/${HEX}/link`, `sha256:${HEX}`);
    put(`repositories/${name}/_manifests/tags/latest/current/link`, `sha256:${HEX}`);
    put(`repositories/${name}/_layers/sha256/${HEX}/link`, `sha256:${HEX}`);
    mkdirSync(join(base, `repositories/${name}/_uploads`), { recursive: true });
  };
  return { root, base, put, repository, host: realHost() };
}

test('repositories are found at any depth, one inside another too', async () => {
  const { root, repository, host } = storage();
  for (const name of ['app', 'team/app', 'team/app/web', 'a/b/c/d']) repository(name);
  expect(await repositoriesOnDisk(host, root)).toEqual(['a/b/c/d', 'app', 'team/app', 'team/app/web']);
  expect(await repositoriesOnDisk(host, join(root, 'nothing'))).toEqual([]);
});

test('what is no name, or a link, is no repository', async () => {
  const { root, base, repository, put, host } = storage();
  repository('app');
  put('repositories/Big/_manifests/x');
  put('repositories/a b/_manifests/x');
  symlinkSync(join(base, 'repositories/app'), join(base, 'repositories/linked'));
  symlinkSync('/', join(base, 'repositories/root'));
  expect(await repositoriesOnDisk(host, root)).toEqual(['app']);
});

test('a deleted manifest is no revision, though its directory is there', async () => {
  const { root, base, repository, host, put } = storage();
  repository('app');
  mkdirSync(join(base, `repositories/app/_manifests/revisions/sha256/${OTHER}`));
  put('repositories/app/_manifests/revisions/sha256/nonsense/link');
  expect((await revisionsOf(host, root, 'app')).map(({ digest }) => digest)).toEqual([`sha256:${HEX}`]);
});

test('the time of a tag is that of its last push', async () => {
  const { root, put, host } = storage();
  const when = new Date('2026-03-01T10:00:00Z');
  put('repositories/app/_manifests/tags/old/current/link', '', when);
  expect((await tagTimes(host, root, 'app')).get('old')).toEqual(when);
});

test('an upload is as old as its last byte', async () => {
  const { root, put, host } = storage();
  const when = new Date(Date.now() + 5_000);
  put('repositories/app/_uploads/1-2/data', 'twelve bytes', when);
  expect(await uploadsOf(host, root, 'app')).toEqual([
    { repository: 'app', id: '1-2', modified: when, bytes: 12 },
  ]);
});

test('the size of a blob is that of a file, and not of what a link leads to', async () => {
  const { base, root, put, host } = storage();
  put(`blobs/sha256/ab/${HEX}/data`, 'x'.repeat(100));
  mkdirSync(join(base, `blobs/sha256/cd/${OTHER}`), { recursive: true });
  symlinkSync('/etc/passwd', join(base, `blobs/sha256/cd/${OTHER}/data`));
  const inside = host.inside(root);
  expect(await blobBytes(inside, `sha256:${HEX}`)).toBe(100);
  expect(await blobBytes(inside, `sha256:${OTHER}`)).toBe(0);
  expect(await blobBytes(inside, 'sha256:../../../../etc/passwd')).toBe(0);
});

describe('a repository', () => {
  test('is empty without a tag, a manifest or an upload', async () => {
    const { root, base, put, repository, host } = storage();
    repository('app');
    expect(await isEmpty(host, root, 'app')).toBe(false);
    mkdirSync(join(base, 'repositories/empty/_manifests/tags'), { recursive: true });
    mkdirSync(join(base, `repositories/empty/_manifests/revisions/sha256/${HEX}`), { recursive: true });
    put(`repositories/empty/_layers/sha256/${HEX}/link`);
    expect(await isEmpty(host, root, 'empty')).toBe(true);
    put('repositories/empty/_uploads/1/data');
    expect(await isEmpty(host, root, 'empty')).toBe(false);
  });

  test('is removed without the ones below it', async () => {
    const { root, base, repository, host } = storage();
    repository('team');
    repository('team/app');
    expect(await removeRepository(host.inside(root), 'team')).toBe(true);
    expect(await repositoriesOnDisk(host, root)).toEqual(['team/app']);
    expect(await removeRepository(host.inside(root), 'team/app')).toBe(true);
    expect(readdirSync(join(base, 'repositories'))).toEqual([]);
  });

  test('whose directory is a link to elsewhere takes nothing there along', async () => {
    const { root, base, host } = storage();
    const elsewhere = temporaryDirectory();
    writeFileSync(join(elsewhere, 'precious'), '');
    mkdirSync(join(elsewhere, '_manifests'));
    writeFileSync(join(elsewhere, '_manifests/precious'), '');
    mkdirSync(join(base, 'repositories/team'), { recursive: true });
    symlinkSync(elsewhere, join(base, 'repositories/team/app'));
    expect(await removeRepository(host.inside(root), 'team/app')).toBe(false);
    mkdirSync(join(base, 'repositories/other'));
    symlinkSync(join(elsewhere, '_manifests'), join(base, 'repositories/other/_manifests'));
    expect(await removeRepository(host.inside(root), 'other')).toBe(false);
    expect(
      existsSync(join(elsewhere, 'precious')) && existsSync(join(elsewhere, '_manifests/precious')),
    ).toBe(true);
  });
});

test('a repository of many images is read some at a time: a process may open few files', async () => {
  const { root, put, host } = storage();
  for (let i = 0; i < 100; i++) {
    const hex = String(i).padStart(64, '0');
    put(`repositories/app/_manifests/revisions/sha256/${hex}/link`);
    put(`repositories/app/_uploads/${i}/data`);
  }
  let open = 0;
  let most = 0;
  const counting: Host = {
    ...host,
    inside(path) {
      const inside = host.inside(path);
      return {
        ...inside,
        async entries(name) {
          most = Math.max(most, ++open);
          return inside.entries(name).finally(() => open--);
        },
      };
    },
  };
  expect(await revisionsOf(counting, root, 'app')).toHaveLength(100);
  expect(await uploadsOf(counting, root, 'app')).toHaveLength(100);
  expect(most).toBeLessThan(20);
});
