// The registry as seen from outside: what is at the address that people use, whoever answers there.
import { createServer, type RequestListener } from 'node:http';
import { createServer as secure } from 'node:https';
import { expect, test } from 'vitest';
import { makeSelfSigned } from '../../../../src/certificates/pki.ts';
import type { Context } from '../../../../src/context.ts';
import { lookOutside } from '../../../../src/server/checks/outside.ts';
import { readArguments } from '../../../../src/settings/arguments.ts';
import { resolveSettings } from '../../../../src/settings/resolve.ts';
import { fakeHost } from '../../../helpers/fake-host.ts';
import { listening } from '../../../helpers/listening.ts';
import { newKey } from '../../../helpers/openssl.ts';

const MARK = { 'docker-distribution-api-version': 'registry/2.0' };
const context = () =>
  ({ host: fakeHost(), env: {}, signal: new AbortController().signal }) as unknown as Context;

async function look(url: string, line = '') {
  const words = `--external-url ${url} ${line}`.trim().split(' ');
  const result = resolveSettings(readArguments(words).answers, { dir: '/opt/registry' });
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  const seen = await lookOutside(result.settings, context());
  return seen?.state === 'here' ? seen.state : `${seen?.state}: ${seen?.why}`;
}

/** A server that gives one answer to /v2/, and another to the rest. */
async function answering(status: number, headers: Record<string, string>, body = '', rest = 404) {
  const answer: RequestListener = ({ url }, reply) =>
    void (url === '/v2/' ? reply.writeHead(status, headers).end(body) : reply.writeHead(rest).end());
  return `http://127.0.0.1:${await listening(createServer(answer))}`;
}
const basic = (realm: string) => ({ 'www-authenticate': `Basic realm="${realm}"` });
const bearer = (realm: string) => ({ ...MARK, 'www-authenticate': `Bearer realm="${realm}",service="x"` });

test('this registry, by the login that it asks for', async () => {
  expect(await look(await answering(401, { ...MARK, ...basic('127.0.0.1') }))).toBe('here');
  expect(await look(await answering(200, MARK, '{}'), '--auth none')).toBe('here');
  expect(await look(await answering(401, basic('Restricted')), '--auth none')).toBe('here');
});

test('token mode needs /auth as well', async () => {
  const served = async (rest: number) => {
    let realm = '';
    const answer: RequestListener = ({ url }, reply) =>
      void (url === '/v2/' ? reply.writeHead(401, bearer(realm)).end() : reply.writeHead(rest).end());
    const origin = `http://127.0.0.1:${await listening(createServer(answer))}`;
    realm = `${origin}/auth`;
    return origin;
  };
  expect(await look(await served(401), '--auth token')).toBe('here');
  expect(await look(await served(404), '--auth token')).toBe(
    'unready: /auth answers 404, and must lead to port 5001',
  );
});

test.each<[string, number, Record<string, string>, string, string]>([
  ['', 200, MARK, '{}', 'it lets everybody in, and this registry wants a login'],
  [
    '',
    401,
    { ...MARK, ...basic('old.corp') },
    '',
    'it is the registry "old.corp", and this one is "127.0.0.1"',
  ],
  ['', 401, basic('Restricted'), '', 'the proxy wants a login of its own'],
  ['', 401, bearer('https://old.corp/auth'), '', 'it sends logins to https://old.corp/auth'],
  ['--auth token', 401, { ...MARK, ...basic('old.corp') }, '', 'it is the registry "old.corp"'],
  ['--auth none', 401, bearer('https://old\u0007.corp/auth'), '', 'it sends logins to'],
])('another registry answers (%s, %d %j)', async (line, status, headers, body, why) => {
  const clean = Object.fromEntries(Object.entries(headers).map(([k, v]) => [k, v.replace('\u0007', '')]));
  const said = await look(await answering(status, clean, body), line);
  expect(said).toContain('wrong: ');
  expect(said).toContain(why);
});

test.each<[number, Record<string, string>, string]>([
  [404, { server: 'nginx' }, 'unready: it answers 404 (nginx) to /v2/'],
  [200, {}, 'unready: it answers 200 to /v2/'],
  [502, {}, 'unready: it answers 502 to /v2/: it must reach port 5000 of 127.0.0.1'],
  [301, { location: 'https://x/' }, 'unready: it answers 301 to /v2/, and leads to https://x/'],
])('a proxy that is not configured yet: %d', async (status, headers, why) => {
  expect(await look(await answering(status, headers, '<html>'))).toBe(why);
});

test('nobody, and somebody without TLS', async () => {
  expect(await look('http://127.0.0.1:9')).toBe('unready: nothing listens there');
  const plain = await answering(401, { ...MARK, ...basic('127.0.0.1') });
  expect(await look(plain.replace('http:', 'https:'))).toBe('unready: what listens there does not speak TLS');
});

test('a CA that this machine does not know hinders no look, but nothing is sent to it', async () => {
  const key = newKey();
  const cert = makeSelfSigned({ names: ['127.0.0.1'], days: 30, keyPem: key });
  const port = await listening(
    secure({ key, cert }, (_, reply) => void reply.writeHead(401, { ...MARK, ...basic('127.0.0.1') }).end()),
  );
  const result = resolveSettings(readArguments(['--external-url', `https://127.0.0.1:${port}`]).answers, {
    dir: '/opt/registry',
  });
  if ('problems' in result) throw new Error('problems');
  expect(await lookOutside(result.settings, context())).toMatchObject({ state: 'here', untrusted: true });
});
