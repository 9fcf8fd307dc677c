// Does several things with a registry at a time, and ends all of them with the first that fails.
import { CONNECTIONS } from '../registry/session.ts';

/** Blobs at a time: enough to fill a line, few enough for a small registry. */
const LANES = 4;

/**
 * Does the work for each item.
 * @param signal ends all of it
 * @throws what the first work that fails throws, when all others have ended
 */
export async function inLanes<T>(
  items: readonly T[],
  signal: AbortSignal | undefined,
  work: (item: T, signal: AbortSignal) => Promise<void>,
  lanes = LANES,
): Promise<void> {
  const stop = new AbortController();
  const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  let next = 0;
  let failure: { error: unknown } | undefined;
  const lane = async () => {
    while (next < items.length && !either.aborted) {
      try {
        await work(items[next++] as T, either);
      } catch (error) {
        failure ??= { error };
        stop.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane));
  if (failure) throw failure.error;
  signal?.throwIfAborted();
}

/** Does small work for each item, on as many lanes as a session has connections. @throws as inLanes */
export const eachOf = <T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> =>
  inLanes(items, undefined, work, CONNECTIONS);
