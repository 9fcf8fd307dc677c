// Images straight from a registry: a small one that wants a token, sends for blobs to another server, and can do it wrong.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fetchFromRegistry, placeOf } from '../../../src/bundle/fetch.ts';
import { commonArchive } from '../../../src/bundle/images.ts';
import { makeKey, makeSelfSigned } from '../../../src/certificates/pki.ts';
import { architecture } from '../../../src/engines/images/archive.ts';
import { realHost } from '../../../src/host/this-host.ts';
import { STRANGER } from '../../../src/registry/http.ts';
import { call } from '../../../src/registry/token.ts';
import { listening } from '../../helpers/listening.ts';
import { temporaryDirectory } from '../../helpers/tmp.ts';

const sha = (content: Buffer | string) => `sha256:${createHash('sha256').update(content).digest('hex')}`;
const part = (content: string) => ({ digest: sha(content), size: content.length });
const CONFIG = JSON.stringify({ architecture: architecture(), os: 'linux' });
/** Longer than anything else that a registry says. */
const LAYER = 'a layer, as it is sent'.padEnd(17 * 1024 * 1024, '.');
const MANIFEST = JSON.stringify({ schemaVersion: 2, config: part(CONFIG), layers: [part(LAYER)] });
const INDEX = JSON.stringify({
  manifests: [
    { ...part('other'), platform: { os: 'linux', architecture: 'm68k' } },
    { ...part('proof'), platform: { os: 'unknown', architecture: 'unknown' } },
    { ...part(MANIFEST), platform: { os: 'linux', architecture: architecture() } },
  ],
});

interface Wrong {
  index?: string;
  layer?: string;
  status?: number;
}

/** Heard: every request with its token. */
async function registry({ index = INDEX, layer = LAYER, status = 200 }: Wrong = {}, heard: string[] = []) {
  const store: Record<string, string> = {
    [sha(CONFIG)]: CONFIG,
    [sha(LAYER)]: layer,
    [sha(MANIFEST)]: MANIFEST,
  };
  const tell = (name: string, { url, headers }: IncomingMessage) =>
    heard.push(`${name} ${url?.replace(/sha256:.*/, '…')} ${headers.authorization ?? '-'}`);
  const away = await listening(
    createServer((request, reply) => {
      tell('away', request);
      reply.end(store[request.url?.slice(1) ?? '']);
    }),
  );
  const tokens = await listening(
    createServer((request, reply) => {
      tell('tokens', request);
      reply.end(JSON.stringify({ token: 'T' }));
    }),
  );
  return listening(
    createServer((request: IncomingMessage, reply: ServerResponse) => {
      tell('registry', request);
      const name = request.url?.split('/').at(-1) ?? '';
      const realm = `Bearer realm="http://127.0.0.1:${tokens}/t",service="s",scope="repository:library/registry:pull"`;
      if (request.headers.authorization !== 'Bearer T')
        reply.writeHead(401, { 'www-authenticate': realm }).end();
      else if (status !== 200)
        reply.writeHead(status).end('{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}');
      else if (request.url?.includes('/blobs/'))
        reply.writeHead(307, { location: `http://127.0.0.1:${away}/${name}` }).end();
      else reply.end(name === '3' ? index : store[name]);
    }),
  );
}

async function fetchAll(port: number, env = {}) {
  const folder = temporaryDirectory();
  const ref = `127.0.0.1:${port}/library/registry:3`;
  const to = join(folder, 'images.tar');
  const said: string[] = [];
  for (const step of fetchFromRegistry(realHost(), [ref], env, folder, to))
    await step.run((text) => said.push(text));
  const { tar, architecture } = await commonArchive(realHost(), to, [ref]);
  const work = join(folder, 'work');
  mkdirSync(work);
  execFileSync('tar', ['-C', work, '-xf', '-'], { input: tar });
  return { architecture, work, said, ref };
}

