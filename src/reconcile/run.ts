// A run and its files in DIR/.state: its lock, its way back (journal), the way back to before the first set-up (oldest).
import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { releaseConnections } from '../host/hold-connections.ts';
import type { Host } from '../host/host.ts';
import { type Key, textOfKey } from '../resources/key.ts';
import type { Vault } from '../resources/provider.ts';
import type { Oldest, Undo, UndoStep } from '../resources/undo.ts';
import { sweepGuests } from './guests.ts';
import {
  type Entry,
  journalOf,
  oldestText,
  paths,
  readOldest,
  readUnfinished,
  type Unfinished,
} from './journal.ts';
import { type LockHolder, type Patience, takeLock, thisProcess, untilFree } from './lock.ts';
import { attempt, stepKindOf } from './undo.ts';

/** A run that holds a directory: its lock, its journal, its copies. */
export interface Run extends Vault {
  readonly oldest: Oldest;
  /** What a killed run left; recover it before recording anything else. */
  readonly unfinished: Unfinished | undefined;
  /** Directories that did not exist before the set-up: if nothing is kept, they are removed after the lock that is in one of them. */
  readonly leaving: Set<string>;
  /** Writes the way back of one change, before the change is made; returns when it is on disk. */
  record(key: Key, title: string, undo: Undo, removed: boolean): Promise<void>;
  /** Replaces the journal of a killed run by these entries, atomically. */
  adopt(left: Entry[]): Promise<void>;
  /**
   * Ends a successful run: throws away what its roll-back would need, keeps what uninstall needs.
   * Once that is on disk there is no way back: if tidying up fails, the next run does it.
   */
  commit(host: Host): Promise<void>;
  /**
   * Undoes this run, last first; one step that fails does not stop the others.
   * @returns what could not be undone, in words
   */
  rollBack(host: Host): Promise<string[]>;
  /** Releases the lock; removes a directory that was made for the lock alone. */
  release(): Promise<void>;
}

/** Makes a directory and its parents, and adds those that did not exist to `made`. */
export async function makeDirectories(host: Host, path: string, mode: number, made: string[]): Promise<void> {
  if (await host.stat(path)) return;
  await makeDirectories(host, dirname(path), 0o755, made);
  await host.mkdir(path, mode);
  made.push(path);
}

/** Removes temporary files that Host.write left when a run was killed (`.NAME.xxxxxxxx.tmp`). */
async function removeTemporaries(host: Host, directory: string, names: string[]): Promise<void> {
  for (const entry of await host.list(directory)) {
    const [, name = ''] = /^\.(.+)\.[0-9a-f]{8}\.tmp$/.exec(entry) ?? [];
    if (names.includes(name)) await host.remove(join(directory, entry));
  }
}

/** Tells whether a run killed before or after it had a journal left the directory: with only .state in it, it was made for the lock. */
async function isLeftOver(host: Host, dir: string): Promise<boolean> {
  const at = paths(dir);
  const [names, journal, oldest] = await Promise.all([
    host.list(dir),
    host.stat(at.journal),
    readOldest(host, dir),
  ]);
  return names.length === 1 && names[0] === basename(at.state) && !journal && oldest.size === 0;
}

/**
 * Takes the lock of a directory, and makes the directory if it does not exist.
 * @param command the command of this run, shown to a user who finds the lock
 * @param patience without it a lock that another run holds is an error at once
 * @throws CliError that names the holder, or the file that is damaged or that a newer version wrote
 */
export async function beginRun(host: Host, dir: string, command: string, patience?: Patience): Promise<Run> {
  const at = paths(dir);
  // Refuses files of a newer version before making anything.
  await Promise.all([readOldest(host, dir), readUnfinished(host, dir)]);
  const made: string[] = [];
  const me = await thisProcess(host, command);
  // The other run may remove the directory at its end.
  await untilFree(host, dir, patience);
  const removeMade = async () => {
    for (const path of made.toReversed()) await host.rmdir(path);
  };
  try {
    if (await isLeftOver(host, dir)) made.push(dir);
    await makeDirectories(host, at.state, 0o700, made);
    await takeLock(host, dir, me, patience);
  } catch (error) {
    await removeMade();
    throw error;
  }
  try {
    return await heldRun(host, dir, me, made);
  } catch (error) {
    if (made.length > 0) await host.remove(at.journal);
    await host.remove(at.lock);
    await removeMade();
    throw error;
  }
}

