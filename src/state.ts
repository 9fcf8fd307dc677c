// What is remembered in DIR/.state: who is at work (lock), the way back of this run (journal), the way back to before us (oldest).
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { CliError } from './errors.ts';
import type { Host } from './host.ts';
import type { Undo, UndoStep, Vault } from './resource.ts';
import { perform } from './undo.ts';

/** What was done to one resource in a run, and the way back. */
interface Entry {
  key: string;
  title: string;
  undo: Undo;
  /** The resource was taken away, so its oldest undo is used up. */
  removed?: true;
}

/** A run that began and did not end: it was killed, or the machine lost its power. */
export interface Unfinished {
  command: string;
  since: string;
  entries: Entry[];
  /** It was over but for tidying up. */
  committed: boolean;
}

/** The oldest undo of each resource, in the order in which they were made. */
export type Oldest = Map<string, { title: string; undo: Undo }>;

const paths = (dir: string) => {
  const state = join(dir, '.state');
  return {
    state,
    lock: join(state, 'lock'),
    journal: join(state, 'journal'),
    oldest: join(state, 'oldest.json'),
    copies: join(state, 'copies'),
  };
};

export async function readOldest(host: Host, dir: string): Promise<Oldest> {
  const bytes = await host.read(paths(dir).oldest);
  return new Map(bytes ? Object.entries(JSON.parse(bytes.toString())) : []);
}

/** The run that was cut off, if there was one. A last line that is torn was never followed by its change: it is left out. */
export async function readUnfinished(host: Host, dir: string): Promise<Unfinished | undefined> {
  const bytes = await host.read(paths(dir).journal);
  if (!bytes) return undefined;
  const lines = bytes.toString().split('\n').filter(Boolean);
  const records = lines.flatMap((line) => {
    try {
      return [JSON.parse(line)];
    } catch {
      return [];
    }
  });
  return {
    command: records[0]?.command ?? 'registry-setup',
    since: records[0]?.since ?? '',
    entries: records.filter((record) => record.key),
    committed: records.some((record) => record.committed),
  };
}

export interface LockHolder {
  pid: number;
  /** When the process started, in clock ticks after boot: a pid alone may be somebody else's by now (proc(5), field 22). */
  ticks: string;
  command: string;
  since: string;
}

