// The exchange of a token, with a registry and a token server of two lines each, and what is said when it does not work.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { makeKey, makeSelfSigned } from '../../../src/certificates/pki.ts';
import { CliError } from '../../../src/errors.ts';
import type { Host } from '../../../src/host/host.ts';
import { ask, type Endpoint, STRANGER } from '../../../src/registry/http.ts';
import { openSession } from '../../../src/registry/session.ts';
import { call } from '../../../src/registry/token.ts';
import { Secret } from '../../../src/secret.ts';
import { withCause } from '../../../src/server/checks/roles.ts';
import type { Settings } from '../../../src/settings/settings.ts';
import { listening } from '../../helpers/listening.ts';
import { freePort } from '../../helpers/registry-program.ts';

const basic = (request: IncomingMessage) =>
  Buffer.from(request.headers.authorization?.replace('Basic ', '') ?? '', 'base64').toString();

/** Grants what is asked for to ann, and to nobody else; tells what it was asked. */
async function tokenServer(asked: string[] = []): Promise<number> {
  return listening(
    createServer((request, reply) => {
      asked.push(`${request.url} ${basic(request)}`.trim());
      const known = basic(request) === 'ann:pw';
      reply.writeHead(known ? 200 : 401).end(known ? JSON.stringify({ token: 'T' }) : 'no');
    }),
  );
}

/** Takes the token T. */
async function registry(realm: string): Promise<Endpoint> {
  const port = await listening(
    createServer((request: IncomingMessage, reply: ServerResponse) => {
      if (request.headers.authorization === 'Bearer T') return reply.writeHead(200).end('{}');
      const challenge = `Bearer realm="${realm}",service="reg.example:5000",scope="repository:a/b:pull,push"`;
      return reply.writeHead(401, { 'www-authenticate': challenge }).end();
    }),
  );
  return { tls: false, host: 'reg.example', port, connectTo: '127.0.0.1' };
}

const ann = { user: 'ann', password: new Secret('pw') };

describe('a token', () => {
  test('is fetched with the service, scope and address that the registry names', async () => {
    const asked: string[] = [];
    const at = await registry(`http://reg.example:${await tokenServer(asked)}/auth`);
    expect((await call(at, 'GET', '/v2/a/b/tags/list', { credentials: ann })).status).toBe(200);
    const query = 'service=reg.example%3A5000&scope=repository%3Aa%2Fb%3Apull%2Cpush';
    expect(asked).toEqual([`/auth?${query}&account=ann ann:pw`]);
  });

  test.each(['no JSON', 'null', '{"token":{}}', '{"token":"T\\r\\nhost: x"}'])(
    'is none if the token server answers %s',
    async (text) => {
      const port = await listening(createServer((_, reply) => reply.end(text)));
      const at = await registry(`http://reg.example:${port}/auth`);
      const error = await call(at, 'GET', '/v2/', { credentials: ann }).catch((error) => error);
      expect(error).toBeInstanceOf(CliError);
      expect(error.message).toMatch('answers without a token');
    },
  );

  test('is requested without a login if there is none', async () => {
    const asked: string[] = [];
    const at = await registry(`http://reg.example:${await tokenServer(asked)}/auth`);
    expect((await call(at, 'GET', '/v2/', { credentials: STRANGER })).status).toBe(401);
    expect(asked[0]).not.toMatch(/account|:$/);
  });

  test('a refusal by the token server is the answer', async () => {
    const at = await registry(`http://reg.example:${await tokenServer()}/auth`);
    const reply = await call(at, 'GET', '/v2/', { credentials: { ...ann, user: 'bob' } });
    expect([reply.status, reply.body.toString()]).toEqual([401, 'no']);
  });

  test('without credentials no token server is asked', async () => {
    const asked: string[] = [];
    const at = await registry(`http://reg.example:${await tokenServer(asked)}/auth`);
    expect((await call(at, 'GET', '/v2/')).status).toBe(401);
    expect(asked).toEqual([]);
  });
});

describe('a login of a registry without TLS', () => {
  test('is not sent in clear to another host that it names, and the error says how it can be', async () => {
    const asked: string[] = [];
    const at = await registry(`http://127.0.0.1:${await tokenServer(asked)}/auth`);
    for (const credentials of [ann, { ...STRANGER, identityToken: new Secret('I') }])
      await expect(call(at, 'GET', '/v2/', { credentials })).rejects.toMatchObject({
        message: expect.stringContaining('to another host, http://127.0.0.1:'),
        fix: [expect.stringContaining(`http://127.0.0.1:${at.port}`)],
        exitCode: 2,
      });
    expect(asked).toEqual([]);
    // Nothing is lost with who has no login.
    await call(at, 'GET', '/v2/', { credentials: STRANGER });
    expect(asked).toHaveLength(1);
  });
});

describe('an identity token', () => {
  test('is exchanged for a token, and sent to nobody but the token server', async () => {
    const seen: string[] = [];
    const port = await listening(
      createServer((request, reply) => {
        let text = '';
        request.on('data', (data) => {
          text += data;
        });
        request.on('end', () => {
          seen.push(`${request.method} ${request.url} ${request.headers.authorization ?? '-'} ${text}`);
          const form = new URLSearchParams(text);
          const ok = form.get('grant_type') === 'refresh_token' && form.get('refresh_token') === 'I';
          reply.writeHead(ok ? 200 : 401).end(ok ? '{"access_token":"T"}' : 'no');
        });
      }),
    );
    const at = await registry(`http://reg.example:${port}/oauth2/token`);
    const credentials = { ...STRANGER, identityToken: new Secret('I') };
    expect((await call(at, 'GET', '/v2/a/b/tags/list', { credentials })).status).toBe(200);
    const session = openSession(at, 'r', { kind: 'login', credentials }, undefined);
    expect((await session.request('GET', '/v2/a/b/tags/list')).status).toBe(200);
    session.close();
    const form =
      'grant_type=refresh_token&service=reg.example%3A5000&client_id=registry-setup&scope=repository%3Aa%2Fb%3Apull%2Cpush&refresh_token=I';
    expect(seen).toEqual(Array(2).fill(`POST /oauth2/token - ${form}`));
  });
});