/** Returns the run that holds the lock. @param made directories that were made for the lock, the deepest last */
async function heldRun(host: Host, dir: string, me: LockHolder, made: string[]): Promise<Run> {
  const at = paths(dir);
  const journal = journalOf(host, dir, me);
  await removeTemporaries(host, at.state, ['oldest.json', 'oldest.json.next', 'journal']);
  const oldest = await readOldest(host, dir);
  const unfinished = await readUnfinished(host, dir);
  if (!unfinished?.committed) await host.remove(at.next);
  const entries: Entry[] = [];
  const leaving = new Set<string>();

  async function record(key: Key, title: string, undo: Undo, removed: boolean) {
    const entry: Entry = { key, title, undo, ...(removed && { removed: true as const }) };
    await journal.add(entry);
    entries.push(entry);
    for (const path of directoriesOf(entry)) leaving.add(path);
  }
  // Directories that were made for the lock are recorded, and removed, like any other.
  const steps = made
    .toReversed()
    .flatMap((path) => (path === at.state ? [] : [{ do: 'rmdir' as const, path }]));
  if (steps.length > 0) await record({ kind: 'dir', id: dir }, dir, { steps }, false);

  const run: Run = {
    oldest,
    unfinished,
    leaving,
    record,
    async keep(content) {
      if (!(await host.stat(at.copies))) await host.mkdir(at.copies, 0o700);
      const copy = join(at.copies, randomBytes(8).toString('hex'));
      await host.write(copy, content, { mode: 0o600 });
      return copy;
    },
    async adopt(left) {
      entries.push(...left);
      for (const path of left.flatMap(directoriesOf)) leaving.add(path);
      if (left.length === 0) return host.remove(at.journal);
      await journal.replace(left);
    },
    async commit(uninterruptible) {
      if (entries.length > 0) {
        // Writes everything before the commit, so that a full disk shows while there is a way back.
        const next = oldestText(withEntries(oldest, entries));
        if (next !== (await textIn(at.oldest, host))) await host.write(at.next, next, { mode: 0o600 });
        await journal.commit();
      }
      await finish(uninterruptible, dir, run, entries).catch(() => {});
    },
    async rollBack(uninterruptible) {
      const { failures } = await rollBackEntries(uninterruptible, entries);
      if (failures.length > 0) return failures;
      await uninterruptible.remove(at.next);
      await uninterruptible.remove(at.journal);
      await dropCopies(uninterruptible, dir, oldest);
      return [];
    },
    async release() {
      await sweepGuests(host, dir);
      if (oldest.size > 0 || (await host.stat(at.journal))) return host.remove(at.lock);
      // While the lock is held: from then on these are the next run's. And a lock that is left has the rest removed.
      await host.removeTree(at.copies);
      for (const path of [at.oldest, at.notes, at.removed, at.reserve, at.lock]) await host.remove(path);
      await host.rmdir(at.state);
      // Removes the deepest first.
      for (const path of [...leaving].sort((a, b) => b.length - a.length)) await host.rmdir(path);
    },
  };
  return run;
}

const textIn = async (path: string, host: Host) => (await host.read(path))?.toString();

/** Returns the directories that did not exist before the change. */
const directoriesOf = ({ undo: { steps, cleanup = [] } }: Entry): string[] =>
  [...steps, ...cleanup].flatMap((step) => (step.do === 'rmdir' ? [step.path] : []));

const asOldest = (step: UndoStep): UndoStep => stepKindOf(step).asOldest?.(step) ?? step;

/** Returns the oldest undos after these changes. */
function withEntries(oldest: Oldest, entries: Entry[]): Oldest {
  const next = new Map(oldest);
  for (const { key, title, undo, removed } of entries) {
    const text = textOfKey(key);
    if (removed) next.delete(text);
    else if (!next.has(text)) next.set(text, { key, title, undo: { steps: undo.steps.map(asOldest) } });
  }
  return next;
}

