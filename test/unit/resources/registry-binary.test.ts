import { describe, expect, test } from 'vitest';
import { binary } from '../../../src/resources/registry-binary.ts';
import type { ResourceOf } from '../../../src/resources/resource.ts';
import { type FakeHost, fakeHost } from '../../helpers/fake-host.ts';
import { on } from '../../helpers/fake-system.ts';
import { fiveCases } from '../../helpers/provider-cases.ts';
import { listLine, tarOf } from '../../helpers/tar.ts';

const path = '/opt/registry/bin/registry';
const resource: ResourceOf<'binary'> = { kind: 'binary', path, ref: 'registry:3', archive: '/a.tar' };
/** The archive, its layers from the first to the last, and the name of the program in the last but one. */
function withArchive(host: FakeHost, name = 'bin/registry', runs = true): void {
  host.put('/opt/registry/bin/.keep', '');
  const program = (content: string) => tarOf({ name: 'bin', type: '5' }, { name, content, mode: 0o4644 });
  host.put(
    '/a.tar',
    tarOf(
      { name: 'c.json', content: '{}' },
      { name: '1', content: program('the one before') },
      { name: '2', content: program('ELF') },
      { name: '3', content: tarOf({ name: 'etc/passwd', content: 'x' }) },
      {
        name: 'manifest.json',
        content: JSON.stringify([listLine('docker.io/library/registry:3', ['1', '2', '3'])]),
      },
    ),
  );
  on(host, `${path} --version`, () =>
    runs
      ? { stdout: 'registry github.com/distribution/distribution/v3 v3.1.1' }
      : { code: 126, stderr: 'Exec format error\n\u001b[31m\u009b' },
  );
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

  test('everybody may run the program, and nothing else of the image is left', async () => {
    const host = fakeHost();
    withArchive(host);
    await binary.apply(resource, host);
    expect([host.mode(path), host.text(path)]).toEqual([0o755, 'ELF']);
    expect(await host.list('/opt/registry/bin')).toEqual(['.keep', 'registry']);
  });

  test('an image for another machine is reported with the error of its program', async () => {
    const host = fakeHost();
    withArchive(host, 'bin/registry', false);
    await expect(binary.apply(resource, host)).rejects.toMatchObject({
      message: 'The registry in the image registry:3 does not run on this machine.',
      why: 'Exec format error\n\\u001b[31m\\u009b',
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
