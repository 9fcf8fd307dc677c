// Images across: digests, what is sent and what is not, connections that break, registries that send clients elsewhere.
import { createServer } from 'node:http';
import { describe, expect, test } from 'vitest';
import { carryOutCopy, planCopy } from '../../../../src/images/transfer/copy.ts';
import { documentIn, type Place } from '../../../../src/images/transfer/whole.ts';
import { digest } from '../../../../src/registry/api.ts';
import { blobBytes, hasBlob } from '../../../../src/registry/blobs.ts';
import { ask, type Endpoint, redirection } from '../../../../src/registry/http.ts';
import { openSession, type Session } from '../../../../src/registry/session.ts';
import { Secret } from '../../../../src/secret.ts';
import { breakingProxy, type Heard } from '../../../helpers/breaking-proxy.ts';
import { putImage, putIndex } from '../../../helpers/images.ts';
import { listening } from '../../../helpers/listening.ts';
import { noRegistry, startRegistry } from '../../../helpers/registry-program.ts';

const login = { user: 'ann', password: new Secret('pw') };
const open = (at: Endpoint, name = `registry.test:${at.port}`): Session =>
  openSession(at, name, { kind: 'login', credentials: login }, undefined);

async function copied(source: Place, target: Place, tag = '1.0') {
  const top = await documentIn(source.session, source.repository, tag);
  if (!top) throw new Error('there is no image to copy');
  const plan = await planCopy(source, top, { ...target, tag });
  return { plan, sent: await carryOutCopy(plan), digest: top.digest };
}

/** An index with an image for two platforms, and an attestation. */
async function putMulti(at: Endpoint, repository: string, tag: string) {
  const amd = await putImage(at, repository, undefined, { layers: ['base', 'amd'] });
  const arm = await putImage(at, repository, undefined, { layers: ['base', 'arm'], architecture: 'arm64' });
  const attestation = await putImage(at, repository, undefined, {
    layers: ['{"predicate":1}'],
    architecture: 'unknown',
  });
  const index = await putIndex(at, repository, tag, [
    [amd, 'amd64'],
    [arm, 'arm64'],
    [attestation, '-'],
  ]);
  return { index, all: [index, amd, arm, attestation] };
}

const digestOf = async (at: Endpoint, repository: string, reference: string) =>
  (await documentIn(open(at), repository, reference))?.digest;
const hasLayer = (at: Endpoint, repository: string, content: string) =>
  hasBlob(open(at), repository, { digest: digest(content), size: content.length });

const LARGE = Buffer.alloc(3_000_000, 'abcdefghijk').toString();

