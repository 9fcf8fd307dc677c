// Manifests of schema 1 are found by the files, tagged or not; what is broken or something else is not taken for one.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { realHost } from '../../../../../src/host/this-host.ts';
import { schemaOne } from '../../../../../src/server/maintenance/upgrade/schema-1.ts';
import { sampleStorage } from '../../../../helpers/sample-storage.ts';
import { temporaryDirectory } from '../../../../helpers/tmp.ts';

const old = (name: string) => ({ schemaVersion: 1, mediaType: undefined, name, fsLayers: [] });

test('schema 1', async () => {
  const storage = temporaryDirectory();
  const sample = sampleStorage(storage);
  sample.image('team/app', 'new', '2.0');
  sample.manifest('team/app', old('team/app'), '1.0');
  sample.manifest('team/app', old('team/app'), '1');
  const { digest } = sample.manifest('lone', old('lone'));
  const repositories = join(storage, 'docker/registry/v2/repositories');
  mkdirSync(join(repositories, 'broken/_manifests/revisions/sha256', '0'.repeat(64)), { recursive: true });
  writeFileSync(join(repositories, 'broken/_manifests/revisions/sha256', '0'.repeat(64), 'link'), 'x');
  symlinkSync('/etc', join(repositories, 'elsewhere'));
  expect(await schemaOne(realHost(), storage)).toEqual([`lone@${digest}`, 'team/app:1', 'team/app:1.0']);
});

test('none, and no storage at all', async () => {
  const storage = temporaryDirectory();
  expect(await schemaOne(realHost(), storage)).toEqual([]);
});
