// Reads, writes and removes what is below a directory that an untrusted program writes to, without leaving that directory.
//
// The storage of a registry is such a directory. An attacker inside the registry can replace any folder there by a link, even
// between a check and the removal that follows it, and root would remove what the link leads to. So the kernel never gets a path with
// more than one name below the root. Each folder is opened by its name in the folder that is open already, with
// O_NOFOLLOW, and its entries are named /proc/self/fd/N/NAME: the kernel begins at the open folder itself, wherever its name may
// lead by then (proc(5), /proc/pid/fd). That replaces openat(2) and unlinkat(2), which Node does not have. What is opened is what is used:
// there is no moment in between.
import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { CliError } from '../errors.ts';
import type { Inside, InsideEntry, OpenFile, PutOptions } from './host.ts';
import { openFileOf } from './open-file.ts';

type Folder = fs.FileHandle;
/** Turns an error of the file system into one for the user. */
type Fail = (error: unknown, doing: string, path: string) => CliError;

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY;
/** How often to empty a folder that somebody keeps filling. */
const TRIES = 3;

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code ?? '';

/** Returns the path of an open folder, or of a name in it. */
const at = ({ fd }: Folder, name = '') => `/proc/self/fd/${fd}/${name}`;

/** Splits a path below the root into names. @throws Error if the path could lead out of the root */
function namesIn(path: string): string[] {
  const names = path.split('/');
  if (names.some((name) => ['', '.', '..'].includes(name))) throw new Error(`not a path below: ${path}`);
  return names;
}

/** Opens the folder of that name; `barred`: something else has the name, such as a link. */
async function enter(folder: Folder, name: string): Promise<Folder | 'missing' | 'barred'> {
  try {
    return await fs.open(at(folder, name), FOLDER | constants.O_NOFOLLOW);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 'missing';
    if (['ENOTDIR', 'ELOOP'].includes(codeOf(error))) return 'barred';
    throw error;
  }
}

async function entriesOf(folder: Folder): Promise<InsideEntry[]> {
  const names = await fs.readdir(at(folder));
  const all = await Promise.all(
    names.map(async (name): Promise<InsideEntry[]> => {
      // It may be gone again.
      const there = await fs.lstat(at(folder, name)).catch(() => undefined);
      if (!there) return [];
      const type = there.isFile() ? 'file' : there.isDirectory() ? 'dir' : 'other';
      return [{ name, type, bytes: there.size, modified: there.mtime }];
    }),
  );
  return all.flat();
}

interface Way<T> {
  /** Works in the last folder. */
  work: (folder: Folder) => Promise<T>;
  /** Returns the result if the path ends before the last folder; `path` is below the root. */
  end: (how: 'missing' | 'barred', path: string) => T;
}

async function follow<T>(folder: Folder, names: string[], way: Way<T>, done = ''): Promise<T> {
  const [name, ...rest] = names;
  if (name === undefined) return way.work(folder);
  const next = await enter(folder, name);
  if (typeof next === 'string') return way.end(next, join(done, name));
  try {
    return await follow(next, rest, way, join(done, name));
  } finally {
    await next.close();
  }
}

async function empty(folder: Folder): Promise<void> {
  for (const entry of await fs.readdir(at(folder), { withFileTypes: true })) {
    if (entry.isDirectory()) await removeFolder(folder, entry.name);
    else await unlink(folder, entry.name);
  }
}

/** Removes a file, or a link itself. A folder stays. */
const unlink = (folder: Folder, name: string): Promise<void> =>
  fs.unlink(at(folder, name)).catch((error) => {
    if (!['ENOENT', 'EISDIR'].includes(codeOf(error))) throw error;
  });

/** Removes a folder with everything in it. @returns false if something else has its name */
async function removeFolder(parent: Folder, name: string): Promise<boolean> {
  for (let tries = 1; ; tries++) {
    const folder = await enter(parent, name);
    if (folder === 'missing') return true;
    if (folder === 'barred') return false;
    await empty(folder).finally(() => folder.close());
    try {
      await fs.rmdir(at(parent, name));
      return true;
    } catch (error) {
      if (!['ENOENT', 'ENOTEMPTY', 'ENOTDIR'].includes(codeOf(error)) || tries === TRIES) throw error;
    }
  }
}

type Owner = PutOptions['owner'];

