// The lock of a directory: one run at a time. A dead run does not block the next.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError, Interrupted } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { ProcessId } from '../resources/guest.ts';

export interface LockHolder extends ProcessId {
  command: string;
  since: string;
}

/** Returns the start time of a process; undefined if it has ended, though nobody may have asked for its exit code yet (a zombie). */
async function startTicks(host: Host, pid: number): Promise<string | undefined> {
  const stat = (await host.read(`/proc/${pid}/stat`))?.toString() ?? '';
  const [state = '', ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ['Z', 'X'].includes(state) ? undefined : fields[18];
}

/** Tells whether the content of a lock names a process: a crash, or a hand, can leave anything in it. */
function isHolder(found: unknown): found is LockHolder {
  const { pid, ticks } = (found ?? {}) as Partial<LockHolder>;
  return Number.isInteger(pid) && typeof ticks === 'string';
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
      await sleep(20);
    }
  }
}

/** Returns the other run that is at work in this directory; undefined if there is none, or the holder is dead. */
export async function lockHolder(host: Host, dir: string): Promise<LockHolder | undefined> {
  return livingHolder(host, lockPath(dir));
}

/** Returns who holds that lock; undefined if nobody does, the holder is dead, or it is this process. */
async function livingHolder(host: Host, path: string): Promise<LockHolder | undefined> {
  const holder = await readLock(host, path);
  if (!holder || holder.pid === process.pid) return undefined;
  return (await isAlive(host, holder)) ? holder : undefined;
}

/** Tells whether a process has not ended. */
export const isAlive = async (host: Host, { pid, ticks }: ProcessId): Promise<boolean> =>
  (await startTicks(host, pid)) === ticks;

/** Returns the error that names the holder of the lock. */
const lockedBy = ({ command, pid, since }: LockHolder): CliError =>
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

/** How long to wait for another run, and whom to tell that this run waits. */
export interface Patience {
  seconds: number;
  signal: AbortSignal;
  tell(holder: LockHolder): void;
}

/** Between two looks at a lock that is held; milliseconds. After a minute of waiting one more second does not count. */
const LOOK_EVERY = 200;
const LOOK_LATER = 1_000;

/**
 * Waits until no other run is at work in the directory.
 * @param patience without it the first holder is an error
 * @throws CliError that names the holder, if the time is over; Interrupted
 */
export async function untilFree(host: Host, dir: string, patience?: Patience): Promise<void> {
  const begin = performance.now();
  const end = begin + (patience?.seconds ?? 0) * 1000;
  let told: string | undefined;
  for (;;) {
    const holder = await lockHolder(host, dir);
    if (!holder) return;
    if (!patience || performance.now() >= end) throw lockedBy(holder);
    if (told !== holder.since) patience.tell(holder);
    told = holder.since;
    const pause = performance.now() - begin < 60_000 ? LOOK_EVERY : LOOK_LATER;
    await sleep(pause, undefined, { signal: patience.signal }).catch(() => {
      throw new Interrupted();
    });
  }
}

/**
 * Takes the lock, also over a dead holder's.
 * @param patience without it a lock that another run holds is an error at once
 * @throws as untilFree
 */
export async function takeLock(host: Host, dir: string, me: LockHolder, patience?: Patience): Promise<void> {
  while (!(await host.create(lockPath(dir), JSON.stringify(me)))) {
    await untilFree(host, dir, patience);
    await removeDead(host, dir, me);
  }
  // Of a starter that was killed.
  await host.remove(guardPath(dir));
}

/** The lock of the one that removes a dead run's lock. */
const guardPath = (dir: string): string => `${lockPath(dir)}.next`;

/**
 * Removes the lock of a dead run. Only one starter at a time may do that: of two, the slower would remove the lock that the
 * faster has taken meanwhile.
 */
async function removeDead(host: Host, dir: string, me: LockHolder): Promise<void> {
  const [path, guard] = [lockPath(dir), guardPath(dir)];
  if (!(await host.create(guard, JSON.stringify(me)))) {
    if (await livingHolder(host, guard)) await sleep(20);
    else await host.remove(guard);
    return;
  }
  try {
    // The holder of a lock that is gone has released it: the next one may be another starter's.
    if ((await host.stat(path)) && !(await livingHolder(host, path))) await host.removeTree(path);
  } finally {
    await host.remove(guard);
  }
}
