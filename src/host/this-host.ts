// The machine that this program runs on. The only door to execa, to the resolver of node:dns and, with inside.ts, to node:fs.
import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { constants as system } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { execa } from 'execa';
import { CliError, Interrupted } from '../errors.ts';
import type { Host, OpenFile, RunOptions, RunResult, Stat, WriteOptions } from './host.ts';
import { inside } from './inside.ts';
import { thisMachine } from './machine.ts';
import { openFileOf } from './open-file.ts';
import { withAnswers } from './questions.ts';
import { runStranger } from './stranger.ts';
import { transform } from './transform.ts';

/** ESRCH: a file in /proc whose process has ended since it was opened. (proc(5)) */
const isMissing = (error: unknown) =>
  ['ENOENT', 'ENOTDIR', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '');

/** Returns an error in the user's words for what the file system refuses. */
function fileError(error: unknown, doing: string, path: string): CliError {
  const { code, message } = error as NodeJS.ErrnoException;
  const words: Record<string, string> = {
    ENOSPC: 'the disk is full',
    EDQUOT: 'the disk quota is used up',
    EROFS: 'the file system is read-only',
    EACCES: 'permission denied',
    EPERM: 'not permitted (an immutable file? see lsattr)',
    EISDIR: 'it is a directory',
    ENOTDIR: 'a part of that path is not a directory',
    ELOOP: 'too many links',
    EMFILE: 'too many files are open (ulimit -n 1024 allows more)',
    ENFILE: 'too many files are open on this machine (sysctl fs.file-max)',
  };
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  return new CliError(
    `Cannot ${doing} ${path}: ${words[code ?? ''] ?? message}.`,
    full ? { code: 'disk full' } : {},
  );
}

const throwing =
  (doing: string, path: string) =>
  (error: unknown): never => {
    throw fileError(error, doing, path);
  };

