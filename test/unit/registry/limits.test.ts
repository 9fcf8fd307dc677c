// A server that sends a byte now and then: every request has an end.
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer as createPlain } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { ask, type Endpoint, open } from '../../../src/registry/http.ts';
import { discard, received, TOO_SLOW, taken } from '../../../src/registry/limits.ts';

/** A server that writes a text byte by byte, one every 20 ms, and then goes on with spaces. */
async function drip(text: string): Promise<Endpoint & { gone(): Promise<void> }> {
  let over = () => {};
  const gone = new Promise<void>((resolve) => {
    over = resolve;
  });
  const server = createPlain((socket) => {
    let at = 0;
    const timer = setInterval(() => socket.write(text[at++] ?? ' '), 20);
    socket.on('error', () => {});
    socket.on('close', () => {
      clearInterval(timer);
      over();
    });
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { tls: false, host: '127.0.0.1', port, gone: () => gone };
}

const HEADERS = 'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n';

test.each([
  ['its headers', 'HTTP/1.1 200 OK\r\nX: '],
  ['its body', HEADERS],
])(
  'a request ends although the server goes on sending %s',
  async (_, text) => {
    const at = await drip(text);
    // Never silent for 200 ms, and never at an end.
    await expect(ask(at, 'GET', '/v2/', { timeout: 200 })).rejects.toMatchObject({ code: TOO_SLOW });
    await at.gone();
  },
  10_000,
);

test('a stream ends that brings next to nothing', async () => {
  const at = await drip(HEADERS);
  const reply = await open(at, 'GET', '/v2/', { timeout: 5_000 });
  const read = async () => {
    for await (const _ of received(reply, 300));
  };
  await expect(read()).rejects.toMatchObject({ code: TOO_SLOW });
  await at.gone();
}, 10_000);

test('a reader, or a source, that takes its time is nobody’s fault', async () => {
  const chunks = async function* () {
    for (let i = 0; i < 5; i++) yield Buffer.from('x');
  };
  for await (const _ of received(chunks(), 50)) await sleep(30);
  const slow = async function* () {
    for (let i = 0; i < 5; i++) {
      await sleep(30);
      yield Buffer.from('x');
    }
  };
  for await (const _ of taken(slow(), 50));
});

test('an upload ends that the server does not take', async () => {
  const read = async () => {
    for await (const _ of taken(Readable.from(['a', 'b', 'c'].map(Buffer.from)), 50)) await sleep(60);
  };
  await expect(read()).rejects.toMatchObject({ code: TOO_SLOW });
});

test('what nobody wants to read is not read for ever', async () => {
  const at = await drip('HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n');
  discard(await open(at, 'GET', '/', { timeout: 5_000 }));
  await at.gone();
  const server = createServer((_, response) => void response.end('short'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const reply: IncomingMessage = await open({ tls: false, host: '127.0.0.1', port }, 'GET', '/');
  discard(reply);
  await new Promise((resolve) => reply.on('end', resolve));
}, 10_000);