/** Tidies up after the commit. @returns what could not be tidied up; the journal stays until nothing is left */
async function finish(host: Host, dir: string, run: Run, entries: Entry[]): Promise<string[]> {
  const at = paths(dir);
  const { oldest, leaving } = run;
  const next = withEntries(oldest, entries);
  oldest.clear();
  for (const [key, value] of next) oldest.set(key, value);
  if (await host.stat(at.next)) await host.rename(at.next, at.oldest);
  else if (entries.length > 0 && oldestText(oldest) !== (await textIn(at.oldest, host)))
    await host.write(at.oldest, oldestText(oldest), { mode: 0o600 });
  const failures: string[] = [];
  for (const { title, undo } of entries)
    for (const step of undo.cleanup ?? []) await attempt(title, step, host, failures);
  for (const path of entries.flatMap(directoriesOf)) leaving.add(path);
  if (failures.length > 0) return failures;
  await dropCopies(host, dir, oldest);
  await host.remove(at.journal);
  return [];
}

/** Undoes entries, the last first. Returns what could not be undone: in words, and the entries. */
async function rollBackEntries(
  host: Host,
  entries: Entry[],
): Promise<{ failures: string[]; failed: Entry[] }> {
  const failures: string[] = [];
  const failed = new Set<Entry>();
  await releaseConnections(host);
  const undo = async (entry: Entry, steps: UndoStep[]) => {
    const before = failures.length;
    for (const step of steps) await attempt(entry.title, step, host, failures);
    if (failures.length > before) failed.add(entry);
  };
  const undone = (step: UndoStep) => !stepKindOf(step).staysOnRollBack;
  for (const entry of entries.toReversed()) await undo(entry, entry.undo.steps.filter(undone));
  // Of several changes of one thing, the first way back counts: what the others put back is gone again.
  const seen = new Set<string>();
  for (const entry of entries) {
    const key = textOfKey(entry.key);
    if (!seen.has(key)) await undo(entry, entry.undo.last ?? []);
    seen.add(key);
  }
  return { failures, failed: entries.filter((entry) => failed.has(entry)) };
}

/** Removes the copies that no way back needs any more. */
async function dropCopies(host: Host, dir: string, oldest: Oldest) {
  const { copies } = paths(dir);
  const needed = new Set(
    [...oldest.values()].flatMap(({ undo }) => undo.steps.map((s) => ('copy' in s ? s.copy : ''))),
  );
  for (const name of await host.list(copies))
    if (!needed.has(join(copies, name))) await host.remove(join(copies, name));
  await host.rmdir(copies);
}

/**
 * Ends a killed run: tidies up if the run was committed, else rolls it back. The lock must be held.
 * What fails becomes a part of this run: its roll-back tries again, and its commit makes it needless.
 * @returns what could not be undone
 */
export async function recover(host: Host, dir: string, run: Run, left: Unfinished): Promise<string[]> {
  for (const step of left.entries.flatMap(({ undo }) => undo.steps))
    if (step.do === 'remove' || step.do === 'restore')
      await removeTemporaries(host, dirname(step.path), [basename(step.path)]);
  const told = (entry: Entry): Entry => ({ ...entry, told: true });
  if (left.committed) {
    const failures = await finish(host, dir, run, left.entries);
    const rest = left.entries.filter(({ undo }) => undo.cleanup?.length);
    if (failures.length > 0)
      await run.adopt(rest.map((entry) => told({ ...entry, undo: { ...entry.undo, steps: [], last: [] } })));
    return failures;
  }
  const { failures, failed } = await rollBackEntries(host, left.entries);
  // The roll-back cannot remove a directory with the lock in it.
  const stays = await Promise.all(
    left.entries.map(async ({ key }) => key.kind === 'dir' && (await host.stat(key.id)) !== undefined),
  );
  await run.adopt(
    left.entries.flatMap((entry, i) =>
      failed.includes(entry)
        ? [told(entry)]
        : stays[i]
          ? [{ key: entry.key, title: entry.title, undo: entry.undo }]
          : [],
    ),
  );
  return failures;
}
