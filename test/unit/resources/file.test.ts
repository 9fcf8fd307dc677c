import { describe, expect, test } from 'vitest';
import { file } from '../../../src/resources/file.ts';
import type { ResourceOf } from '../../../src/resources/resource.ts';
import { fakeHost } from '../../helpers/fake-host.ts';
import { fiveCases, undoNow, vaultOn } from '../../helpers/provider-cases.ts';

const path = '/srv/config.yml';
const content = 'name: new\nsecret: s3cret-new\n';
const mask = { pattern: '(?<=^secret: ).+$' };
const resource: ResourceOf<'file'> = { kind: 'file', path, content, mode: 0o600, mask };

describe('a file', () => {
  fiveCases(file, resource, [
    { name: 'no file', prepare: () => {}, takes: 'create' },
    {
      name: 'another content, mode and owner',
      prepare: (host) => host.write(path, 'name: old\n', { mode: 0o640, uid: 7, gid: 8 }),
      takes: 'change',
    },
    { name: 'another mode', prepare: (host) => host.put(path, content, 0o644), takes: 'change' },
    { name: 'empty', prepare: (host) => host.put(path, '', 0o600), takes: 'change' },
    { name: 'as wanted', prepare: (host) => host.put(path, content, 0o600), takes: undefined },
  ]);

  test('a change is shown as a diff, with secrets masked on both sides', async () => {
    const host = fakeHost();
    host.put(path, 'name: old\nsecret: s3cret-old\n', 0o644);
    const drift = await file.check(resource, host);
    expect(drift?.details).toEqual([
      `--- ${path}`,
      `+++ ${path}`,
      '@@ -1,2 +1,2 @@',
      '-name: old',
      '+name: new',
      ' secret: [secret]',
      `chmod 0600 ${path}      (is 0644)`,
    ]);
  });

  test('a new file is shown whole, masked', async () => {
    const drift = await file.check(resource, fakeHost());
    expect(drift?.details).toEqual([
      '--- /dev/null',
      `+++ ${path}`,
      '@@ -0,0 +1,2 @@',
      '+name: new',
      '+secret: [secret]',
    ]);
  });

  test('where only the secret differs, that is said', async () => {
    const host = fakeHost();
    host.put(path, 'name: new\nsecret: other\n', 0o600);
    expect(await file.check(resource, host)).toMatchObject({ details: [`${path}: a secret in it changes`] });
    const all = { ...resource, mask: 'all' as const };
    expect(await file.check(all, host)).toMatchObject({ details: [`${path}: [secret]`] });
  });

  test('bytes that are no text come back as they were', async () => {
    const host = fakeHost();
    const bytes = Buffer.from([0xff, 0xfe, 0, 0x80]);
    await host.write(path, bytes, { mode: 0o600 });
    const undo = await file.undo(resource, host, vaultOn(host));
    await file.apply(resource, host);
    await undoNow(undo, host);
    expect(await host.read(path)).toEqual(bytes);
  });

  test('a directory that was removed since is made again for what goes back', async () => {
    const host = fakeHost();
    host.put('/srv/config/file', 'old');
    const inside = { ...resource, path: '/srv/config/file' };
    const undo = await file.undo(inside, host, vaultOn(host));
    await file.apply(inside, host);
    await host.removeTree('/srv/config');
    await undoNow(undo, host);
    expect(host.text('/srv/config/file')).toBe('old');
  });
});
