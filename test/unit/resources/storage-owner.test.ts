import { describe, expect, test } from 'vitest';
import { owner } from '../../../src/resources/storage-owner.ts';
import { type FakeHost, fakeHost } from '../../helpers/fake-host.ts';
import { fakeUsers, on, said } from '../../helpers/fake-system.ts';
import { fiveCases } from '../../helpers/provider-cases.ts';

const resource = { kind: 'owner' as const, path: '/srv/data', user: 'registry-setup' };

async function data(host: FakeHost, uid: number) {
  fakeUsers(host, 'registry-setup', true);
  await host.mkdir('/srv/data', 0o755);
  await host.chmod('/srv/data', 0o755, { uid, gid: uid });
}

describe('the owner of the images', () => {
  fiveCases(owner, resource, [
    { name: 'of root', prepare: (host) => data(host, 0), takes: 'create' },
    { name: 'of the registry already', prepare: (host) => data(host, 990), takes: undefined },
  ]);

  test('files that a registry did not make keep their owner', async () => {
    const host = fakeHost();
    await data(host, 0);
    host.put('/srv/data/holiday.jpg', '');
    host.put('/srv/data/docker/registry/v2/x', '');
    on(host, 'chown -R -h 990:991 /srv/data/docker', () => undefined);
    await owner.apply(resource, host);
    expect(said(host)).toEqual(['chown -R -h 990:991 /srv/data/docker']);
    expect((await host.stat('/srv/data/holiday.jpg'))?.uid).toBe(0);
    expect((await host.stat('/srv/data'))?.uid).toBe(990);
  });
});
