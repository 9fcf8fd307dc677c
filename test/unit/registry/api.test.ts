// The registry's HTTP API, against a real registry where there is one, and against a server that says what it is told to.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { CliError } from '../../../src/errors.ts';
import { realHost } from '../../../src/host/this-host.ts';
import { catalog, refusal } from '../../../src/registry/api.ts';
import { ask, type Endpoint } from '../../../src/registry/http.ts';
import { Secret } from '../../../src/secret.ts';
import { hashGenerated, htpasswdText } from '../../../src/server/auth/htpasswd.ts';
import { liveChecks } from '../../../src/server/checks/proof.ts';
import {
  deleteImage,
  makeTestImage,
  pullImage,
  pushImage,
  type Remember,
  sweepImage,
  testName,
} from '../../../src/server/checks/test-image.ts';
import type { Secrets } from '../../../src/server/plan/secrets.ts';
import { resolveSettings } from '../../../src/settings/resolve.ts';
import type { Settings } from '../../../src/settings/settings.ts';
import { fakeHost } from '../../helpers/fake-host.ts';
import { freePort, noRegistry, startRegistry } from '../../helpers/registry-program.ts';

const PASSWORD = new Secret('pass:wörd');
const credentials = { user: 'admin', password: PASSWORD };
const htpasswd = async () => htpasswdText([{ name: 'admin', hash: await hashGenerated(PASSWORD) }]);

/** Real files, and no engine: this machine has one, and it is nobody's for a test to ask. */
function onRealFiles() {
  const { inside, stat } = realHost();
  return Object.assign(fakeHost(), { inside, stat });
}

/** A server that answers as it is told, and remembers what it was asked. */
async function server(answer: (request: IncomingMessage, reply: ServerResponse) => void): Promise<Endpoint> {
  const http = createServer(answer);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    http.closeAllConnections();
    http.close();
  });
  return { tls: false, host: 'reg.test', port: (http.address() as AddressInfo).port, connectTo: '127.0.0.1' };
}

describe('a real registry', () => {
  test('stores an image, returns it and deletes it without a trace', async (context) => {
    if (noRegistry) return context.skip(noRegistry);
    const { at, data } = await startRegistry({ htpasswd: await htpasswd() });
    const [ours, other] = [makeTestImage(`team/${testName()}`), makeTestImage()];
    await pushImage(at, other, credentials);
    await pushImage(at, ours, credentials);
    await pullImage(at, ours, credentials);
    expect(await catalog(at, credentials)).toEqual([other.repository, ours.repository]);
    await deleteImage(at, ours, true, credentials);
    await expect(pullImage(at, ours, credentials)).rejects.toThrow('pull: 404 MANIFEST_UNKNOWN');
    await sweepImage(data, ours, realHost());
    expect(await catalog(at, credentials)).toEqual([other.repository]);
    await pullImage(at, other, credentials);
    expect(await realHost().stat(`${data}/docker/registry/v2/repositories/team`)).toBeUndefined();
    await sweepImage(data, other, realHost());
    expect(await realHost().stat(`${data}/docker`), 'nor of a store that was empty').toBeUndefined();
  });

  test('refuses a user without a login, or with a wrong one', async (context) => {
    if (noRegistry) return context.skip(noRegistry);
    const { at } = await startRegistry({ htpasswd: await htpasswd() });
    const status = async (user?: string, password = '') =>
      (
        await ask(
          at,
          'GET',
          '/v2/',
          user === undefined ? {} : { credentials: { user, password: new Secret(password) } },
        )
      ).status;
    expect(await status()).toBe(401);
    expect(await status('admin', 'pass')).toBe(401);
    expect(await status('other', 'pass:wörd')).toBe(401);
    expect(await status('admin', 'pass:wörd')).toBe(200);
    await expect(pushImage(at, makeTestImage())).rejects.toThrow('upload: 401 UNAUTHORIZED');
  });

  test('a deletion that is switched off is refused; a refusal that was not expected is an error', async (context) => {
    if (noRegistry) return context.skip(noRegistry);
    const { at } = await startRegistry({ mayDelete: false });
    const image = makeTestImage();
    await pushImage(at, image);
    await deleteImage(at, image, false);
    await expect(deleteImage(at, image, true)).rejects.toThrow('answers 405, and should answer 202');
  });
});

