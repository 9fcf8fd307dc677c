// The guest in htpasswd goes, and whatever else was written there meanwhile stays.
import { expect, test } from 'vitest';
import { guestName, guestOf, guestsIn, withLine, withoutGuests } from '../../../src/resources/guest.ts';

const GUEST = '_registry-setup-12-345-0a1b2c3d';

test('a guest is told from users by its name, which tells its process', () => {
  const me = { pid: 12, ticks: '345' };
  expect(guestOf(guestName(me))).toEqual(me);
  expect(guestName(me)).not.toBe(guestName(me));
  for (const user of ['admin', '_registry-setup', 'x_registry-setup-1-2-0a1b2c3d', `${GUEST}4`])
    expect(guestOf(user)).toBeUndefined();
});

test.each([
  [`admin:$2y$05$a\n${GUEST}:$2b$04$b\n`, 'admin:$2y$05$a\n'],
  [`${GUEST}:$2b$04$b\nadmin:$2y$05$a\nlate:$2y$05$c\n`, 'admin:$2y$05$a\nlate:$2y$05$c\n'],
  ['# by hand\n\nadmin:$2y$05$a', '# by hand\n\nadmin:$2y$05$a'],
  [`# ${GUEST}:x\n_registry-setup:$2y$05$a\n`, `# ${GUEST}:x\n_registry-setup:$2y$05$a\n`],
])('%j', (before, after) => {
  expect(withoutGuests(before)).toBe(after);
  expect(guestsIn(after)).toEqual([]);
});

test('a file that ends without a line feed is still a file of lines with a guest in it', () => {
  expect(withLine('admin:$2y$05$a', GUEST, '$2b$04$b')).toBe(`admin:$2y$05$a\n${GUEST}:$2b$04$b\n`);
});