describe('a token server', () => {
  const failure = async (realm: string, more: Partial<Endpoint> = {}): Promise<CliError> =>
    call({ ...(await registry(realm)), ...more }, 'GET', '/v2/', { credentials: ann }).then(
      () => expect.unreachable(),
      (error) => error as CliError,
    );

  test('that cannot be reached is named', async () => {
    const port = await freePort();
    const error = await failure(`http://reg.example:${port}/auth`);
    expect(error).toBeInstanceOf(CliError);
    expect(error.message).toBe(
      `The token server http://reg.example:${port}/auth cannot be reached from here.`,
    );
  });

  test.each([
    ['other.example', true, 'shows the certificate of another host'],
    ['reg.example', false, 'shows a certificate that is not trusted'],
  ])('with a certificate for %s, trusted: %s', async (name, trusted, wanted) => {
    const key = await makeKey('rsa', 2048);
    const cert = makeSelfSigned({ names: [name], days: 1, keyPem: key });
    const port = await listening(createTlsServer({ cert, key }) as unknown as Server);
    const error = await failure(`https://reg.example:${port}/auth`, trusted ? { ca: [cert] } : {});
    expect(error.message).toContain(wanted);
  });
});

describe('what a registry over TLS may not do with a password', () => {
  /** Over TLS; it sends everybody to that realm. */
  async function tlsRegistry(realm: string): Promise<Endpoint> {
    const key = await makeKey('rsa', 2048);
    const cert = makeSelfSigned({ names: ['reg.example'], days: 1, keyPem: key });
    const server = createTlsServer({ cert, key }, (_, reply) =>
      reply.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="x"` }).end(),
    );
    const port = await listening(server as unknown as Server);
    return { tls: true, host: 'reg.example', port, connectTo: '127.0.0.1', ca: [cert] };
  }

  test.each(['reg.example', '127.0.0.1'])('name a token server without TLS on %s', async (host) => {
    const asked: string[] = [];
    const at = await tlsRegistry(`http://${host}:${await tokenServer(asked)}/auth`);
    const refused = call(at, 'GET', '/v2/', { credentials: ann });
    await expect(refused).rejects.toThrow('which is not TLS. Nothing was sent.');
    expect(asked).toEqual([]);
  });

  test('name no address at all', async () => {
    const at = await tlsRegistry('auth');
    await expect(call(at, 'GET', '/v2/', { credentials: ann })).rejects.toThrow('which is no address');
  });
});

test('a proxy that is called https:// is sent its password over TLS alone', async () => {
  const heard: string[] = [];
  const proxy = createTcpServer((socket) =>
    socket
      .on('error', () => {})
      .on('data', (bytes) => {
        heard.push(bytes.toString('latin1'));
        socket.destroy();
      }),
  );
  const port = await listening(proxy as unknown as Server);
  const at = { tls: true, host: 'reg.example', port: 443, proxy: `https://ann:pw@127.0.0.1:${port}` };
  await expect(ask(at, 'GET', '/v2/')).rejects.toThrow();
  expect(heard.length).toBeGreaterThan(0);
  expect(heard.join('')).not.toMatch(/CONNECT|Basic/);
});

describe('a token that the registry does not accept', () => {
  // As registry 2.8.2 and 3.1.1 wrote them.
  test.each([
    [
      'time="2026-11-21T14:28:49.1Z" level=info msg="token signed by untrusted key with ID: \\"LZNQ:K7RT\\"" go.version=go1.26.8',
      'it does not know the key that signs them',
    ],
    [
      'time="2026-11-21T14:28:56.188950021Z" level=info msg="token from untrusted issuer: \\"somebody-else\\""',
      'they come from another issuer',
    ],
    ['level=info msg="token intended for another audience: [x]"', 'they are for another service'],
    [
      'level=info msg="token not to be used before 2026-11-21 15:28:46 +0000 UTC - currently 2026-11-21 14:28:56 +0000 UTC"',
      'its clock and that of docker_auth differ',
    ],
    [
      'level=info msg="token not to be used after 2026-11-21 13:28:46 +0000 UTC - currently 2026-11-21 14:28:56 +0000 UTC"',
      'its clock and that of docker_auth differ',
    ],
  ])('%s', async (line, wanted) => {
    const host = { run: async () => ({ code: 0, stdout: '', stderr: `${line}\n` }) } as unknown as Host;
    const refused = withCause({ name: 'registry' } as Settings, host, () =>
      Promise.reject(new CliError('401')),
    );
    await expect(refused).rejects.toThrow(
      `The registry does not accept the tokens of docker_auth: ${wanted}.`,
    );
  });

  test('without a cause in the log, the error stays the same', async () => {
    const host = { run: async () => ({ code: 0, stdout: 'GET /v2/ 401\n', stderr: '' }) } as unknown as Host;
    const error = new CliError('Port 5000 is asleep.');
    await expect(withCause({ name: 'registry' } as Settings, host, () => Promise.reject(error))).rejects.toBe(
      error,
    );
  });
});
