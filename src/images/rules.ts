// Which tags a rule removes: the newest N stay, what is younger stays, what a pattern keeps stays. Pure.
import { attachedTag } from './attached-tag.ts';

export interface Rules {
  /** So many images of each repository stay, the newest; undefined: age alone decides. */
  keepLast: number | undefined;
  /** Milliseconds; undefined: the number alone decides. */
  olderThan: number | undefined;
  /** Tells whether a tag may go at all. */
  matches(repository: string, tag: string): boolean;
  /** Tells whether a tag stays whatever its age. */
  keeps(tag: string): boolean;
}

/** A tag with its dates. */
export interface Dated {
  tag: string;
  digest: string;
  /** When the image was made, as it says itself. */
  created: Date | undefined;
  /** When the tag was pushed, where that is known: on the server. */
  pushed: Date | undefined;
}

export interface Verdict {
  /** Tags that go. */
  goes: string[];
  /** Tags that stay because nothing tells their age. */
  undated: string[];
}

/** Dates before are no dates: builds that give the same bytes each time say 1970 or 1980. */
const EARLIEST = Date.UTC(1990, 0, 1);
const DAY = 24 * 3_600_000;

/** Returns milliseconds: the newest of what is known, so that what was pushed again counts as new; undefined if nothing is. */
function timeOf({ created, pushed }: Dated, now: number): number | undefined {
  const times = [created, pushed].flatMap((date) => (date ? [date.getTime()] : []));
  const sane = times.filter((time) => time > EARLIEST && time < now + DAY);
  return sane.length > 0 ? Math.max(...sane) : undefined;
}

/** Judges the tags of one repository. Signatures and the like are not judged: they go with their image. */
export function judge(repository: string, tags: Dated[], rules: Rules, now: number): Verdict {
  const candidates = tags.filter(
    ({ tag }) => attachedTag(tag) === undefined && rules.matches(repository, tag) && !rules.keeps(tag),
  );
  const aged = candidates.map((one) => ({ ...one, time: timeOf(one, now) }));
  const undated = aged.filter(({ time }) => time === undefined).map(({ tag }) => tag);
  // Several tags of one image count once.
  const newest = new Map<string, number>();
  for (const { digest, time } of aged)
    if (time !== undefined) newest.set(digest, Math.max(time, newest.get(digest) ?? 0));
  const order = [...newest].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([digest]) => digest);
  const kept = new Set(order.slice(0, rules.keepLast ?? 0));
  const isOld = (time: number) => rules.olderThan === undefined || now - time > rules.olderThan;
  const goes = aged.filter(
    ({ digest, time }) => time !== undefined && !kept.has(digest) && isOld(newest.get(digest) ?? time),
  );
  return { goes: goes.map(({ tag }) => tag), undated };
}
