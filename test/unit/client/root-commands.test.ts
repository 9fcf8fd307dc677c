// What a user without root is given to paste: run by a shell, it makes the very change that root would have made.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { needsRoot, pasteLines } from '../../../src/client/root-commands.ts';
import type { Resource } from '../../../src/resources/resource.ts';
import { DAEMON } from '../../helpers/daemon.ts';
import { fakeHost } from '../../helpers/fake-host.ts';
import { temporaryDirectory } from '../../helpers/tmp.ts';

const change = (resource: Resource) => ({
  resource,
  title: '',
  drift: { what: 'create' as const, details: [] },
});

test('are needed for files outside of this user’s own directories', () => {
  const dev = { uid: 1000, home: '/home/dev' };
  const file = (path: string) => change({ kind: 'file', path, content: '', mode: 0o644 });
  expect(needsRoot(file('/etc/docker/certs.d/x/ca.crt'), dev)).toBe(true);
  expect(needsRoot(file('/home/dev/.config/containers/x'), dev)).toBe(false);
  expect(needsRoot(file('/home/device/x'), dev)).toBe(true);
  expect(needsRoot(file('/etc/x'), { uid: 0, home: '/root' })).toBe(false);
});

test('a directory, a file and an entry of daemon.json, as a shell makes them', async () => {
  const dir = temporaryDirectory();
  mkdirSync(join(dir, 'bin'));
  writeFileSync(join(dir, 'bin/sudo'), '#!/bin/sh\n[ "$1" = systemctl ] && echo "$@" || exec "$@"\n', {
    mode: 0o755,
  });
  const config = join(dir, 'daemon.json');
  writeFileSync(config, '{\n\t"debug": true\n}\n');
  const host = fakeHost();
  host.put(config, readFileSync(config, 'utf8'));
  const pem = "-----BEGIN CERTIFICATE-----\n$HOME `id` 'x'\n-----END CERTIFICATE-----\n";
  const resources: Resource[] = [
    { kind: 'dir', path: join(dir, 'certs d/a:5000'), mode: 0o755 },
    { kind: 'file', path: join(dir, 'certs d/a:5000/ca.crt'), content: pem, mode: 0o644 },
    {
      kind: 'daemonJson',
      daemon: { ...DAEMON, config },
      directive: 'insecure-registries',
      entry: 'a:5000',
      present: true,
    },
  ];
  const lines = await Promise.all(resources.map((resource) => pasteLines(change(resource), host)));
  const said = execFileSync('sh', ['-e'], {
    input: lines.flat().join('\n'),
    env: { PATH: `${dir}/bin:${process.env.PATH}` },
    encoding: 'utf8',
  });
  expect(said).toBe('systemctl reload docker\n');
  expect(readFileSync(join(dir, 'certs d/a:5000/ca.crt'), 'utf8')).toBe(pem);
  expect(readFileSync(config, 'utf8')).toBe(
    '{\n\t"debug": true,\n\t"insecure-registries": [\n\t\t"a:5000"\n\t]\n}\n',
  );
});