describe('the proof that follows a change', () => {
  function proof(
    line: Partial<Settings>,
    known: Record<string, string>,
    host = fakeHost(),
    remember: Remember = async () => {},
  ) {
    const answers = { tls: { value: 'insecure', where: '' }, host: { value: 'reg.test', where: '' } };
    const result = resolveSettings(answers, { dir: '/opt/registry' });
    if ('problems' in result) throw new Error(JSON.stringify(result.problems));
    const settings = { ...result.settings, bind: '127.0.0.1', ...line };
    const passwords = new Map(Object.entries(known).map(([name, text]) => [name, new Secret(text)]));
    const secrets = {
      known: passwords,
      logins: [],
      generated: new Map(),
      httpSecret: '',
    } as Partial<Secrets> as Secrets;
    return async () => {
      const said: unknown[] = [];
      for (const step of liveChecks(settings, secrets, [], host, remember))
        said.push(await step.run(() => {}));
      return said;
    };
  }

  test('reports what works', async (context) => {
    if (noRegistry) return context.skip(noRegistry);
    const { at, data } = await startRegistry({ htpasswd: await htpasswd() });
    const prove = proof({ port: at.port, storage: data }, { admin: 'pass:wörd' }, onRealFiles());
    expect(await prove()).toEqual([
      'Answers as reg.test, refuses strangers, lets admin in',
      'A test image pushed, pulled and removed',
    ]);
    expect(await realHost().list(data)).toEqual([]);
    await expect(proof({ port: at.port, storage: data }, { admin: 'old' })()).rejects.toThrow(
      'The registry answers 401 to admin, and should answer 200.',
    );
    await expect(proof({ port: at.port, storage: data, auth: 'none', users: [] }, {})()).rejects.toThrow(
      'answers 401 to everybody, and should answer 200.',
    );
  });

  test('a test image that cannot be recorded is not pushed', async (context) => {
    if (noRegistry) return context.skip(noRegistry);
    const { at, data } = await startRegistry({ htpasswd: await htpasswd() });
    const full = async () => {
      throw new Error('the disk is full');
    };
    const prove = proof({ port: at.port, storage: data }, { admin: 'pass:wörd' }, onRealFiles(), full);
    await expect(prove()).rejects.toThrow('the disk is full');
    expect(await realHost().list(data)).toEqual([]);
  });

  test('fails if the registry does not ask for a login', async () => {
    const open = await server((_, reply) => reply.end('{}'));
    await expect(proof({ port: open.port }, { admin: 'x' })()).rejects.toThrow(
      'The registry answers 200 to somebody without a login, and should answer 401.',
    );
  });

  test('a registry that has stopped: shows its last log lines, and the cause if it is known', async () => {
    const host = fakeHost();
    host.docker.foreign('registry', 'registry:3');
    const [container] = host.docker.containers;
    if (container) container.running = false;
    host.commands['docker logs'] = {
      stderr: 'filesystem: mkdir /var/lib/registry/docker: permission denied\n',
    };
    const failed = proof({ port: await freePort(), storage: '/mnt/x' }, {}, host)();
    const error: CliError = await failed.then(
      () => expect.unreachable(),
      (e) => e,
    );
    expect(error.message).toBe('The registry stopped right after its start: it cannot write to /mnt/x.');
    expect(error.why).toContain('permission denied');
    expect(error.fix).toEqual(['chown root /mnt/x']);
  });
});

describe('one request', () => {
  test('asks under the name that clients use, wherever it connects to', async () => {
    const asked: (string | undefined)[] = [];
    const at = await server((request, reply) => {
      asked.push(request.headers.host, request.headers.authorization);
      reply.end();
    });
    await ask(at, 'GET', '/v2/', { credentials });
    const basic = Buffer.from('admin:pass:wörd').toString('base64');
    expect(asked).toEqual([`reg.test:${at.port}`, `Basic ${basic}`]);
  });

  test('that is not answered times out', async () => {
    const at = await server(() => {});
    const since = performance.now();
    await expect(ask(at, 'GET', '/', { timeout: 60 })).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    expect(performance.now() - since).toBeLessThan(1500);
  });

  test('fails if the answer stops half-way', async () => {
    const at = await server((_, reply) => {
      reply.writeHead(200, { 'content-length': 10 });
      reply.write('half');
      setTimeout(() => reply.destroy(), 10);
    });
    await expect(ask(at, 'GET', '/')).rejects.toThrow();
  });

  test('a refused connection is reported in the words of the socket', async () => {
    const at = { tls: false, host: '127.0.0.1', port: await freePort() };
    await expect(ask(at, 'GET', '/')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('the catalog', () => {
  test.each(['relative', 'absolute'])('follows its pages, by a %s link', async (kind) => {
    const pages: Record<string, { repositories: string[] | null; next?: string }> = {
      '/v2/_catalog?n=1000': { repositories: ['a', 'b'], next: '/v2/_catalog?last=b&n=2' },
      '/v2/_catalog?last=b&n=2': { repositories: ['c'], next: '/v2/_catalog?last=c%2Fd&n=2' },
      '/v2/_catalog?last=c%2Fd&n=2': { repositories: null },
    };
    const at = await server((request, reply) => {
      const { repositories, next } = pages[request.url ?? ''] ?? { repositories: ['wrong'] };
      const base = kind === 'absolute' ? 'https://elsewhere.example' : '';
      if (next) reply.setHeader('link', `<${base}${next}>; rel="next"`);
      reply.end(JSON.stringify({ repositories }));
    });
    expect(await catalog(at)).toEqual(['a', 'b', 'c']);
  });

  test('that may not be read is reported', async () => {
    const body = '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}';
    const at = await server((_, reply) => reply.writeHead(401).end(body));
    await expect(catalog(at)).rejects.toThrow('catalog: 401 UNAUTHORIZED authentication required');
  });
});

test('a refusal in one line, also where a proxy answers', () => {
  const say = (body: string) => refusal({ status: 500, headers: {}, body: Buffer.from(body) });
  expect(say('{"errors":[{"code":"A","message":"b"},{"code":"C","message":"d"}]}')).toBe('500 A b, C d');
  expect(say('<html>Bad Gateway</html>')).toBe('500 <html>Bad Gateway</html>');
  expect(say('')).toBe('500');
  expect(say('x'.repeat(1000)).length).toBeLessThan(220);
});
