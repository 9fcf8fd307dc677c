// Lists of any number of pages, from registries that say where the next page is in their own ways, or lie about it.
import { createHash } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { smallBlob } from '../../../src/registry/blobs.ts';
import { manifestOf, repositoryPages, tagsOf } from '../../../src/registry/contents.ts';
import { openSession, type Session } from '../../../src/registry/session.ts';

async function serve(listener: RequestListener): Promise<Session> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const at = { tls: false, host: 'registry.test', port, connectTo: '127.0.0.1' };
  const session = openSession(
    at,
    `registry.test:${port}`,
    { kind: 'login', credentials: undefined },
    undefined,
  );
  onTestFinished(async () => {
    session.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return session;
}

const ALL = Array.from({ length: 25 }, (_, i) => `t${String(i).padStart(2, '0')}`);

/** A registry with 25 tags that gives ten at a time. @param link makes the link to the next page from its path */
const paged =
  (link: (path: string, host: string) => string): RequestListener =>
  (request, response) => {
    const url = new URL(request.url ?? '', 'http://x');
    const from = url.searchParams.get('last') ?? '';
    const page = ALL.filter((tag) => tag > from).slice(0, 10);
    const last = page.at(-1) ?? '';
    if (last && last !== ALL.at(-1))
      response.setHeader('link', link(`${url.pathname}?last=${last}&n=10`, String(request.headers.host)));
    response.end(JSON.stringify({ name: 'app', tags: page }));
  };

describe('the link to the next page', () => {
  test.each<[string, (path: string, host: string) => string]>([
    ['a path', (path) => `<${path}>; rel="next"`],
    ['a whole address', (path, host) => `<http://${host}${path}>; rel="next"`],
    ['without quotes', (path) => `<${path}>; rel=next`],
    ['below the prefix of a proxy', (path) => `</hub${path}>; rel="next"`],
  ])('may be %s', async (_, link) => {
    expect(await tagsOf(await serve(paged(link)), 'app')).toEqual(ALL);
  });

  test('is not followed to another place', async () => {
    const session = await serve(paged(() => '</v2/_catalog?n=1>; rel="next"'));
    expect(await tagsOf(session, 'app')).toEqual(ALL.slice(0, 10));
  });

  test('that leads back to the same page ends the list', async () => {
    const session = await serve((_, response) => {
      response.setHeader('link', '</v2/_catalog?last=a&n=1>; rel="next"');
      response.end(JSON.stringify({ repositories: ['a'] }));
    });
    const names: string[] = [];
    for await (const page of repositoryPages(session)) names.push(...page);
    expect(names).toEqual(['a', 'a']);
  });
});

test('a repository that does not exist, or has no tag, has none', async () => {
  const answers: [number, string][] = [
    [404, '{"errors":[{"code":"NAME_UNKNOWN"}]}'],
    [200, '{"name":"app","tags":null}'],
    [200, '{"name":"app"}'],
    [200, '{"tags":[1,{},null]}'],
  ];
  for (const [status, body] of answers) {
    const session = await serve((_, response) => {
      response.statusCode = status;
      response.end(body);
    });
    expect(await tagsOf(session, 'app'), body).toEqual([]);
  }
});

test.each(['<html>Log in\u001b[31m</html>', 'null', '{"tags":"all"}', ''])(
  'what is no list is no empty list: %j',
  async (body) => {
    const session = await serve((_, response) => void response.end(body));
    const error = await tagsOf(session, 'app').catch((caught) => caught);
    expect(error.message).toContain('no list');
    expect(`${error.message} ${error.why}`).not.toMatch(/\p{Cc}/u);
  },
);

test('a name that comes twice is one', async () => {
  const session = await serve((_, response) => void response.end('{"tags":["1","2","1"]}'));
  expect(await tagsOf(session, 'app')).toEqual(['1', '2']);
});

test('a refusal is told with the registry’s own code', async () => {
  const session = await serve((_, response) => {
    response.statusCode = 403;
    response.end('{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}');
  });
  await expect(tagsOf(session, 'app')).rejects.toMatchObject({
    status: 403,
    codes: ['DENIED'],
    why: expect.stringContaining('403 DENIED'),
  });
});

test('a configuration is read from where the registry keeps its blobs', async () => {
  const body = '{"created":"2026-01-01T00:00:00Z"}';
  const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
  const session = await serve((request, response) => {
    if (request.url?.startsWith('/store/')) return void response.end(body);
    response.writeHead(307, { location: '/store/1' }).end();
  });
  expect((await smallBlob(session, 'app', digest))?.toString()).toBe(body);
});

describe('bytes that are not those of their digest', () => {
  const other = `sha256:${createHash('sha256').update('other').digest('hex')}`;
  const BODY = '{"schemaVersion":2}';
  const liar =
    (type: string): RequestListener =>
    (_, response) => {
      response.setHeader('docker-content-digest', other);
      response.setHeader('content-type', type);
      response.end(BODY);
    };
  const TYPES = [
    '',
    'application/vnd.oci.image.manifest.v1+json',
    'application/vnd.oci.image.index.v1+json',
    'application/vnd.docker.distribution.manifest.v2+json',
    // Of this kind the registry tells the digest; the bytes have to be of it.
    'application/vnd.docker.distribution.manifest.v1+prettyjws',
  ];

  test.each(TYPES)('are no manifest, as %j', async (type) => {
    await expect(manifestOf(await serve(liar(type)), 'app', other)).rejects.toThrow(/sends other bytes/);
  });

  test('are no configuration', async () => {
    expect(await smallBlob(await serve(liar('')), 'app', other)).toBeUndefined();
  });

  test('nor by a digest of another algorithm', async () => {
    const long = (text: string) => `sha512:${createHash('sha512').update(text).digest('hex')}`;
    const session = await serve(liar(''));
    await expect(manifestOf(session, 'app', long('other'))).rejects.toThrow(/sends other bytes/);
    expect((await manifestOf(session, 'app', long(BODY)))?.digest).toBe(long(BODY));
    await expect(manifestOf(session, 'app', `md5:${'0'.repeat(32)}`)).rejects.toThrow(/sends other bytes/);
  });

  test.each(TYPES)('under a tag have their own digest, whatever the registry says, as %j', async (type) => {
    const manifest = await manifestOf(await serve(liar(type)), 'app', 'latest');
    expect(manifest?.digest).toBe(`sha256:${createHash('sha256').update(BODY).digest('hex')}`);
  });

  test('are those of schema 1: its digest leaves out the signatures', async () => {
    const session = await serve((_, response) => {
      response.setHeader('docker-content-digest', other);
      response.setHeader('content-type', 'application/vnd.docker.distribution.manifest.v1+prettyjws');
      response.end('{"schemaVersion":1,"signatures":[]}');
    });
    expect((await manifestOf(session, 'app', other))?.digest).toBe(other);
  });
});

test('an answer without end is not read into memory', async () => {
  const session = await serve((_, response) => {
    const more = () => {
      while (response.write(Buffer.alloc(1024 * 1024))) if (response.destroyed) return;
      response.once('drain', more);
    };
    more();
  });
  await expect(manifestOf(session, 'app', 'latest')).rejects.toMatchObject({ code: 'REPLY_TOO_LONG' });
});

test('names that are none are left out: a terminal would act on them, and nothing can be asked by them', async () => {
  const odd = ['a b', '../etc', 'x?y', '\u001b[31mred', 'c1\u009b31m', 'grün', ''];
  const session = await serve((_, response) => {
    response.end(JSON.stringify({ repositories: ['team/app', ...odd], tags: ['1.0', ...odd, 'a/b'] }));
  });
  const names: string[] = [];
  for await (const page of repositoryPages(session)) names.push(...page);
  expect(names).toEqual(['team/app']);
  expect(await tagsOf(session, 'team/app')).toEqual(['1.0']);
});

test('a list that never ends is given up', async () => {
  let page = 0;
  const filler = 'x'.repeat(14 * 1024 * 1024);
  const session = await serve((_, response) => {
    page++;
    response.setHeader('link', `</v2/app/tags/list?last=${page}>; rel="next"`);
    response.end(JSON.stringify({ filler, tags: [`t${String(page).padStart(9, '0')}`] }));
  });
  await expect(tagsOf(session, 'app')).rejects.toThrow('does not come to an end');
});
