// Forecasts when a disk will be full, from its free space over the last weeks; pure.
const DAY = 24 * 3_600_000;

/** The space of a disk at a time; bytes. */
export interface DiskPoint {
  at: string;
  free: number;
  total: number;
}

/** Days that are looked back on: what was before says little about what comes. */
const BACK = 30;
/** Points are so far apart. */
const APART = DAY / 2;
/** Nobody knows what is in more days than that. */
const FURTHEST = 730;

const timeOf = ({ at }: DiskPoint): number => Date.parse(at);

/** Returns the points of the same disk that count at a time, the oldest first. */
function counting(points: DiskPoint[], now: DiskPoint): DiskPoint[] {
  const from = timeOf(now) - BACK * DAY;
  return points
    .filter((point) => timeOf(point) >= from && timeOf(point) < timeOf(now) && point.total === now.total)
    .filter(({ free }) => Number.isFinite(free))
    .sort((a, b) => timeOf(a) - timeOf(b));
}

/** Returns the points with another one, unless the last one is from just before; what is too old, or of another disk, is dropped. */
export function withPoint(points: DiskPoint[], now: DiskPoint): DiskPoint[] {
  const kept = counting(points, now);
  const last = kept.at(-1);
  return last && timeOf(now) - timeOf(last) < APART ? kept : [...kept, now];
}

/**
 * Returns the days until a disk is full, by the line that fits the points best (least squares). Undefined if that cannot be told: the
 * points span less than a day, the disk does not fill, or it would take years.
 */
export function fullInDays(points: DiskPoint[], now: DiskPoint): number | undefined {
  const all = [...counting(points, now), now];
  const [first = now] = all;
  if (timeOf(now) - timeOf(first) < DAY) return undefined;
  const days = all.map((point) => (timeOf(point) - timeOf(first)) / DAY);
  const used = all.map(({ free, total }) => total - free);
  const mean = (numbers: number[]) => numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
  const [middle, half] = [mean(days), mean(used)];
  const slope =
    mean(days.map((day, i) => (day - middle) * ((used[i] as number) - half))) /
    mean(days.map((day) => (day - middle) ** 2));
  const left = now.free / slope;
  return slope > 0 && left <= FURTHEST ? left : undefined;
}
