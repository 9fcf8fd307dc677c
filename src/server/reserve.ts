// Room for the way back on a full disk: a file that is kept for it, and removed first when a run must begin there.
import { createCipheriv } from 'node:crypto';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { paths } from '../reconcile/journal.ts';
import { openRun } from '../reconcile/recover.ts';
import type { Run } from '../reconcile/run.ts';
import { shellLine } from '../terminal/shell.ts';

/** A lock, a journal, a configuration, and what an engine writes of a container. */
const SIZE = 4 * 1024 * 1024;
/** With less room the reserve is given back before anything begins; with more than this many times its size it is kept again. */
const PLENTY = 8;

/** Bytes that no file system makes smaller. */
const content = (): Buffer =>
  createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(SIZE));

/** Makes the reserve of a directory, if it is missing and there is room. It is worth no error. */
export async function keepReserve(host: Host, dir: string): Promise<void> {
  const { state, reserve } = paths(dir);
  const isThere = async () =>
    (await host.stat(reserve)) !== undefined || (await host.stat(state)) === undefined;
  try {
    if ((await isThere()) || (await host.space(state)).free < PLENTY * SIZE) return;
    await host.write(reserve, content(), { mode: 0o600 });
  } catch {
    // The next run tries again.
  }
}

const isFull = (error: unknown): boolean => error instanceof CliError && error.code === 'disk full';

/**
 * Takes the lock and recovers a killed run, as openRun. On a disk that is full, or nearly so, it first removes the reserve, then what
 * else can go.
 * @param spare what the run removes anyway
 * @throws as openRun; CliError that tells how to make room
 */
export async function beginWithRoom(context: Context, dir: string, spare: string[] = []): Promise<Run> {
  const { host, output } = context;
  const { reserve } = paths(dir);
  if ((await host.space(dir)).free < SIZE) await host.remove(reserve);
  const goes = [reserve, ...spare];
  for (;;) {
    try {
      return await openRun(context, dir);
    } catch (error) {
      if (!isFull(error)) throw error;
      const path = await firstThere(host, goes);
      if (path === undefined) throw noRoom(error as CliError, dir);
      if (path !== reserve)
        output.say(`The disk is full. Removed ${path} first, to make room for the way back.`);
      await host.removeTree(path);
    }
  }
}

async function firstThere(host: Host, all: string[]): Promise<string | undefined> {
  for (const path of all) if (await host.stat(path)) return path;
  return undefined;
}

const noRoom = ({ message }: CliError, dir: string) =>
  new CliError(message, {
    why: 'The way back needs some 100 kB, in case that a step fails.',
    fix: [
      'Make a little room, and run this again. What is large on that disk:',
      `  ${shellLine('du', ['-xh', '-d', '2', dir])}`,
    ],
    code: 'disk full',
  });
