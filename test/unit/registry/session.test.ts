// Many requests to one registry: few connections, and one token for each right.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { type Authority, openSession } from '../../../src/registry/session.ts';
import { Secret } from '../../../src/secret.ts';

interface Seen {
  connections: number;
  /** The scopes that tokens were asked for. */
  scopes: string[];
  requests: string[];
}

/** A registry with a token server beside it: a token is valid for one scope, and for `uses` requests. */
async function serve(authority: Authority, uses = Number.POSITIVE_INFINITY) {
  const seen: Seen = { connections: 0, scopes: [], requests: [] };
  const left = new Map<string, number>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://x');
    if (url.pathname === '/auth') {
      const scope = url.searchParams.get('scope') ?? '';
      seen.scopes.push(scope);
      const token = `${scope} ${seen.scopes.length}`;
      left.set(Buffer.from(token).toString('base64url'), uses);
      response.end(JSON.stringify({ token: Buffer.from(token).toString('base64url') }));
      return;
    }
    const [, repository = ''] = /^\/v2\/(.+)\/(manifests|blobs|tags)\//.exec(url.pathname) ?? [];
    const action = request.method === 'DELETE' ? 'delete' : 'pull';
    const scope = repository ? `repository:${repository}:${action}` : 'registry:catalog:*';
    const token = /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const rest = left.get(token) ?? 0;
    const fits =
      Buffer.from(token, 'base64url').toString().startsWith(`${scope} `) ||
      token === `own ${scope}`.replaceAll(' ', '_');
    if (!fits || (rest <= 0 && !token.startsWith('own'))) {
      response.statusCode = 401;
      const { port } = server.address() as AddressInfo;
      response.setHeader(
        'www-authenticate',
        `Bearer realm="http://registry.test:${port}/auth",service="s",scope="${scope}"`,
      );
      response.end('{}');
      return;
    }
    left.set(token, rest - 1);
    seen.requests.push(`${request.method} ${url.pathname}`);
    response.end('{}');
  });
  server.on('connection', () => seen.connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const session = openSession(
    { tls: false, host: 'registry.test', port, connectTo: '127.0.0.1' },
    'r',
    authority,
    undefined,
  );
  onTestFinished(async () => {
    session.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { session, seen };
}

const login: Authority = { kind: 'login', credentials: { user: 'ci', password: new Secret('pw') } };
const get = (repository: string, i: number) => `/v2/${repository}/manifests/t${i}`;

test('requests one after the other use one connection, and one token for each right', async () => {
  const { session, seen } = await serve(login);
  for (let i = 0; i < 20; i++) expect((await session.request('GET', get('team/app', i))).status).toBe(200);
  for (let i = 0; i < 20; i++) expect((await session.request('GET', get('team/db', i))).status).toBe(200);
  expect((await session.request('DELETE', get('team/db', 1))).status).toBe(200);
  expect((await session.request('GET', '/v2/_catalog')).status).toBe(200);
  expect(seen.scopes).toEqual([
    'repository:team/app:pull',
    'repository:team/db:pull',
    'repository:team/db:delete',
    'registry:catalog:*',
  ]);
  // The token server is asked over connections of its own.
  expect(seen.connections).toBe(1 + seen.scopes.length);
});

test('requests side by side wait for one token', async () => {
  const { session, seen } = await serve(login);
  const all = await Promise.all(Array.from({ length: 40 }, (_, i) => session.request('GET', get('app', i))));
  expect(all.every(({ status }) => status === 200)).toBe(true);
  expect(seen.scopes).toEqual(['repository:app:pull']);
});

test('a token that has ended is fetched again', async () => {
  const { session, seen } = await serve(login, 3);
  for (let i = 0; i < 7; i++) expect((await session.request('GET', get('app', i))).status).toBe(200);
  expect(seen.scopes).toHaveLength(3);
});

test('tokens that are made here are sent at once: nothing is asked twice', async () => {
  const signed: string[] = [];
  const sign = (scope: string) => {
    signed.push(scope);
    return `own ${scope}`.replaceAll(' ', '_');
  };
  const { session, seen } = await serve({ kind: 'signer', sign });
  for (let i = 0; i < 5; i++) expect((await session.request('GET', get('app', i))).status).toBe(200);
  expect(signed).toEqual(['repository:app:pull']);
  expect(seen.scopes).toEqual([]);
  expect(seen.requests).toHaveLength(5);
});
