// A network that stumbles: what is reset is asked once more, and a reset is never taken for what the server speaks.
import { createServer as plain } from 'node:http';
import { createServer as secure } from 'node:https';
import { connect, createServer } from 'node:net';
import { beforeAll, expect, test } from 'vitest';
import { makeSelfSigned } from '../../../src/certificates/pki.ts';
import { askLogin, discover } from '../../../src/client/discover.ts';
import type { ClientRequest } from '../../../src/client/options.ts';
import { handshake } from '../../../src/registry/handshake.ts';
import { ask } from '../../../src/registry/http.ts';
import { listening } from '../../helpers/listening.ts';
import { newKey } from '../../helpers/openssl.ts';

const key = newKey();
let cert: string;
beforeAll(() => {
  cert = makeSelfSigned({ names: ['127.0.0.1'], days: 30, keyPem: key });
});

const answer = (_: unknown, reply: import('node:http').ServerResponse) =>
  void reply.writeHead(401, { 'www-authenticate': 'Bearer realm="https://x/",service="y"' }).end();
const registry = () => listening(secure({ key, cert }, answer));

/** A forwarder that resets each connection of which `breaks` says so; `seen` counts them. */
async function stumbling(to: number, breaks: (connection: number) => boolean) {
  let seen = 0;
  const port = await listening(
    createServer((socket) => {
      socket.on('error', () => {});
      // A reset comes after the first bytes: the connection itself stands.
      if (breaks(++seen)) return void socket.once('data', () => socket.resetAndDestroy());
      const other = connect(to, '127.0.0.1').on('error', () => socket.destroy());
      socket.pipe(other).pipe(socket);
    }) as never,
  );
  return { port, seen: () => seen };
}
const request = (port: number, scheme?: 'http') =>
  ({
    host: '127.0.0.1',
    port,
    name: `127.0.0.1:${port}`,
    targets: [],
    ...(scheme && { scheme }),
  }) as unknown as ClientRequest;
const odd = (connection: number) => connection % 2 === 1;

test('a registry behind it is found, verified and asked, though every second connection is reset', async () => {
  const { port, seen } = await stumbling(await registry(), odd);
  const found = await discover(request(port), '127.0.0.1');
  expect(found).toMatchObject({ at: { tls: true }, login: { kind: 'token' } });
  expect(seen()).toBe(4);
  expect((await handshake(found.at, '127.0.0.1', [cert])).refused).toBeUndefined();
  expect(await askLogin(request(port), { ...found.at, ca: [cert] })).toMatchObject({ kind: 'token' });
});

test('one that resets everything is no registry of another kind, and no plain HTTP: the connection breaks', async () => {
  const { port } = await stumbling(await registry(), () => true);
  await expect(discover(request(port), '127.0.0.1')).rejects.toMatchObject({
    message: `The connection to 127.0.0.1:${port} is broken off (ECONNRESET), also at a second try.`,
    exitCode: 1,
  });
});

test('a login that something in front asks for, which does not say that it is a registry', async () => {
  const asking = (headers: Record<string, string>) =>
    listening(plain((_, reply) => void reply.writeHead(401, headers).end('<html>')));
  const basic = { 'www-authenticate': 'Basic realm="Restricted"' };
  const login = async (headers: Record<string, string>) =>
    (await discover(request(await asking(headers), 'http'), '127.0.0.1')).login;
  expect(await login(basic)).toEqual({ kind: 'proxy' });
  expect(await login({ ...basic, 'docker-distribution-api-version': 'registry/2.0' })).toEqual({
    kind: 'basic',
  });
  await expect(login({})).rejects.toMatchObject({ exitCode: 2 });
});

test('plain HTTP is asked where only the look for TLS is reset, and only if the user said http://', async () => {
  const server = await listening(plain(answer));
  // The first byte of a handshake is 22 (RFC 8446, 5.1).
  const port = await listening(
    createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', (data) => {
        if (data[0] === 22) return socket.resetAndDestroy();
        const other = connect(server, '127.0.0.1');
        other.write(data);
        socket.pipe(other).pipe(socket);
      });
    }) as never,
  );
  await expect(discover(request(port), '127.0.0.1')).rejects.toThrow('is broken off');
  expect(await discover(request(port, 'http'), '127.0.0.1')).toMatchObject({ at: { tls: false } });
});

test('a GET is sent once more, a POST is not: it may have been done', async () => {
  const server = await listening(plain(answer));
  const at = async () => {
    const { port, seen } = await stumbling(server, odd);
    return { endpoint: { tls: false, host: '127.0.0.1', port }, seen };
  };
  const [get, post] = [await at(), await at()];
  expect((await ask(get.endpoint, 'GET', '/v2/')).status).toBe(401);
  expect(get.seen()).toBe(2);
  await expect(ask(post.endpoint, 'POST', '/v2/')).rejects.toMatchObject({ code: 'ECONNRESET' });
  expect(post.seen()).toBe(1);
});
