// Requests to a registry as its clients make them: by its own name, with what they trust, and with a token where one is wanted.
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import { connect, rootCertificates } from 'node:tls';
import { CliError } from '../errors.ts';
import { bare } from '../host/names.ts';
import { Secret } from '../secret.ts';
import { tlsOptions } from './server-identity.ts';

export interface Endpoint {
  tls: boolean;
  /** The name that clients use: the Host header, and what a certificate must name. */
  host: string;
  port: number;
  /** Where to connect instead: the server itself may not reach its own name. */
  connectTo?: string | undefined;
  /** What is trusted, PEM; the system's roots where it is not given. */
  ca?: string[] | undefined;
  /** A look at what is there, before anything is trusted. Never with a password. */
  unverified?: true;
  /** The way there goes through it: `http://proxy.corp:3128`; over TLS alone. */
  proxy?: string | undefined;
}

export interface Credentials {
  user: string;
  password: Secret;
}

/** Nobody: a token is fetched without a login, as a client does that is not logged in. */
export const STRANGER: Credentials = { user: '', password: new Secret('') };

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface Ask {
  credentials?: Credentials | undefined;
  headers?: Record<string, string>;
  body?: Buffer | string;
  /** Milliseconds without a word from the other side; 10 000 unless said. */
  timeout?: number;
  /** Ends the request. */
  signal?: AbortSignal | undefined;
}

/**
 * One request.
 * @throws the socket's own error (ECONNREFUSED, ENOTFOUND, a certificate's code); a status is never thrown
 */
export async function ask(
  endpoint: Endpoint,
  method: string,
  path: string,
  options: Ask = {},
): Promise<Reply> {
  const { tls, host, port, connectTo, proxy } = endpoint;
  const { credentials, headers = {}, body, timeout = 10_000, signal } = options;
  const basic =
    credentials && Buffer.from(`${credentials.user}:${credentials.password.reveal()}`).toString('base64');
  const request = tls ? (await import('node:https')).request : httpRequest;
  const socket = tls && proxy ? await tunnel(proxy, host, port, timeout) : undefined;
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        method,
        path,
        host: bare(connectTo ?? host),
        port,
        timeout,
        // An agent would make a connection of its own.
        ...(socket
          ? { createConnection: () => connect({ ...tlsOptions(endpoint), socket }) }
          : { agent: false as const }),
        ...(tls && tlsOptions(endpoint)),
        ...(signal && { signal }),
        headers: {
          host: `${host}:${port}`,
          ...(basic && { authorization: `Basic ${basic}` }),
          ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
          ...headers,
        },
      },
      (reply) => {
        const parts: Buffer[] = [];
        reply.on('data', (part) => parts.push(part));
        reply.on('error', reject);
        reply.on('end', () =>
          resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body: Buffer.concat(parts) }),
        );
      },
    );
    sent.on('timeout', () => sent.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
    sent.on('error', reject);
    sent.end(body);
  });
}

/** A way through a proxy; one that is called `https://…` gets its password over TLS. (RFC 9110, 9.3.6) */
async function tunnel(proxy: string, host: string, port: number, timeout: number): Promise<Socket> {
  const { protocol, hostname, port: at, username, password } = new URL(proxy);
  const tls = protocol === 'https:';
  const request = tls ? (await import('node:https')).request : httpRequest;
  const login = [username, password].map(decodeURIComponent).join(':');
  const headers = {
    host: `${host}:${port}`,
    ...(username && { 'proxy-authorization': `Basic ${Buffer.from(login).toString('base64')}` }),
  };
  const options = {
    host: bare(hostname),
    port: at || (tls ? 443 : 80),
    method: 'CONNECT',
    path: `${host}:${port}`,
    ...(tls && tlsOptions({ host: hostname })),
  };
  return new Promise((resolve, reject) => {
    const sent = request({ ...options, headers, timeout, agent: false });
    sent.on('connect', ({ statusCode, statusMessage }, socket) =>
      statusCode === 200
        ? resolve(socket as Socket)
        : reject(new Error(`the proxy ${hostname} refuses ${host}: ${statusCode} ${statusMessage}`)),
    );
    sent.on('timeout', () => sent.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
    sent.on('error', reject);
    sent.end();
  });
}

/**
 * The token server that a registry names. On the registry's own host it is reached in the same way; on another one it is trusted by
 * the registry's roots and by the public ones.
 * @param realm of the challenge (RFC 6750, 3)
 * @throws CliError where it is no address, or where a registry over TLS names one without: a password would travel in clear
 */
export function tokenServer(at: Endpoint, realm: string): { server: Endpoint; url: URL } {
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  if (!url || !/^https?:$/.test(url.protocol))
    throw new CliError(`The registry sends passwords to "${realm}", which is no address. Nothing was sent.`);
  const tls = url.protocol === 'https:';
  if (at.tls && !tls)
    throw new CliError(`The registry sends passwords to ${realm}, which is not TLS. Nothing was sent.`);
  const port = Number(url.port || (tls ? 443 : 80));
  const server: Endpoint = { ...at, tls, host: url.hostname, port };
  if (bare(url.hostname) === bare(at.host)) return { server, url };
  const ca = at.ca && [...at.ca, ...rootCertificates];
  return { server: { ...server, connectTo: undefined, ca }, url };
}