describe('an image straight from a registry', () => {
  test('fetches the image for this architecture with a token; the token is sent only to the registry', async () => {
    const heard: string[] = [];
    const { architecture: found, work, ref, said } = await fetchAll(await registry({}, heard));
    expect(found).toBe(architecture());
    const [image] = JSON.parse(readFileSync(join(work, 'manifest.json'), 'utf8'));
    expect(image.RepoTags).toEqual([ref]);
    expect(readFileSync(join(work, image.Layers[0]), 'utf8') === LAYER).toBe(true);
    expect(said.at(-1)).toMatch(/^\d+ B of \d+ MB$/);
    expect(heard.filter((line) => line.startsWith('away'))).toEqual(['away /… -', 'away /… -']);
    expect(heard.filter((line) => line.startsWith('tokens'))[0]).toContain(
      'scope=repository%3Alibrary%2Fregistry%3Apull',
    );
  });

  test.each<[string, Wrong, string]>([
    ['a layer that is another one', { layer: 'changed on the way' }, 'does not match its digest'],
    [
      'none for this machine',
      { index: '{"manifests":[]}' },
      `the image does not exist for ${architecture()}`,
    ],
    ['a limit', { status: 429 }, '429 TOOMANYREQUESTS slow down'],
  ])('%s: one error, with the ways out', async (_, wrong, why) => {
    const failed = fetchAll(await registry(wrong));
    await expect(failed).rejects.toThrow('could not be fetched from 127.0.0.1.');
    await expect(failed).rejects.toMatchObject({
      why: expect.stringContaining(why),
      fix: expect.arrayContaining([expect.stringContaining('--image-archive')]),
    });
  });

  test('finds the registry of each image name, and whether a proxy is used', () => {
    const env = { HTTPS_PROXY: 'http://proxy:3128', NO_PROXY: '.corp' };
    expect(placeOf('registry:3', env)).toEqual({
      at: { tls: true, host: 'registry-1.docker.io', port: 443, proxy: 'http://proxy:3128' },
      repository: 'library/registry',
      tag: '3',
    });
    expect(placeOf('cesanta/docker_auth:1', {})).toMatchObject({
      repository: 'cesanta/docker_auth',
      tag: '1',
    });
    expect(placeOf('mirror.corp:8443/a/b/registry', env)).toEqual({
      at: { tls: true, host: 'mirror.corp', port: 8443, proxy: undefined },
      repository: 'a/b/registry',
      tag: 'latest',
    });
    expect(placeOf('localhost:5000/registry:3', env)).toMatchObject({ at: { tls: false, port: 5000 } });
  });
});

test('a request through a proxy: the proxy gets its login and the destination, and sees nothing else', async () => {
  const key = await makeKey('rsa', 2048);
  const cert = makeSelfSigned({ names: ['reg.corp'], days: 1, keyPem: key });
  const port = await listening(
    createTlsServer(
      { cert, key },
      (request, reply) => void reply.end(`${request.headers.host} ${request.url}`),
    ),
  );
  const asked: string[] = [];
  const proxy = createServer();
  proxy.on('connect', (request: IncomingMessage, socket) => {
    asked.push(`${request.url} ${request.headers['proxy-authorization'] ?? '-'}`);
    if (request.url?.startsWith('forbidden')) return void socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    const through = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(through).pipe(socket);
    });
  });
  const via = `http://ann:p%40w@127.0.0.1:${await listening(proxy)}`;
  const at = { tls: true, host: 'reg.corp', port: 443, ca: [cert], proxy: via };
  const { body } = await call(at, 'GET', '/v2/', { credentials: STRANGER });
  expect(body.toString()).toBe('reg.corp:443 /v2/');
  expect(asked).toEqual([`reg.corp:443 Basic ${Buffer.from('ann:p@w').toString('base64')}`]);
  await expect(call({ ...at, host: 'other.corp' }, 'GET', '/v2/')).rejects.toMatchObject({
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  });
  await expect(call({ ...at, host: 'forbidden.corp' }, 'GET', '/v2/')).rejects.toThrow(
    'refuses forbidden.corp: 403',
  );
});