async function startTicks(host: Host, pid: number): Promise<string | undefined> {
  const stat = (await host.read(`/proc/${pid}/stat`))?.toString();
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

/** Who is at work in this directory; undefined where nobody is, or where the holder is dead. */
export async function lockHolder(host: Host, dir: string): Promise<LockHolder | undefined> {
  const bytes = await host.read(paths(dir).lock);
  if (!bytes || bytes.length === 0) return undefined;
  const holder = JSON.parse(bytes.toString()) as LockHolder;
  const alive = (await startTicks(host, holder.pid)) === holder.ticks;
  return alive && holder.pid !== process.pid ? holder : undefined;
}

export const lockedBy = ({ command, pid, since }: LockHolder): CliError =>
  new CliError(`Another run is at work here: "${command}" (pid ${pid}), since ${since}.`, {
    fix: ['Wait for it, or look at it:', `  ps -fp ${pid}`],
  });

/** One run's hold on a directory: its lock, its journal, its copies. */
export interface Run extends Vault {
  readonly oldest: Oldest;
  /** What a killed run left; it must be recovered before anything else is recorded. */
  readonly unfinished: Unfinished | undefined;
  /** Writes the way back of one change, before the change is made; returns when it is on disk. */
  record(key: string, title: string, undo: Undo, removed: boolean): Promise<void>;
  /** The run has succeeded: what was kept for its roll-back is thrown away, what is needed to uninstall is kept. */
  commit(): Promise<void>;
  /**
   * Undoes this run, last first; one step that fails does not stop the others.
   * @returns what could not be undone, in words
   */
  rollBack(host: Host): Promise<string[]>;
  /** Lets go of the lock; a directory that was made for it alone goes, too. */
  release(): Promise<void>;
}

async function makeParents(host: Host, dir: string): Promise<string[]> {
  if (await host.stat(dir)) return [];
  const made = await makeParents(host, dirname(dir));
  await host.mkdir(dir, 0o755);
  return [...made, dir];
}

/**
 * Takes the lock of a directory, and makes the directory if need be.
 * @param command the words of this run, for the one who finds the lock
 * @throws CliError that names the holder
 */
export async function beginRun(host: Host, dir: string, command: string): Promise<Run> {
  const at = paths(dir);
  const made = await makeParents(host, dir);
  if (!(await host.stat(at.state))) await host.mkdir(at.state, 0o700);
  const me: LockHolder = {
    pid: process.pid,
    ticks: (await startTicks(host, process.pid)) ?? '',
    command,
    since: new Date().toISOString(),
  };
  while (!(await host.create(at.lock, JSON.stringify(me)))) {
    const holder = await lockHolder(host, dir);
    if (holder) throw lockedBy(holder);
    await host.remove(at.lock);
  }
  const oldest = await readOldest(host, dir);
  const unfinished = await readUnfinished(host, dir);
  const entries: Entry[] = [];

  async function append(record: unknown) {
    if (!(await host.stat(at.journal))) await host.append(at.journal, `${JSON.stringify(me)}\n`);
    await host.append(at.journal, `${JSON.stringify(record)}\n`);
  }
  async function record(key: string, title: string, undo: Undo, removed: boolean) {
    const entry: Entry = { key, title, undo, ...(removed && { removed: true as const }) };
    await append(entry);
    entries.push(entry);
  }
  // Directories that the lock itself needed are ours like any other, and go in the same way.
  for (const path of made) await record(`dir:${path}`, path, { steps: [{ do: 'rmdir', path }] }, false);

  return {
    oldest,
    unfinished,
    record,
    async keep(content) {
      if (!(await host.stat(at.copies))) await host.mkdir(at.copies, 0o700);
      const copy = join(at.copies, randomBytes(8).toString('hex'));
      await host.write(copy, content, { mode: 0o600 });
      return copy;
    },
    async commit() {
      if (entries.length > 0) await append({ committed: true });
      await finish(host, dir, oldest, entries);
    },
    async rollBack(calm) {
      const failures = await rollBackEntries(calm, entries);
      if (failures.length === 0) await calm.remove(at.journal);
      await dropCopies(calm, dir, oldest);
      return failures;
    },
    async release() {
      await host.remove(at.lock);
      if (oldest.size > 0 || (await host.stat(at.journal))) return;
      await host.removeTree(at.copies);
      await host.remove(at.oldest);
      await host.rmdir(at.state);
      for (const { key } of entries.toReversed()) if (key.startsWith('dir:')) await host.rmdir(key.slice(4));
    },
  };
}

async function finish(host: Host, dir: string, oldest: Oldest, entries: Entry[]) {
  const at = paths(dir);
  for (const { key, title, undo, removed } of entries) {
    if (removed) oldest.delete(key);
    else if (!oldest.has(key)) oldest.set(key, { title, undo: { steps: undo.steps } });
  }
  if (entries.length > 0)
    await host.write(at.oldest, JSON.stringify(Object.fromEntries(oldest), null, 1), { mode: 0o600 });
  for (const step of entries.flatMap((entry) => entry.undo.cleanup ?? [])) await perform(step, host);
  await host.remove(at.journal);
  await dropCopies(host, dir, oldest);
}

async function rollBackEntries(host: Host, entries: Entry[]): Promise<string[]> {
  const failures: string[] = [];
  const attempt = async (title: string, step: UndoStep) => {
    // An image that was pulled stays: it harms nobody, and the next try is spared the wait.
    if (step.do === 'image') return;
    try {
      await perform(step, host);
    } catch (error) {
      const { message, why } = error as CliError;
      failures.push(`${title}: ${message}${why ? ` ${why}` : ''}`);
    }
  };
  for (const { title, undo } of entries.toReversed())
    for (const step of undo.steps) await attempt(title, step);
  for (const { title, undo } of entries) for (const step of undo.last ?? []) await attempt(title, step);
  return failures;
}

/** Copies that no way back needs any more. */
async function dropCopies(host: Host, dir: string, oldest: Oldest) {
  const { copies } = paths(dir);
  const needed = new Set(
    [...oldest.values()].flatMap(({ undo }) => undo.steps.map((s) => (s.do === 'restore' ? s.copy : ''))),
  );
  for (const name of await host.list(copies))
    if (!needed.has(join(copies, name))) await host.remove(join(copies, name));
}

/**
 * Ends what a killed run left: tidies up after one that was over, rolls back one that was not. The lock must be held.
 * @returns what could not be undone
 */
export async function recover(host: Host, dir: string, run: Run, left: Unfinished): Promise<string[]> {
  if (left.committed) {
    await finish(host, dir, run.oldest, left.entries);
    return [];
  }
  const failures = await rollBackEntries(host, left.entries);
  if (failures.length > 0) return failures;
  await host.remove(paths(dir).journal);
  // The directory of the lock could not go while the lock is in it: it is this run's to answer for now.
  for (const { key, title, undo } of left.entries)
    if (key.startsWith('dir:') && (await host.stat(key.slice(4)))) await run.record(key, title, undo, false);
  return [];
}
