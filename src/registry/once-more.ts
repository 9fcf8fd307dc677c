// Tries a question once more if the network broke the connection. Only for what may be asked twice: a handshake, a GET.

/** What a connection ends with that was open already: reset, written to after its end, or silent. */
const BROKEN = ['ECONNRESET', 'EPIPE', 'ETIMEDOUT'];

/** Milliseconds between the two. */
const PAUSE = 250;

/** Tells whether a connection broke that was open already. */
export const isBroken = (error: unknown): boolean =>
  BROKEN.includes((error as NodeJS.ErrnoException).code ?? '');

/** Does the work, and once more if its connection broke. @param signal forbids the second try @throws what the last try throws */
export async function onceMore<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isBroken(error) || signal?.aborted) throw error;
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    return work();
  }
}
