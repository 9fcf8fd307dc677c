import { readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { describe, expect, test } from 'vitest';
import { ask, type Endpoint, open } from '../../../src/registry/http.ts';
import { openSession } from '../../../src/registry/session.ts';
import { tryUpload } from '../../../src/registry/upload-trial.ts';
import { listening } from '../../helpers/listening.ts';
import { noRegistry, startRegistry } from '../../helpers/registry-program.ts';

async function tried(at: Endpoint) {
  const session = openSession(at, 'registry.test', { kind: 'login', credentials: undefined }, undefined);
  try {
    return await tryUpload(session);
  } finally {
    session.close();
  }
}

describe.skipIf(noRegistry)('a real registry', () => {
  test('takes a layer of any size, and keeps nothing of it', async () => {
    const { at, data } = await startRegistry();
    expect(await tried(at)).toMatchObject({ refusesLarge: false });
    expect(readdirSync(data, { recursive: true }).filter((name) => String(name).endsWith('/data'))).toEqual(
      [],
    );
  });

  test('says that it wants a body before one is sent', async () => {
    const { at } = await startRegistry();
    const begun = await ask(at, 'POST', '/v2/x/blobs/uploads/', { headers: { 'content-length': '0' } });
    const { pathname, search } = new URL(String(begun.headers.location));
    const headers = { 'content-length': '9', expect: '100-continue' };
    const ends = new AbortController();
    await new Promise<void>((continued) => {
      open(at, 'PATCH', pathname + search, { headers, continued, signal: ends.signal }).catch(() => {});
    });
    ends.abort();
  });
});

test('something in front refuses a large body', async () => {
  const server = createServer(({ method, headers }, reply) => {
    const large = Number(headers['content-length']) > 1024 ** 2;
    reply.writeHead(large ? 413 : method === 'POST' ? 202 : 204, { location: '/v2/x/blobs/uploads/1' }).end();
  });
  server.on('checkContinue', (_, reply) => void reply.writeHead(413).end());
  const port = await listening(server);
  expect(await tried({ tls: false, host: '127.0.0.1', port })).toMatchObject({ refusesLarge: true });
});
