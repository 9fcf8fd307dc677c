// Finds what stands in a storage that no registry has put there, and that its own collection stumbles over.
import { join } from 'node:path';
import { CliError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { PART } from '../../registry/names.ts';
import { shellLine } from '../../terminal/shell.ts';
import { visible } from '../../terminal/visible.ts';
import { BLOBS, HEX, isOwn, REPOSITORIES } from './storage.ts';

interface Oddity {
  /** Below the storage. */
  path: string;
  what: 'a link' | 'no name of a repository' | 'no name of a blob';
}

/** The depth of what is looked through: a name has 255 characters at most. */
const DEPTH = 127;

/** Returns the first thing that does not belong there; undefined if all is as a registry lays it out. Follows no link. */
async function findOddity(host: Host, storage: string): Promise<Oddity | undefined> {
  const inside = host.inside(storage);
  async function inRepositories(path: string, depth: number): Promise<Oddity | undefined> {
    for (const { name, type } of await inside.entries(path)) {
      const here = `${path}/${name}`;
      if (type === 'other') return { path: here, what: 'a link' };
      if (type !== 'dir' || isOwn(name) || depth > DEPTH) continue;
      // A folder without anything of a registry in it, such as lost+found, is passed over.
      const isRepository = PART.test(name) || (await inside.folders(here).catch(() => [])).some(isOwn);
      if (!isRepository) continue;
      if (!PART.test(name)) return { path: here, what: 'no name of a repository' };
      const below = await inRepositories(here, depth + 1);
      if (below) return below;
    }
    return undefined;
  }
  async function inBlobs(): Promise<Oddity | undefined> {
    for (const first of await inside.entries(BLOBS)) {
      const path = `${BLOBS}/${first.name}`;
      if (first.type === 'other') return { path, what: 'a link' };
      if (first.type !== 'dir') continue;
      for (const { name, type } of await inside.entries(path)) {
        if (type === 'other') return { path: `${path}/${name}`, what: 'a link' };
        const isBlob = type === 'dir' && !HEX.test(name) && (await inside.open(`${path}/${name}/data`));
        if (!isBlob) continue;
        await isBlob.close();
        return { path: `${path}/${name}`, what: 'no name of a blob' };
      }
    }
    return undefined;
  }
  return (await inRepositories(REPOSITORIES, 0)) ?? inBlobs();
}

/**
 * Verifies that the registry's own collection will come to its end: it stops at a name that is none, and follows links wherever they lead.
 * @throws CliError that names what is in its way
 */
export async function mustBeTidy(host: Host, storage: string): Promise<void> {
  const found = await findOddity(host, storage);
  if (!found) return;
  const path = join(storage, found.path);
  throw new CliError(`${visible(path)} is ${found.what}: no registry has made it. Nothing was collected.`, {
    why:
      found.what === 'a link'
        ? 'The registry would follow it, and delete wherever it leads.'
        : 'The collection of the registry would stop there.',
    fix: ['Look what it is, and move it out of the storage:', `  ${shellLine('ls', ['-ld', path])}`],
  });
}
