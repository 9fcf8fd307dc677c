// Reads and writes the files of DIR/.state: the journal of a run, and the oldest undo of every resource.
import { basename, join } from 'node:path';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { VERSION } from '../package.ts';
import { type Key, keyOfText, textOfKey } from '../resources/key.ts';
import type { Oldest, Undo } from '../resources/undo.ts';
import { shellLine } from '../terminal/shell.ts';
import { type LockHolder, lockPath } from './lock.ts';
import { isKnownStep } from './undo.ts';

/**
 * The format of both files. Raise it if an older version would misread a change: a new kind of undo step, another meaning of a word.
 * Files without a number are older than this number: keys are text, and oldest.json is an object of them.
 */
export const FORMAT = 1;

/** What was done to one resource in a run, and the way back. */
export interface Entry {
  key: Key;
  title: string;
  undo: Undo;
  /** Nothing of it exists after a successful run, and nothing is left to undo: the run removed it, or made it for the proof alone. */
  removed?: true;
  /** A run that was cut off did this, its undo failed, and the user was told. */
  told?: true;
}

/** A run that began and did not end: it was killed, or the machine lost power. */
export interface Unfinished {
  command: string;
  since: string;
  entries: Entry[];
  /** Only tidying up was left to do. */
  committed: boolean;
  /** The user was told of every entry already. */
  told: boolean;
  /** Lines that nobody can read: a crash, or a hand, has damaged them. What they told of cannot be put back. */
  unreadable: number;
}

/** Returns the paths of the files in the .state of a directory. */
export const paths = (dir: string) => {
  const state = join(dir, '.state');
  return {
    state,
    lock: lockPath(dir),
    journal: join(state, 'journal'),
    oldest: join(state, 'oldest.json'),
    next: join(state, 'oldest.json.next'),
    copies: join(state, 'copies'),
    /** What maintenance did last, and what it removed: server/notes.ts. */
    notes: join(state, 'maintenance.json'),
    removed: join(state, 'removed.log'),
  };
};

/** The first fields of both files: the format, and the version that wrote the file. */
interface Head {
  format?: number;
  by?: string;
}

/** @throws CliError if a newer version wrote the file: this version may misread it, and would put older files in place of newer ones */
function mustBeKnown({ format = 0, by }: Head, path: string): void {
  if (format <= FORMAT && (by === undefined || !isNewer(by, VERSION))) return;
  throw new CliError(`${path} was written by a newer registry-setup${by ? ` (${by})` : ''}.`, {
    why: `This version (${VERSION}) cannot read what was done here.`,
    fix: `Use registry-setup ${by ? `${by} or newer` : 'of a newer version'}.`,
    exitCode: 2,
  });
}

/** Tells whether a version is newer than another one; a preview (`-rc.1`) counts as its version. (semver.org, 11) */
export function isNewer(version: string, than: string): boolean {
  const plain = (text: string) => String(text).replace(/[-+].*/s, '');
  const [newer, older] = [version, than].map((text) => plain(text).split('.').map(Number)) as [
    number[],
    number[],
  ];
  const first = newer.findIndex((number, i) => number !== older[i]);
  return first >= 0 && (newer[first] ?? 0) > (older[first] ?? 0);
}

/** Returns what JSON says; undefined for a text that is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Returns the first fields of a file; of oldest.json all, of the journal those of its first line. Nothing of what cannot be read: a
 * damaged file is reported when it is needed.
 */
async function headOf(host: Host, path: string): Promise<Head> {
  const text = (await host.read(path).catch(() => undefined))?.toString() ?? '';
  const [line = ''] = text.split('\n');
  return [parsed(text), parsed(line)].find(isObject) ?? {};
}

/** Verifies that no newer version has worked in a directory, before anything else is read there. @throws CliError if one has */
export async function refuseNewer(host: Host, dir: string): Promise<void> {
  const { journal, oldest } = paths(dir);
  for (const path of [oldest, journal]) mustBeKnown(await headOf(host, path), path);
}