/** Makes the folders of a path that are missing, and works in the last one. @throws Error if something else has such a name */
async function intoMade<T>(
  folder: Folder,
  [name, ...rest]: string[],
  owner: Owner,
  work: (folder: Folder) => Promise<T>,
): Promise<T> {
  if (name === undefined) return work(folder);
  let next = await enter(folder, name);
  if (next === 'missing') {
    await fs.mkdir(at(folder, name), 0o700).catch((error) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    });
    next = await enter(folder, name);
    if (typeof next !== 'string') {
      await next.chown(owner.uid, owner.gid);
      await next.chmod(0o755);
    }
  }
  if (typeof next === 'string') throw new Error(`${name} is not a directory`);
  const made = next;
  return intoMade(made, rest, owner, work).finally(() => made.close());
}

const NEW = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;

async function putFile(
  folder: Folder,
  name: string,
  chunks: AsyncIterable<Buffer>,
  { owner, modified, synced }: PutOptions,
): Promise<void> {
  const handle = await fs.open(at(folder, name), NEW, 0o600);
  let whole = false;
  try {
    for await (const chunk of chunks) await handle.writeFile(chunk);
    await handle.chown(owner.uid, owner.gid);
    await handle.chmod(0o644);
    if (modified) await handle.utimes(modified, modified);
    if (synced) await handle.sync();
    whole = true;
  } finally {
    await handle.close();
    if (!whole) await unlink(folder, name);
  }
}

/**
 * @param root links on the way to it are followed: whoever names it may do everything here anyway
 * @param fail turns an error of the file system into one for the user
 */
export function inside(root: string, fail: Fail, signal: AbortSignal | undefined): Inside {
  async function below<T>(doing: string, path: string, names: string[], way: Way<T>): Promise<T> {
    try {
      const folder = await fs.open(root, FOLDER).catch((error) => {
        if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return undefined;
        throw error;
      });
      if (!folder) return way.end('missing', '');
      try {
        // Without /proc everything would seem to be removed already.
        await fs.stat(at(folder)).catch(() => {
          throw new Error('/proc is not mounted');
        });
        return await follow(folder, names, way);
      } finally {
        await folder.close();
      }
    } catch (error) {
      // What the caller's own stream throws is the caller's.
      throw error instanceof CliError ? error : fail(error, doing, join(root, path));
    }
  }
  /** Works on the last name of a path, in the folder of that name. */
  const onLast = <T>(
    doing: string,
    path: string,
    work: (folder: Folder, name: string) => Promise<T>,
    end: Way<T>['end'],
  ): Promise<T> => {
    const names = namesIn(path);
    const last = names.pop() as string;
    return below(doing, path, names, { work: (folder) => work(folder, last), end });
  };
  return {
    entries: (path) => below<InsideEntry[]>('list', path, namesIn(path), { work: entriesOf, end: () => [] }),
    folders: (path) =>
      below('list', path, namesIn(path), {
        work: async (folder) =>
          (await fs.readdir(at(folder), { withFileTypes: true }))
            .flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
            .sort(),
        end: () => [],
      }),
    open: (path) =>
      onLast<OpenFile | undefined>(
        'read',
        path,
        async (folder, name) => {
          const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
          const handle = await fs.open(at(folder, name), flags).catch((error) => {
            if (['ENOENT', 'ELOOP', 'ENXIO'].includes(codeOf(error))) return undefined;
            throw error;
          });
          const refuse = (error: unknown): never => {
            throw fail(error, 'read', join(root, path));
          };
          return handle && openFileOf(handle, refuse, signal);
        },
        () => undefined,
      ),
    async put(path, chunks, options) {
      const names = namesIn(path);
      const last = names.pop() as string;
      await below<void>('write', path, [], {
        work: (folder) =>
          intoMade(folder, names, options.owner, (into) => putFile(into, last, chunks, options)),
        end: () => {
          throw new Error('there is no such directory');
        },
      });
    },
    barred: (path) =>
      below<string | undefined>('look at', path, namesIn(path), {
        work: async () => undefined,
        end: (how, end) => (how === 'barred' ? join(root, end) : undefined),
      }),
    remove: (path) => onLast('remove', path, unlink, () => {}),
    rmdir: (path) =>
      onLast(
        'remove',
        path,
        (folder, name) =>
          fs.rmdir(at(folder, name)).then(
            () => true,
            (error) => codeOf(error) === 'ENOENT',
          ),
        (how) => how === 'missing',
      ),
    removeTree: (path) => onLast('remove', path, removeFolder, (how) => how === 'missing'),
  };
}
