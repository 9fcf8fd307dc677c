// Notes of what maintenance did last, for `status`: figures that cost more to find out than a look may cost.
import type { Host } from '../host/host.ts';
import { paths } from '../reconcile/journal.ts';

export interface Notes {
  /** What the registry held when it was last counted. */
  counted?: { at: string; repositories: number; tags: number; bytes: number };
  /** The last collection. */
  collected?: { at: string; bytes: number };
  /** The last removal by the rules of every night. */
  pruned?: { at: string; tags: number };
  /** The last upgrade, and the images that ran before: they stay here, for the way back. */
  upgraded?: { at: string; from: Partial<Record<'registry' | 'auth', { image: string; version?: string }>> };
}

/** Returns the notes; none if there are none, or if they cannot be read: they are worth no error. */
export async function readNotes(host: Host, dir: string): Promise<Notes> {
  try {
    const found: unknown = JSON.parse((await host.read(paths(dir).notes))?.toString() ?? '{}');
    return typeof found === 'object' && found !== null ? (found as Notes) : {};
  } catch {
    return {};
  }
}

/** Returns the images that ran before the last upgrade. */
export async function formerImages(host: Host, dir: string): Promise<string[]> {
  const { upgraded } = await readNotes(host, dir);
  return Object.values(upgraded?.from ?? {}).flatMap((one) => one?.image ?? []);
}

/** Adds to the notes. A full disk, or a user who may not write here, is no reason to fail. */
export async function note(host: Host, dir: string, more: Notes): Promise<void> {
  const { state, notes } = paths(dir);
  if (!(await host.stat(state).catch(() => undefined))) return;
  const all = { ...(await readNotes(host, dir)), ...more };
  await host.write(notes, `${JSON.stringify(all)}\n`, { mode: 0o600 }).catch(() => {});
}

/** Lines that the log of removals keeps. */
const MOST = 10_000;

/** Adds a line to the log of removals for each tag that a rule removed. */
export async function logRemoved(host: Host, dir: string, images: string[], now = new Date()): Promise<void> {
  const { removed } = paths(dir);
  const before =
    (await host.read(removed).catch(() => undefined))?.toString().split('\n').filter(Boolean) ?? [];
  const lines = [...before, ...images.map((image) => `${now.toISOString()} ${image}`)].slice(-MOST);
  await host.write(removed, `${lines.join('\n')}\n`, { mode: 0o600 }).catch(() => {});
}
