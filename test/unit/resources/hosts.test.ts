// A name in the hosts file, in one line that is ours.
import { describe, expect, test } from 'vitest';
import { hosts, mustAgree } from '../../../src/resources/hosts.ts';
import type { ResourceOf } from '../../../src/resources/resource.ts';
import { fakeHost } from '../../helpers/fake-host.ts';
import { fiveCases, undoNow, vaultOn } from '../../helpers/provider-cases.ts';

const path = '/etc/hosts';
const resource: ResourceOf<'hosts'> = { kind: 'hosts', path, name: 'reg.example', address: '10.0.3.17' };
const line = '10.0.3.17 reg.example # registry-setup';

describe('a hosts line', () => {
  fiveCases(hosts, resource, [
    { name: 'a usual file', prepare: (host) => host.put(path, '127.0.0.1 localhost\n'), takes: 'create' },
    { name: 'no final newline', prepare: (host) => host.put(path, '127.0.0.1\tlocalhost'), takes: 'create' },
    { name: 'CRLF', prepare: (host) => host.put(path, '127.0.0.1 localhost\r\n'), takes: 'create' },
    { name: 'as wanted', prepare: (host) => host.put(path, `${line}\n`), takes: undefined },
    {
      name: 'named by somebody else, as Debian names every machine',
      prepare: (host) => host.put(path, '127.0.1.1 Reg.example reg\n'),
      takes: undefined,
    },
  ]);

  test('another address takes the place of our older one', async () => {
    const host = fakeHost();
    host.put(path, '10.0.0.9 reg.example # registry-setup\n::1 localhost\n');
    await hosts.apply(resource, host);
    expect(host.text(path)).toBe(`::1 localhost\n${line}\n`);
  });

  test('what somebody added since stays', async () => {
    const host = fakeHost();
    host.put(path, '::1 localhost\n');
    const undo = await hosts.undo(resource, host, vaultOn(host));
    await hosts.apply(resource, host);
    host.put(path, `${host.text(path)}10.1.1.1 other\n`);
    await undoNow(undo, host);
    expect(host.text(path)).toBe('::1 localhost\n10.1.1.1 other\n');
  });

  test('a line of somebody else that leads elsewhere is shown, and not contradicted', async () => {
    const host = fakeHost();
    host.put(path, '10.0.0.9\treg.example # by hand\n');
    await expect(mustAgree(resource, host)).rejects.toMatchObject({
      message: '/etc/hosts leads reg.example to 10.0.0.9, not to 10.0.3.17.',
      exitCode: 2,
    });
    host.put(path, `${host.text(path)}10.0.3.17 reg.example\n`);
    await mustAgree(resource, host);
  });
});
