// Counts what `status` tells over time: the pulls and pushes of the last day, and how full the disk is.
import type { Context } from '../context.ts';
import type { Settings } from '../settings/settings.ts';
import type { DiskPoint } from './forecast.ts';
import { type Notes, note, noteDisk, readNotes } from './notes.ts';
import { countTraffic, type Traffic } from './traffic.ts';

/** What was counted just now. */
export interface Counts {
  /** Undefined if the log could not be read in time. */
  traffic: Traffic | undefined;
  disk: DiskPoint;
}

/** Counts. Reads only. @param timeout milliseconds for the log of the registry, which may be long */
export async function countNow({ host }: Context, settings: Settings, timeout: number): Promise<Counts> {
  const [traffic, space] = await Promise.all([
    countTraffic(host, settings, timeout),
    host.space(settings.storage),
  ]);
  return { traffic, disk: { at: new Date().toISOString(), ...space } };
}

/** A count that is younger is not replaced in the notes; milliseconds. */
const YOUNG = 600_000;

/** Keeps counts in the notes for the next look. */
export async function keepCounts(
  { host }: Context,
  { dir }: Settings,
  { traffic, disk }: Counts,
): Promise<void> {
  const before: Notes = await readNotes(host, dir);
  const age = Date.parse(traffic?.at ?? '') - Date.parse(before.traffic?.at ?? '');
  if (traffic && !(age < YOUNG)) await note(host, dir, { traffic });
  await noteDisk(host, dir, disk);
}
