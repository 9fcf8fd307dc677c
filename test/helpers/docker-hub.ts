// Docker Hub in small, behind a proxy: its registry, its token server and the other host that has its blobs, all over TLS.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';
import { makeKey, makeSelfSigned } from '../../src/certificates/pki.ts';
import { ask, type Endpoint } from '../../src/registry/http.ts';
import { listening } from './listening.ts';

const HOSTS = ['registry-1.docker.io', 'auth.docker.io', 'cdn.docker.test'];

export interface DockerHub {
  /** HTTPS_PROXY, which leads there. */
  proxy: string;
  /** What must be trusted. */
  ca: string;
  /** Each request: host, path, and the kind of its authorization. */
  heard: string[];
}

/** @param at a registry that holds the images @param login `NAME:PASSWORD`; a token is for nobody else */
export async function dockerHub(at: Endpoint, login: string): Promise<DockerHub> {
  const key = await makeKey('rsa', 2048);
  const cert = makeSelfSigned({ names: HOSTS, days: 1, keyPem: key });
  const heard: string[] = [];
  const answer = async ({ url = '', method = '', headers }: IncomingMessage, reply: ServerResponse) => {
    const host = String(headers.host).replace(/:443$/, '');
    const { authorization = '-', accept = '*/*' } = headers;
    heard.push(`${host} ${url.replace(/\?.*/, '')} ${authorization.split(' ')[0]}`);
    if (host === 'auth.docker.io') {
      const known = authorization === `Basic ${Buffer.from(login).toString('base64')}`;
      return reply.writeHead(known ? 200 : 401).end(JSON.stringify({ token: 'T' }));
    }
    if (host === 'registry-1.docker.io' && authorization !== 'Bearer T') {
      const challenge = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="x"';
      return reply.writeHead(401, { 'www-authenticate': challenge }).end();
    }
    if (host === 'registry-1.docker.io' && url.includes('/blobs/'))
      return reply.writeHead(307, { location: `https://cdn.docker.test${url}` }).end();
    const there = await ask(at, method, url, { headers: { accept } });
    return reply.writeHead(there.status, there.headers).end(there.body);
  };
  const hub = createTlsServer({ cert, key }, (request, reply) => {
    answer(request, reply).catch(() => reply.destroy());
  });
  const port = await listening(hub as unknown as Parameters<typeof listening>[0]);
  const server = createServer();
  server.on('connect', (_, socket) => {
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    for (const end of [socket, onward]) end.on('error', () => end.destroy());
  });
  return { proxy: `http://127.0.0.1:${await listening(server)}`, ca: cert, heard };
}