/** Returns the version that changed something last in a directory, '0' if it was one that did not say; undefined if there was none. */
export async function lastVersion(host: Host, dir: string): Promise<string | undefined> {
  const { oldest } = paths(dir);
  return (await host.stat(oldest)) ? ((await headOf(host, oldest)).by ?? '0') : undefined;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isKey = (key: unknown): key is Key | string =>
  typeof key === 'string' || (isObject(key) && typeof key.kind === 'string' && typeof key.id === 'string');

const isStep = (step: unknown): boolean => isObject(step) && isKnownStep(step);

/** Tells whether this version can go that way back: every step in it has a name that is known here. */
const isUndo = (undo: unknown): undo is Undo =>
  isObject(undo) &&
  Array.isArray(undo.steps) &&
  [undo.steps, undo.last ?? [], undo.cleanup ?? []].every(
    (list) => Array.isArray(list) && list.every(isStep),
  );

const readKey = (key: Key | string): Key => (typeof key === 'string' ? keyOfText(key) : key);

/** Returns the text of oldest.json. */
export const oldestText = (oldest: Oldest): string =>
  JSON.stringify({ format: FORMAT, by: VERSION, oldest: [...oldest.values()] }, null, 1);

/** Returns the oldest undos; none if there is no file. @throws CliError if the file is damaged, or a newer version wrote it */
export async function readOldest(host: Host, dir: string): Promise<Oldest> {
  const path = paths(dir).oldest;
  const bytes = await host.read(path);
  if (!bytes) return new Map();
  const found = parsed(bytes.toString());
  // A list without anything in it remembers nothing, as a file that is not there.
  if (Array.isArray(found) && found.length === 0) return new Map();
  if (!isObject(found)) throw damaged(path);
  mustBeKnown(found as Head, path);
  const entries = found.oldest ?? formerEntries(found);
  if (!Array.isArray(entries) || !entries.every(isEntry)) throw damaged(path);
  return new Map(entries.map((entry) => [textOfKey(entry.key), entry]));
}

type OldestEntry = Omit<Entry, 'removed'>;
const isEntry = (entry: unknown): entry is OldestEntry =>
  isObject(entry) && isObject(entry.key) && isKey(entry.key) && isUndo(entry.undo);

const damaged = (path: string) =>
  new CliError(`${path} is damaged: what was here before the setup is unknown.`, {
    fix: [
      'Move it aside. Then uninstall removes what it recognizes by its marks:',
      `  ${shellLine('mv', [path, `${path}.damaged`])}`,
    ],
  });

/** Returns the entries of oldest.json as it was before it had a format: by the text of the key. */
const formerEntries = (former: Record<string, unknown>): unknown[] =>
  Object.entries(former).map(([key, value]) =>
    isObject(value) ? { key: keyOfText(key), title: value.title, undo: value.undo } : undefined,
  );

type JournalLine = Head & Partial<LockHolder> & Partial<Entry> & { committed?: true };

/**
 * Returns the run that was cut off, if there was one. A truncated last line is ignored: its change was never made. Any other line that
 * cannot be read is counted: the comparison with the plan finds what it told of.
 * @throws CliError if a newer version wrote the journal
 */
export async function readUnfinished(host: Host, dir: string): Promise<Unfinished | undefined> {
  const path = paths(dir).journal;
  const bytes = await host.read(path);
  if (!bytes) return undefined;
  const text = bytes.toString();
  const lines = text.split('\n').filter(Boolean);
  const records: JournalLine[] = lines.map(parsed).filter(isObject);
  const [head = {}] = records;
  mustBeKnown(head, path);
  const entries = records.filter((record) => record.key !== undefined);
  const readable = entries.filter(({ key, undo }) => isKey(key) && isUndo(undo));
  const torn = !text.endsWith('\n') && lines.length > records.length ? 1 : 0;
  return {
    command: typeof head.command === 'string' ? head.command : 'registry-setup',
    since: typeof head.since === 'string' ? head.since : 'an unknown time',
    entries: readable.map((record) => ({ ...(record as Entry), key: readKey(record.key as Key) })),
    committed: records.some((record) => record.committed),
    told: entries.length > 0 && entries.every(({ told }) => told),
    unreadable: lines.length - records.length - torn + (entries.length - readable.length),
  };
}

/** Tells whether a run was killed that left its lock, or the empty directory for it, and perhaps nothing else. */
export async function isLockLeft(host: Host, dir: string): Promise<boolean> {
  const { state, lock } = paths(dir);
  if (await host.stat(lock)) return true;
  const ofLocks = (name: string) => name.startsWith(basename(lock));
  return (await host.stat(state)) !== undefined && (await host.list(state)).every(ofLocks);
}

/** Writes the journal of a run: who runs, a line for each change before it is made, and that the run is over. */
export interface Journal {
  add(entry: Entry): Promise<void>;
  commit(): Promise<void>;
  /** Replaces all entries by these, atomically. */
  replace(entries: Entry[]): Promise<void>;
}

/** Returns the writer of the journal of a directory. The first entry or commit creates the file. */
export function journalOf(host: Host, dir: string, { pid, ticks, command, since }: LockHolder): Journal {
  const path = paths(dir).journal;
  const line = (record: JournalLine) => `${JSON.stringify(record)}\n`;
  const head = line({ format: FORMAT, by: VERSION, pid, ticks, command, since });
  const append = async (record: JournalLine) => {
    if (!(await host.stat(path))) await host.append(path, head);
    await host.append(path, line(record));
  };
  return {
    add: append,
    commit: () => append({ committed: true }),
    replace: (entries) => host.write(path, [head, ...entries.map(line)].join(''), { mode: 0o600 }),
  };
}
