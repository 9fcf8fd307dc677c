// What DIR/.state holds, as it is read: the journal of a run, and the oldest undo of everything.
import { join } from 'node:path';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Oldest, Undo } from '../resources/undo.ts';
import { lockPath } from './lock.ts';

/** What was done to one resource in a run, and the way back. */
export interface Entry {
  key: string;
  title: string;
  undo: Undo;
  /** Nothing of it is there when the run has succeeded, and nothing is left to undo: it was taken away, or was there for the proof alone. */
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

/** Where everything is that is remembered of a directory. */
export const paths = (dir: string) => {
  const state = join(dir, '.state');
  return {
    state,
    lock: lockPath(dir),
    journal: join(state, 'journal'),
    oldest: join(state, 'oldest.json'),
    next: join(state, 'oldest.json.next'),
    copies: join(state, 'copies'),
  };
};

export async function readOldest(host: Host, dir: string): Promise<Oldest> {
  const path = paths(dir).oldest;
  const bytes = await host.read(path);
  try {
    return new Map(bytes ? Object.entries(JSON.parse(bytes.toString())) : []);
  } catch {
    throw new CliError(`${path} is damaged: what was here before the set-up is not known any more.`, {
      fix: ['Put it aside; then uninstall removes nothing that it told of:', `  mv ${path} ${path}.damaged`],
    });
  }
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
    since: records[0]?.since ?? 'an unknown time',
    entries: records.filter((record) => record.key),
    committed: records.some((record) => record.committed),
  };
}