/** Returns where a write to `path` lands: the end of a chain of links, even if nothing exists there yet. */
async function target(path: string): Promise<string> {
  try {
    return await fs.realpath(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
    const link = await fs.readlink(path).catch(() => undefined);
    return link === undefined ? path : target(resolve(dirname(path), link));
  }
}

async function write(path: string, content: string | Buffer, { mode, uid, gid }: WriteOptions) {
  const sign = `${randomBytes(4).toString('hex')}.tmp`;
  let temporary: string | undefined;
  try {
    const file = await target(path);
    // A link to a device: a masked service is a link to /dev/null, which must not be replaced.
    const there = await stat(file);
    if (there && there.type !== 'file')
      throw new Error(there.type === 'dir' ? 'it is a directory' : 'it is no regular file');
    temporary = join(dirname(file), `.${basename(file)}.${sign}`);
    const handle = await fs.open(temporary, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
    try {
      if (uid !== undefined && gid !== undefined) await handle.chown(uid, gid);
      await handle.chmod(mode);
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await fs.rename(temporary, file);
    await syncDirectory(dirname(file));
  } catch (error) {
    if (temporary) await fs.rm(temporary, { force: true });
    throw fileError(error, 'write', path);
  }
}

/** Syncs a directory: a rename is sure to survive a power cut only when its directory is on disk. */
async function syncDirectory(path: string) {
  const handle = await fs.open(path, constants.O_RDONLY);
  await handle.sync().catch(() => {});
  await handle.close();
}

async function append(path: string, text: string) {
  const handle = await fs.open(path, 'a', 0o600).catch(throwing('write', path));
  try {
    await handle.writeFile(text);
    await handle.sync();
  } catch (error) {
    throw fileError(error, 'write', path);
  } finally {
    await handle.close();
  }
}

async function create(path: string, content: string): Promise<boolean> {
  try {
    const handle = await fs.open(path, 'wx', 0o600);
    try {
      await handle.writeFile(content);
    } catch (error) {
      await fs.rm(path, { force: true });
      throw error;
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw fileError(error, 'write', path);
  }
}

async function save(path: string, chunks: AsyncIterable<Buffer>, mode: number): Promise<void> {
  const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY;
  const handle = await fs.open(path, flags, 0o600).catch(throwing('write', path));
  const fail = throwing('write', path);
  let whole = false;
  try {
    for await (const chunk of chunks) await handle.writeFile(chunk).catch(fail);
    await handle.chmod(mode).catch(fail);
    await handle.sync().catch(fail);
    whole = true;
  } finally {
    await handle.close();
    if (!whole) await fs.rm(path, { force: true });
  }
}

async function open(path: string, signal: AbortSignal | undefined): Promise<OpenFile | undefined> {
  const fail = throwing('read', path);
  const handle = await fs.open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error) => {
    if (isMissing(error)) return undefined;
    throw fileError(error, 'read', path);
  });
  return handle && openFileOf(handle, fail, signal);
}

async function stat(path: string): Promise<Stat | undefined> {
  try {
    const s = await fs.stat(path);
    const type = s.isFile() ? 'file' : s.isDirectory() ? 'dir' : 'other';
    return { type, mode: s.mode & 0o7777, uid: s.uid, gid: s.gid, size: s.size };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw fileError(error, 'look at', path);
  }
}

async function space(path: string): ReturnType<Host['space']> {
  try {
    const s = await fs.statfs(path);
    const files = s.files > 0 ? { files: { free: s.ffree, total: s.files } } : {};
    return { free: s.bavail * s.bsize, total: s.blocks * s.bsize, ...files };
  } catch (error) {
    if (isMissing(error) && path !== dirname(path)) return space(dirname(path));
    throw fileError(error, 'look at', path);
  }
}

/** Milliseconds that a command may take; that one which was asked to end has for it; and that its streams may stay open after it. */
const [TIMEOUT, GRACE, LINGER] = [60_000, 2_000, 200];

/** Reads no longer what a command wrote. */
function leave({ stdout, stderr }: { stdout: Readable; stderr: Readable }): void {
  for (const stream of [stdout, stderr]) stream.destroy();
}

/**
 * Returns the machine that this program runs on.
 * @param signal ends the running command, and refuses the next one
 * @param trace receives each command before it runs (`--verbose`), without secrets: no argv holds one
 */
export function realHost(signal?: AbortSignal, trace?: (line: string) => void): Host {
  async function run(command: string, args: string[], options: RunOptions = {}): Promise<RunResult> {
    if (signal?.aborted) throw new Interrupted();
    trace?.([command, ...args].join(' '));
    if (options.stranger) return runStranger(command, args, options.timeout, signal);
    const child = execa(command, args, {
      reject: false,
      timeout: options.timeout ?? TIMEOUT,
      ...(options.input === undefined ? { stdin: 'ignore' } : { input: options.input }),
      env: options.env ?? {},
      forceKillAfterDelay: GRACE,
      stripFinalNewline: true,
      ...(signal && { cancelSignal: signal }),
    });
    if (options.onLine) {
      const { onLine } = options;
      for (const input of [child.stdout, child.stderr]) createInterface({ input }).on('line', onLine);
    }
    // What it leaves behind can hold its streams, for which execa waits without an end.
    const limit = options.timeout ?? TIMEOUT;
    const held = limit > 0 ? setTimeout(() => leave(child), limit + GRACE + LINGER) : undefined;
    const late = () => setTimeout(() => leave(child), GRACE + LINGER).unref();
    signal?.addEventListener('abort', late);
    const result = await child;
    clearTimeout(held);
    signal?.removeEventListener('abort', late);
    // Ctrl-C reaches a child directly, and the child may end before this process gets the signal.
    if (signal?.aborted || result.isCanceled || (signal && result.signal === 'SIGINT'))
      throw new Interrupted();
    const { stdout, stderr } = result;
    if (result.timedOut) return { code: 124, stdout, stderr };
    if (result.exitCode !== undefined) return { code: result.exitCode, stdout, stderr };
    if (result.signal) return { code: 128 + system.signals[result.signal], stdout, stderr };
    if (result.code === 'ENOENT') return { code: 127, stdout: '', stderr: `${command}: not found` };
    return { code: 126, stdout: '', stderr: `${command}: ${result.originalMessage}` };
  }

  const host: Host = {
    machine: thisMachine(),
    signal,
    lookup: async (name) => (await lookup(name)).address,
    run,
    transform(command, args, input, options) {
      trace?.([command, ...args].join(' '));
      return transform(command, args, input, { ...options, signal });
    },
    open: (path) => open(path, signal),
    save,
    write,
    append,
    create,
    stat,
    space,
    read: (path) =>
      fs.readFile(path).catch((error) => {
        if (isMissing(error)) return undefined;
        throw fileError(error, 'read', path);
      }),
    list: (path) =>
      fs.readdir(path).then(
        (names) => names.sort(),
        (error) => {
          if (isMissing(error)) return [];
          throw fileError(error, 'list', path);
        },
      ),
    mkdir: async (path, mode) => {
      await fs.mkdir(path, { mode }).catch(throwing('make', path));
      await fs.chmod(path, mode).catch(throwing('make', path));
    },
    chmod: async (path, mode, owner) => {
      const fail = throwing('change the mode of', path);
      if (owner) await fs.chown(path, owner.uid, owner.gid).catch(fail);
      await fs.chmod(path, mode).catch(fail);
    },
    // Not rm: it takes a file that it may not remove for a directory, and reports that. (EPERM, as for an immutable file: unlink(2))
    remove: (path) =>
      fs.unlink(path).catch((error) => {
        if (!isMissing(error)) throw fileError(error, 'remove', path);
      }),
    rmdir: (path) =>
      fs.rmdir(path).then(
        () => true,
        (error) => isMissing(error),
      ),
    rename: (from, to) => fs.rename(from, to).catch(throwing('move', from)),
    removeTree: (path) =>
      fs.rm(path, { recursive: true, force: true }).catch((error: NodeJS.ErrnoException) => {
        // What rm may not remove it takes for a directory (see remove).
        const code = error.code === 'ENOTDIR' ? 'EPERM' : error.code;
        throw fileError({ message: error.message, code }, 'remove', error.path ?? path);
      }),
    inside: (root) => inside(root, fileError, signal),
  };
  return withAnswers(host);
}
