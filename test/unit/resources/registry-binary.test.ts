import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { binary } from '../../../src/resources/registry-binary.ts';
import type { ResourceOf } from '../../../src/resources/resource.ts';
import { type FakeHost, fakeHost } from '../../helpers/fake-host.ts';
import { on } from '../../helpers/fake-system.ts';
import { fiveCases } from '../../helpers/provider-cases.ts';

const path = '/opt/registry/bin/registry';
const resource: ResourceOf<'binary'> = { kind: 'binary', path, ref: 'registry:3', archive: '/a.tar' };
const aside = `${path}.new`;

/** The archive, its layers from the first to the last, and the name of the program in the last but one. */
function withArchive(host: FakeHost, name = 'bin/registry', runs = true): void {
  host.put('/opt/registry/bin/.keep', '');
  host.put('/a.tar', 'a tar');
  const list = [
    { Config: 'c.json', RepoTags: ['docker.io/library/registry:3'], Layers: ['1', '../../up', '2', '3'] },
  ];
  host.commands['tar -xOf /a.tar manifest.json'] = { stdout: JSON.stringify(list) };
  const unpack = `tar -C ${aside} --no-same-owner -xf`;
  host.commands[unpack] = { code: 2, stderr: 'Not found in archive' };
  const known = host.commands;
  // The longest one first: they are looked through in their order.
  host.commands = {};
  for (const layer of ['1', '2', '3'])
    on(host, `${unpack} /a.tar ${layer}`, () => void host.put(`${aside}/${layer}`, 'a layer'));
  on(host, `${unpack} ${aside}/2 ${name}`, () => void host.put(join(aside, name), 'ELF', 0o644));
  on(host, `${path} --version`, () =>
    runs
      ? { stdout: 'registry github.com/distribution/distribution/v3 v3.1.1' }
      : { code: 126, stderr: 'Exec format error' },
  );
  for (const words of Object.keys(known)) host.commands[words] = known[words] as object;
}

describe('the program out of an image', () => {
  fiveCases(binary, resource, [
    { name: 'none', prepare: (host) => withArchive(host), takes: 'create' },
    {
      name: 'elsewhere in the image',
      prepare: (host) => withArchive(host, './usr/bin/registry'),
      takes: 'create',
    },
    {
      name: 'here',
      prepare: (host) => {
        withArchive(host);
        host.put(path, 'ELF', 0o755);
      },
      takes: undefined,
    },
    {
      name: 'something that does not run',
      prepare: (host) => {
        withArchive(host);
        host.put(path, 'half', 0o600);
      },
      takes: 'create',
    },
  ]);

  test('everybody may run it, nothing else of the image is left', async () => {
    const host = fakeHost();
    withArchive(host);
    await binary.apply(resource, host);
    expect(host.mode(path)).toBe(0o755);
    expect(await host.list('/opt/registry/bin')).toEqual(['.keep', 'registry']);
  });

  test('an image for another machine is told in its own words', async () => {
    const host = fakeHost();
    withArchive(host, 'bin/registry', false);
    await expect(binary.apply(resource, host)).rejects.toMatchObject({
      message: 'The registry in the image registry:3 does not run on this machine.',
      why: 'Exec format error',
    });
  });

  test('an image without a registry, an archive without the image, no archive at all', async () => {
    const host = fakeHost();
    withArchive(host, 'bin/other');
    await expect(binary.apply(resource, host)).rejects.toThrow('has no program named registry');
    await expect(binary.apply({ ...resource, ref: 'other:1' }, host)).rejects.toThrow(
      'does not hold the image other:1',
    );
    await expect(binary.apply({ ...resource, archive: undefined }, host)).rejects.toThrow(
      'there is no archive',
    );
    expect(await host.list('/opt/registry/bin')).toEqual(['.keep']);
  });
});
