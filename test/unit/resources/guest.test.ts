// The guest in htpasswd goes, and whatever else was written there meanwhile stays.
import { expect, test } from 'vitest';
import { type GuestStep, guest } from '../../../src/resources/guest.ts';
import { fakeHost } from '../../helpers/fake-host.ts';

const path = '/opt/registry/auth/htpasswd';
const step: GuestStep = { do: 'guest', path, name: '_guest' };

test.each([
  ['admin:$2y$05$a\n_guest:$2b$04$b\n', 'admin:$2y$05$a\n'],
  ['_guest:$2b$04$b\nadmin:$2y$05$a\nlate:$2y$05$c\n', 'admin:$2y$05$a\nlate:$2y$05$c\n'],
  ['# by hand\n\nadmin:$2y$05$a', '# by hand\n\nadmin:$2y$05$a'],
  ['_guests:$2y$05$a\n', '_guests:$2y$05$a\n'],
])('%j', async (before, after) => {
  const host = fakeHost();
  host.put(path, before, 0o640);
  expect(await guest.isLeft(step, host)).toBe(before !== after);
  await guest.perform(step, host);
  expect([host.text(path), (await host.stat(path))?.mode]).toEqual([after, 0o640]);
  expect(await guest.isLeft(step, host)).toBe(false);
});

test('a file that is gone is no failure', async () => {
  const host = fakeHost();
  await guest.perform(step, host);
  expect(await guest.isLeft(step, host)).toBe(false);
});
