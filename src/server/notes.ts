// Notes of what maintenance did last, for `status`: figures that cost more to find out than a look may cost.
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { paths } from '../reconcile/journal.ts';
import { type DiskPoint, withPoint } from './forecast.ts';
import type { Traffic } from './traffic.ts';

export interface Notes {
  /** What the registry held when it was last counted. */
  counted?: { at: string; repositories: number; tags: number; bytes: number };
  /** The last collection. */
  collected?: { at: string; bytes: number };
  /** The last removal by the rules of every night. */
  pruned?: { at: string; tags: number };
  /** The last upgrade, and the images that ran before: they stay here, for the way back. */
  upgraded?: { at: string; from: Partial<Record<'registry' | 'auth', { image: string; version?: string }>> };
  /** When the certificate was replaced last. */
  renewed?: { at: string };
  /** Why a certificate could not be ordered; it counts until one is. */
  refused?: { at: string; why: string };
  /** When the timer looked last whether the certificate must be renewed. */
  looked?: { at: string };
  /** What clients did in the day before it was counted. */
  traffic?: Traffic;
  /** The disk of the images over the last weeks. */
  disk?: DiskPoint[];
}

/** Returns the notes; none if there are none, or if they cannot be read: they are worth no error. */
export async function readNotes(host: Host, dir: string): Promise<Notes> {
  try {
    const found: unknown = JSON.parse((await host.read(paths(dir).notes))?.toString() ?? '{}');
    const notes = typeof found === 'object' && found !== null ? (found as Notes) : {};
    return { ...notes, ...(notes.disk && { disk: Array.isArray(notes.disk) ? notes.disk : [] }) };
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

/** Keeps why a certificate could not be ordered: nobody reads what the timer says at night. */
export async function noteRefused(host: Host, dir: string, error: unknown): Promise<void> {
  if (!(error instanceof CliError)) return;
  const why = [error.message, error.why ?? []].flat().join(' ');
  await note(host, dir, { refused: { at: new Date().toISOString(), why } });
}

/** Returns why the last order failed; undefined if a certificate was issued since. */
export const refusalIn = ({ refused, renewed }: Notes): Notes['refused'] =>
  refused && refused.at > (renewed?.at ?? '') ? refused : undefined;

/** Adds how full the disk is to the notes, twice a day at most. */
export async function noteDisk(host: Host, dir: string, now: DiskPoint): Promise<void> {
  const { disk = [] } = await readNotes(host, dir);
  const next = withPoint(disk, now);
  if (next.at(-1) === now) await note(host, dir, { disk: next });
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
