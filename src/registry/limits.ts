// Limits for what a server sends or takes byte by byte: nothing that arrives now and then keeps a request alive for ever.
import type { ClientRequest, IncomingMessage } from 'node:http';

/** The server answers, but so slowly that it would take hours. Not tried again. */
export const TOO_SLOW = 'TOO_SLOW';

const tooSlow = (): Error =>
  Object.assign(new Error('it sends or takes next to nothing, and does not end'), { code: TOO_SLOW });

/** A whole reply takes at most so many times as long as its server may be silent. */
const TIMES = 6;

/** Ends a request or a reply that is not over in time. @param silence milliseconds that the server may be silent @returns what calls that off */
export function endAfter(what: ClientRequest | IncomingMessage, silence: number): () => void {
  const timer = setTimeout(() => what.destroy(tooSlow()), silence * TIMES);
  return () => clearTimeout(timer);
}

/** Milliseconds of waiting in which at least so many bytes move: slower is no line that anybody has. */
const SPAN = 60_000;
const LEAST = 16 * 1024;

/** Counts bytes, and the time that was spent on waiting for them. */
function pace(span: number) {
  let [waited, moved] = [0, 0];
  /** @throws Error with the code TOO_SLOW */
  return (time: number, bytes: number): void => {
    waited += time;
    moved += bytes;
    if (waited <= span) return;
    if (moved < LEAST) throw tooSlow();
    [waited, moved] = [0, 0];
  };
}

/** Yields what a server sends. What the reader does with it takes as long as it takes. @throws Error with the code TOO_SLOW */
export async function* received(source: AsyncIterable<Buffer>, span = SPAN): AsyncGenerator<Buffer> {
  const count = pace(span);
  let since = performance.now();
  for await (const chunk of source) {
    count(performance.now() - since, chunk.length);
    yield chunk;
    since = performance.now();
  }
}

/** Yields what a server takes. Where it comes from may be slow. @throws Error with the code TOO_SLOW */
export async function* taken(source: AsyncIterable<Buffer>, span = SPAN): AsyncGenerator<Buffer> {
  const count = pace(span);
  for await (const chunk of source) {
    const since = performance.now();
    yield chunk;
    count(performance.now() - since, chunk.length);
  }
}

/** Bytes of a reply that nobody reads, for the sake of its connection. */
const FEW = 65_536;

/** Reads the rest of a reply that nobody wants, so that its connection can be used again; ends one that is long, or that says nothing of its length. */
export function discard(reply: IncomingMessage): void {
  const length = Number(reply.headers['content-length'] ?? Number.NaN);
  if (!(length <= FEW)) return void reply.destroy();
  const stop = endAfter(reply, 1_000);
  reply.on('close', stop);
  reply.on('error', () => {});
  reply.resume();
}