describe.skipIf(noRegistry)('a copy', () => {
  test('keeps every digest of an index with an attestation, and sends nothing twice', async () => {
    const [{ at }, { at: other }] = [await startRegistry(), await startRegistry()];
    const { index, all } = await putMulti(at, 'team/app', '1.0');
    const source = { session: open(at), repository: 'team/app' };
    const target = { session: open(other), repository: 'mirror/app' };
    const first = await copied(source, target);
    expect(first.digest).toBe(index.digest);
    expect(first.sent).toMatchObject({ blobs: 7, mounted: 0 });
    for (const one of all) expect(await digestOf(other, 'mirror/app', one.digest)).toBe(one.digest);
    expect(await digestOf(other, 'mirror/app', '1.0')).toBe(index.digest);
    const again = await copied(source, target);
    expect(again.plan.isThere).toBe(true);
    expect(again.sent.blobs).toBe(0);
    // Another image with the same base: the base is there.
    await putImage(at, 'team/app', '2.0', { layers: ['base', 'two'] });
    expect((await copied(source, target, '2.0')).sent).toMatchObject({ blobs: 2 });
  });

  test('within a registry takes the blobs from the other repository', async () => {
    const { at } = await startRegistry();
    await putImage(at, 'team/app', '1.0', { layers: ['base', 'app'] });
    const proxy = await breakingProxy(at, () => undefined);
    const session = open(proxy.at);
    const { sent } = await copied({ session, repository: 'team/app' }, { session, repository: 'team/copy' });
    expect(sent).toEqual({ blobs: 0, bytes: 0, mounted: 3 });
    expect(proxy.heard.filter(({ method }) => method === 'PATCH')).toEqual([]);
    expect(proxy.heard.filter(({ path, method }) => method === 'GET' && path.includes('/blobs/'))).toEqual(
      [],
    );
    expect(await digestOf(at, 'team/copy', '1.0')).toBeDefined();
  });

  test('reads on where a connection to the source broke, and sends no byte twice', async () => {
    const [{ at }, { at: other }] = [await startRegistry(), await startRegistry()];
    await putImage(at, 'team/app', '1.0', { layers: [LARGE] });
    const path = `/v2/team/app/blobs/${digest(LARGE)}`;
    const of = ({ heard }: { heard: Heard[] }) =>
      heard.filter((one) => one.path === path && one.method === 'GET');
    const from = await breakingProxy(at, (one) =>
      one.path === path && of(from).length <= 2 ? { reply: 1_000_000 } : undefined,
    );
    const to = await breakingProxy(other, () => undefined);
    const { sent } = await copied(
      { session: open(from.at), repository: 'team/app' },
      { session: open(to.at), repository: 'team/app' },
    );
    expect(sent.blobs).toBe(2);
    const ranges = of(from).map(({ range }) => Number(/\d+/.exec(range ?? '0')?.[0]));
    expect(ranges).toHaveLength(3);
    expect(ranges[0]).toBe(0);
    expect(ranges[2]).toBeGreaterThan(ranges[1] as number);
    expect(ranges[1]).toBeGreaterThan(0);
    // The registry that takes it notices nothing: one upload for each blob.
    expect(to.heard.filter(({ method }) => method === 'PATCH')).toHaveLength(2);
    expect(await hasLayer(other, 'team/app', LARGE)).toBe(true);
  });

  test('goes on with an upload whose connection broke', async () => {
    const [{ at }, { at: other }] = [await startRegistry(), await startRegistry()];
    await putImage(at, 'team/app', '1.0', { layers: [LARGE] });
    let broken = 0;
    const to = await breakingProxy(other, ({ method }) =>
      method === 'PATCH' && broken++ < 2 ? { request: 800_000 } : undefined,
    );
    await copied(
      { session: open(at), repository: 'team/app' },
      { session: open(to.at), repository: 'team/app' },
    );
    expect(await digestOf(other, 'team/app', '1.0')).toBeDefined();
    expect(await hasLayer(other, 'team/app', LARGE)).toBe(true);
    // It was asked how much of it had come.
    expect(to.heard.some(({ method, path }) => method === 'GET' && path.includes('/uploads/'))).toBe(true);
  });

  test('of a source that sends other bytes is refused, and leaves no tag', async () => {
    const [{ at }, { at: other }] = [await startRegistry(), await startRegistry()];
    await putImage(at, 'team/app', '1.0', { layers: ['right'] });
    const wrong = await listening(
      createServer((request, reply) => {
        if (request.url?.endsWith(digest('right'))) return void reply.end('wrong');
        const { accept = '*/*' } = request.headers;
        ask(at, request.method ?? '', request.url ?? '', { headers: { accept } }).then(
          ({ status, headers, body }) => reply.writeHead(status, headers).end(body),
        );
      }),
    );
    const source = { session: open({ ...at, port: wrong }), repository: 'team/app' };
    const target = { session: open(other), repository: 'team/app' };
    await expect(copied(source, target)).rejects.toThrow('sends other bytes than those of team/app');
    expect(await digestOf(other, 'team/app', '1.0')).toBeUndefined();
    expect(await hasLayer(other, 'team/app', 'right')).toBe(false);
  });

  test('of an index that lacks one of its images names what is missing', async () => {
    const [{ at }, { at: other }] = [await startRegistry(), await startRegistry()];
    const { all } = await putMulti(at, 'team/app', '1.0');
    const lost = all[2]?.digest ?? '';
    await ask(at, 'DELETE', `/v2/team/app/manifests/${lost}`);
    const source = { session: open(at), repository: 'team/app' };
    await expect(copied(source, { session: open(other), repository: 'team/app' })).rejects.toThrow(lost);
  });
});

describe('a registry that sends clients elsewhere for a blob', () => {
  const LAYER = 'a layer';
  const blob = { digest: digest(LAYER), size: LAYER.length };
  const read = async (session: Session) => {
    const parts: Buffer[] = [];
    for await (const chunk of blobBytes(session, 'team/app', blob)) parts.push(chunk);
    return Buffer.concat(parts).toString();
  };

  test('gets the login; the other host gets none', async () => {
    const heard: string[] = [];
    const away = await listening(
      createServer(({ headers, url }, reply) => {
        heard.push(`away ${url} ${headers.authorization ?? '-'}`);
        reply.end(LAYER);
      }),
    );
    const near = await listening(
      createServer(({ headers, url }, reply) => {
        heard.push(`near ${headers.authorization ? 'login' : '-'}`);
        const location = url?.startsWith('/moved') ? `http://127.0.0.1:${away}/store?sign=1` : '/moved';
        reply.writeHead(307, { location }).end();
      }),
    );
    const at = { tls: false, host: 'registry.test', port: near, connectTo: '127.0.0.1' };
    expect(await read(open(at))).toBe(LAYER);
    expect(heard).toEqual(['near login', 'near login', 'away /store?sign=1 -']);
  });

  test('never leaves TLS', () => {
    const at = { tls: true, host: 'registry.test', port: 443 };
    expect(() => redirection(at, '/v2/a/blobs/b', 'http://cdn.test/x')).toThrow('is not TLS');
    expect(redirection(at, '/v2/a/blobs/b', 'https://cdn.test/x').server).toMatchObject({ host: 'cdn.test' });
  });
});
