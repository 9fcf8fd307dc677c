// How long clients had no answer while something was done.
import { ask, type Endpoint } from '../registry/http.ts';

/** A handshake costs the registry a signature: more often would slow down what is measured. */
const EVERY = 20;
const MOST = 50;

/**
 * Asks again and again, as fresh clients do, while the work is done. One that waits does not keep the next one from asking.
 * @returns what the work returned, and the longest time without an answer, milliseconds
 */
export async function gapDuring<T>(
  at: Endpoint,
  work: () => Promise<T>,
): Promise<{ result: T; gap: number }> {
  let going = true;
  let gap = 0;
  let last: number | undefined;
  const pending = new Set<Promise<void>>();
  const probe = async () => {
    // Whose certificate it is does not matter here: that is checked elsewhere.
    const answered = await ask(at, 'GET', '/', { timeout: 1_000 }).then(
      () => true,
      (error: NodeJS.ErrnoException) =>
        !/ECONN|EPIPE|ETIMEDOUT|socket hang up/.test(`${error.code} ${error.message}`),
    );
    if (!answered) return;
    const now = performance.now();
    if (last !== undefined) gap = Math.max(gap, now - last);
    last = now;
  };
  const watch = (async () => {
    while (going) {
      const one: Promise<void> = probe().finally(() => pending.delete(one));
      pending.add(one);
      await new Promise((done) => setTimeout(done, EVERY));
      if (pending.size >= MOST) await Promise.race(pending);
    }
  })();
  try {
    const result = await work();
    // The answer that ends the gap may not have come yet.
    await probe();
    return { result, gap: Math.round(gap) };
  } finally {
    going = false;
    await watch;
  }
}
