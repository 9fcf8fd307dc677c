// How long clients had no answer while something was done.
import { ask, type Endpoint } from './registry.ts';

const EVERY = 10;

/**
 * Asks again and again, as fresh clients do, while the work is done.
 * @returns what the work returned, and the longest time without an answer, milliseconds
 */
export async function gapDuring<T>(
  at: Endpoint,
  work: () => Promise<T>,
): Promise<{ result: T; gap: number }> {
  let going = true;
  let gap = 0;
  const watch = (async () => {
    let last: number | undefined;
    while (going) {
      // Whose certificate it is does not matter here: that is checked elsewhere.
      const answered = await ask(at, 'GET', '/', { timeout: 1_000 }).then(
        () => true,
        (error: NodeJS.ErrnoException) =>
          !/ECONN|EPIPE|ETIMEDOUT|socket hang up/.test(`${error.code} ${error.message}`),
      );
      const now = performance.now();
      if (answered) {
        if (last !== undefined) gap = Math.max(gap, now - last);
        last = now;
      }
      await new Promise((resolve) => setTimeout(resolve, EVERY));
    }
  })();
  try {
    const result = await work();
    return { result, gap: Math.round(gap) };
  } finally {
    going = false;
    await watch;
  }
}
