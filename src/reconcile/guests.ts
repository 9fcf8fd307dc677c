// Takes the lines of guests out of htpasswd whose process has ended: it was killed, or could not wait for the lock.
import { join } from 'node:path';
import type { Host } from '../host/host.ts';
import { guestOf, guestsIn, withoutGuests } from '../resources/guest.ts';
import { isAlive } from './lock.ts';

export const htpasswdOf = (dir: string): string => join(dir, 'auth/htpasswd');

/** Returns the guests of a directory whose process has ended. */
export async function deadGuests(host: Host, dir: string): Promise<string[]> {
  const text = (await host.read(htpasswdOf(dir)))?.toString() ?? '';
  const judged = await Promise.all(
    guestsIn(text).map(async (name) => {
      const process = guestOf(name);
      return process && !(await isAlive(host, process)) ? [name] : [];
    }),
  );
  return judged.flat();
}

/** Takes out the lines of these guests; every other byte stays. The lock must be held. */
export async function removeGuests(host: Host, dir: string, names: string[]): Promise<void> {
  if (names.length === 0) return;
  const path = htpasswdOf(dir);
  const [text, there] = await Promise.all([host.read(path), host.stat(path)]);
  if (!text || !there) return;
  const { mode, uid, gid } = there;
  const rest = withoutGuests(text.toString(), names);
  if (rest !== text.toString()) await host.write(path, rest, { mode, uid, gid });
}

/** Takes out the lines of guests whose process has ended. The lock must be held. A guest that stays for now does no harm. */
export const sweepGuests = async (host: Host, dir: string): Promise<void> =>
  deadGuests(host, dir).then(
    (names) => removeGuests(host, dir, names),
    () => {},
  );
