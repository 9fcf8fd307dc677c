// Stands before a registry: tells every request, and breaks connections where a test wants it.
import { createServer, type IncomingMessage, request as send } from 'node:http';
import type { Writable } from 'node:stream';
import type { Endpoint } from '../../src/registry/http.ts';
import { listening } from './listening.ts';

export interface Heard {
  method: string;
  path: string;
  range: string | undefined;
  authorization: string | undefined;
}

/** After how many bytes of the reply, or of the request, a connection ends. */
export interface Break {
  reply?: number;
  request?: number;
}

/** @param breaks is asked for each request */
export async function breakingProxy(
  at: Endpoint,
  breaks: (heard: Heard) => Break | undefined,
): Promise<{ at: Endpoint; heard: Heard[] }> {
  const heard: Heard[] = [];
  const server = createServer((request, reply) => {
    const one: Heard = {
      method: request.method ?? '',
      path: request.url ?? '',
      range: request.headers.range,
      authorization: request.headers.authorization,
    };
    heard.push(one);
    const { socket } = request;
    const wanted = breaks(one);
    const onward = send(
      { host: '127.0.0.1', port: at.port, method: one.method, path: one.path, headers: request.headers },
      (answer) => {
        reply.writeHead(answer.statusCode ?? 0, answer.headers);
        passed(answer, wanted?.reply, written(reply)).then(
          () => reply.end(),
          () => socket.destroy(),
        );
      },
    );
    onward.on('error', () => socket.destroy());
    passed(request, wanted?.request, written(onward)).then(
      () => onward.end(),
      () => {
        socket.destroy();
        onward.destroy();
      },
    );
  });
  const port = await listening(server);
  return { at: { ...at, port }, heard };
}

/** Returns when the bytes are on their way. */
const written = (to: Writable) => (chunk: Buffer) =>
  new Promise<void>((resolve, reject) => to.write(chunk, (error) => (error ? reject(error) : resolve())));

/** Passes on what comes; throws after so many bytes. */
async function passed(from: IncomingMessage, most: number | undefined, to: (chunk: Buffer) => Promise<void>) {
  let left = most ?? Number.POSITIVE_INFINITY;
  for await (const chunk of from as AsyncIterable<Buffer>) {
    await to(chunk.subarray(0, Math.min(left, chunk.length)));
    left -= chunk.length;
    if (left <= 0) throw new Error('broken');
  }
}
