// A hosts.toml that is there already: the program's own is written anew, that of somebody else is not.
import { expect, test } from 'vitest';
import type { Look, Trust } from '../../../../src/client/target.ts';
import { BASE, containerd } from '../../../../src/client/targets/containerd.ts';
import { fakeHost } from '../../../helpers/fake-host.ts';

const FILE = `${BASE}/10.0.3.17:5000/hosts.toml`;
const HTTP: Trust = { kind: 'http' };

async function plan(before: string) {
  const host = fakeHost();
  host.put(FILE, before);
  host.commands['containerd --version'] = { stdout: 'containerd 2.1.3' };
  const request = { name: '10.0.3.17:5000' };
  const look = { host, env: {}, request, has: async () => true, made: new Set<string>() } as unknown as Look;
  return (await containerd(look))?.resources(HTTP, {} as never);
}

test('a file of another version, with another note about its removal, counts as our own', async () => {
  const resources = await plan('# Written by registry-setup; --undo removes it.\nserver = "x"\n');
  expect(resources).toContainEqual(expect.objectContaining({ kind: 'file', path: FILE }));
});

test('a file of somebody else stays unchanged', async () => {
  await expect(plan('server = "x"\n')).rejects.toMatchObject({ exitCode: 2 });
});
