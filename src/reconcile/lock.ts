// The lock of a directory: one run at a time. A dead run does not block the next.
import { join } from 'node:path';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';

export interface LockHolder {
  pid: number;
  /** Start time of the process, in clock ticks after boot: another process may have the pid by now (proc(5), field 22). */
  ticks: string;
  command: string;
  since: string;
}

async function startTicks(host: Host, pid: number): Promise<string | undefined> {
  const stat = (await host.read(`/proc/${pid}/stat`))?.toString();
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

/** Tells whether the content of a lock names a process: a crash, or a hand, can leave anything in it. */
function isHolder(found: unknown): found is LockHolder {
  const { pid, ticks } = (found ?? {}) as Partial<LockHolder>;
  return Number.isInteger(pid) && typeof ticks === 'string' && ticks !== '';
}

/**
 * Waits a moment if the lock is created but not yet filled. Returns undefined if there is no lock, if its creator died before filling
 * it, or if it names no process.
 */
async function readLock(host: Host, path: string): Promise<LockHolder | undefined> {
  for (let tries = 0; ; tries++) {
    if ((await host.stat(path))?.type === 'dir') return undefined;
    const bytes = await host.read(path);
    if (!bytes) return undefined;
    try {
      const found: unknown = JSON.parse(bytes.toString());
      return isHolder(found) ? found : undefined;
    } catch {
      if (tries === 5) return undefined;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Returns the other run that is at work in this directory; undefined if there is none, or the holder is dead. */
export async function lockHolder(host: Host, dir: string): Promise<LockHolder | undefined> {
  const holder = await readLock(host, lockPath(dir));
  if (!holder) return undefined;
  const alive = (await startTicks(host, holder.pid)) === holder.ticks;
  return alive && holder.pid !== process.pid ? holder : undefined;
}

/** Returns the error that names the holder of the lock. */
export const lockedBy = ({ command, pid, since }: LockHolder): CliError =>
  new CliError(`Another run is at work here: "${command}" (pid ${pid}), since ${since}.`, {
    fix: ['Wait for it, or look at it:', `  ps -fp ${pid}`],
  });

export const lockPath = (dir: string): string => join(dir, '.state/lock');

/** Returns this process as a holder of the lock; `command` is shown to other runs. */
export const thisProcess = async (host: Host, command: string): Promise<LockHolder> => ({
  pid: process.pid,
  ticks: (await startTicks(host, process.pid)) ?? '',
  command,
  since: new Date().toISOString(),
});

/** Takes the lock, also over a dead holder's. @throws CliError that names the holder */
export async function takeLock(host: Host, dir: string, me: LockHolder): Promise<void> {
  while (!(await host.create(lockPath(dir), JSON.stringify(me)))) {
    const holder = await lockHolder(host, dir);
    if (holder) throw lockedBy(holder);
    // A directory by that name is no lock either.
    await host.removeTree(lockPath(dir));
  }
}
