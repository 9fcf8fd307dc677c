import { describe, expect, test } from 'vitest';
import { dir } from '../../../src/resources/dir.ts';
import type { ResourceOf } from '../../../src/resources/resource.ts';
import { fakeHost } from '../../helpers/fake-host.ts';
import { fiveCases, undoNow, vaultOn } from '../../helpers/provider-cases.ts';

const resource: ResourceOf<'dir'> = { kind: 'dir', path: '/srv/a/b', mode: 0o700 };

describe('a directory', () => {
  fiveCases(dir, resource, [
    { name: 'no directory', prepare: () => {}, takes: 'create' },
    { name: 'its parent alone', prepare: (host) => host.mkdir('/srv/a', 0o711), takes: 'create' },
    {
      name: 'another mode',
      prepare: async (host) => {
        host.put('/srv/a/b/inside', 'x');
        await host.chmod('/srv/a/b', 0o755, { uid: 7, gid: 8 });
      },
      takes: 'change',
    },
    {
      name: 'as wanted',
      prepare: async (host) => {
        host.put('/srv/a/b/inside', 'x');
        await host.chmod('/srv/a/b', 0o700);
      },
      takes: undefined,
    },
  ]);

  test('its parents are open to everybody, the directory itself has the wanted mode', async () => {
    const host = fakeHost();
    await dir.apply(resource, host);
    expect([host.mode('/srv/a'), host.mode('/srv/a/b')]).toEqual([0o755, 0o700]);
  });

  test('files that were added since stay when it is undone', async () => {
    const host = fakeHost();
    const undo = await dir.undo(resource, host, vaultOn(host));
    await dir.apply(resource, host);
    host.put('/srv/a/b/image', 'precious');
    await undoNow(undo, host);
    expect(host.text('/srv/a/b/image')).toBe('precious');
  });

  test('`keep` leaves one that is there as it is', async () => {
    const host = fakeHost();
    await host.mkdir('/srv/a', 0o770);
    const kept: ResourceOf<'dir'> = { kind: 'dir', path: '/srv/a', mode: 0o755, keep: true };
    expect(await dir.check(kept, host)).toBeUndefined();
    expect(await dir.check({ kind: 'dir', path: '/srv/a', mode: 0o755 }, host)).toMatchObject({
      details: ['chmod 0755 /srv/a      (is 0770)'],
    });
  });

  test('a file in its place is bad input', async () => {
    const host = fakeHost();
    host.put('/srv/a/b', 'a file');
    await expect(dir.check(resource, host)).rejects.toMatchObject({
      message: '/srv/a/b is there, and it is not a directory.',
      exitCode: 2,
    });
  });
});
