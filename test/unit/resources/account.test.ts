import { describe, expect, test } from 'vitest';
import { account, groupId, userIds } from '../../../src/resources/account.ts';
import { fakeHost } from '../../helpers/fake-host.ts';
import { fakeUsers, on } from '../../helpers/fake-system.ts';
import { fiveCases } from '../../helpers/provider-cases.ts';

const resource = { kind: 'account' as const, name: 'registry-setup' };

describe('a user of the system', () => {
  fiveCases(account, resource, [
    { name: 'none', prepare: (host) => fakeUsers(host, 'registry-setup', false), takes: 'create' },
    { name: 'there already', prepare: (host) => fakeUsers(host, 'registry-setup', true), takes: undefined },
  ]);

  test('a user that was there before is not removed', async () => {
    const host = fakeHost();
    fakeUsers(host, 'registry-setup', true);
    expect(await account.undo(resource, host, { keep: async () => '' })).toEqual({ steps: [] });
  });

  test('ids are looked up by the whole name', async () => {
    const host = fakeHost();
    fakeUsers(host, 'registry-setup-2', true);
    expect(await userIds(host, 'registry-setup')).toBeUndefined();
    expect(await userIds(host, 'registry-setup-2')).toEqual({ uid: 990, gid: 991 });
    expect(await groupId(host, 'registry-setup-2')).toBe(991);
  });

  test('without useradd busybox does it (Alpine)', async () => {
    const host = fakeHost();
    host.put('/etc/passwd', '');
    on(host, 'useradd', () => ({ code: 127 }));
    on(host, 'addgroup -S registry-setup', () => undefined);
    on(
      host,
      'adduser -S -D -H -h /nonexistent -G registry-setup registry-setup',
      () => fakeUsers(host, 'registry-setup', true) as undefined,
    );
    await account.apply(resource, host);
    expect(await account.check(resource, host)).toBeUndefined();
  });
});
