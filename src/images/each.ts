// Does many things with one registry, some at a time.
import { CONNECTIONS } from '../registry/session.ts';

/** Does the work for each item, some at a time; stops at the first failure. */
export async function eachOf<T>(items: T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length) await work(items[next++] as T);
  };
  await Promise.all(Array.from({ length: Math.min(CONNECTIONS, items.length) }, worker));
}
