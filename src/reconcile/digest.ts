// Tells whether the files that a set-up decides by have changed.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Host } from '../host/host.ts';
import { withoutGuests } from '../resources/guest.ts';
import { htpasswdOf } from './guests.ts';

/** What a run decides by: the settings, the certificates and their CA, the users and their rights. */
const FILE = 'settings.yml';
const FOLDERS = ['ca', 'certs', 'auth'];

/** Returns one digest of these files; another one if a file is new, removed or different. Reads only. */
export async function digestOfFiles(host: Host, dir: string): Promise<string> {
  const names = await Promise.all(
    FOLDERS.map(async (folder) => (await host.list(join(dir, folder))).map((name) => join(folder, name))),
  );
  const hash = createHash('sha256');
  for (const name of [FILE, ...names.flat().sort()]) {
    const path = join(dir, name);
    const there = await host.stat(path);
    if (there?.type !== 'file') continue;
    const read = (await host.read(path)) ?? Buffer.alloc(0);
    // Guests of this program come and go: they decide nothing.
    const content = path === htpasswdOf(dir) ? Buffer.from(withoutGuests(read.toString()).trimEnd()) : read;
    hash.update(`${name}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}
