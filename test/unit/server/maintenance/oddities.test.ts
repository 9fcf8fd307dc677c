// What stops the registry's own collection is found before it, and named: the registry's program is the oracle.
import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { realHost } from '../../../../src/host/this-host.ts';
import { mustBeTidy } from '../../../../src/server/maintenance/oddities.ts';
import { fillTemplate } from '../../../../src/templates.ts';
import { noRegistry, registryProgram } from '../../../helpers/registry-program.ts';
import { sampleStorage } from '../../../helpers/sample-storage.ts';
import { temporaryDirectory } from '../../../helpers/tmp.ts';

const BASE = 'docker/registry/v2';

function storage() {
  const dir = temporaryDirectory();
  const data = join(dir, 'data');
  sampleStorage(data).image('team/app', 'layer', '1');
  mkdirSync(join(data, BASE, 'repositories/team/app/_layers'));
  const made = (path: string) => {
    mkdirSync(dirname(join(data, BASE, path)), { recursive: true });
    return join(data, BASE, path);
  };
  return {
    data,
    made,
    put: (path: string) => writeFileSync(made(path), 'x'),
    /** Whether the registry's own collection comes to its end. */
    collects() {
      const config = join(dir, 'config.yml');
      writeFileSync(config, fillTemplate('config.yml', { 'storage.filesystem.rootdirectory': data }));
      const env = { ...process.env, OTEL_TRACES_EXPORTER: 'none' };
      return spawnSync(registryProgram(), ['garbage-collect', '--dry-run', config], { env }).status === 0;
    },
  };
}

const judged = (data: string) =>
  mustBeTidy(realHost(), data).then(
    () => undefined,
    (error: Error) => error.message,
  );

test.skipIf(noRegistry).each([
  ['repositories/Big/_manifests/x', 'repositories/Big is no name of a repository'],
  ['repositories/team/UP/_manifests/x', 'repositories/team/UP is no name of a repository'],
  ['blobs/sha256/ab/abcd/data', 'blobs/sha256/ab/abcd is no name of a blob'],
])('%s stops it', async (path, message) => {
  const { data, put, collects } = storage();
  expect(collects()).toBe(true);
  put(path);
  expect(collects()).toBe(false);
  expect(await judged(data)).toContain(`${BASE}/${message}`);
});

test.skipIf(noRegistry)('so does a link that leads back into the storage', async () => {
  const { data, made, collects } = storage();
  symlinkSync('..', made('blobs/sha256/loop'));
  expect(collects()).toBe(false);
  expect(await judged(data)).toContain(`${BASE}/blobs/sha256/loop is a link`);
});

test.each(['repositories/other', 'repositories/team/other', 'blobs/sha256/ab', 'blobs/sha256/cd/x'])(
  'a link is refused wherever it is: %s',
  async (path) => {
    const { data, made } = storage();
    symlinkSync('/etc', made(path));
    expect(await judged(data)).toContain(`${BASE}/${path} is a link`);
  },
);

test.skipIf(noRegistry).each(['lost+found/x', 'repositories/file', 'blobs/sha256/x', 'blobs/sha256/Big/x'])(
  'what the registry passes over does not stop us either: %s',
  async (path) => {
    const { data, put, collects } = storage();
    put(path);
    mkdirSync(join(data, BASE, 'repositories/Empty'));
    expect(collects()).toBe(true);
    expect(await judged(data)).toBeUndefined();
  },
);
