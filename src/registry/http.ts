// Sends one request to a registry as its clients do: by its own name, with the roots that they trust. (token.ts adds the token.)
import {
  type Agent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { connect, rootCertificates } from 'node:tls';
import { CliError } from '../errors.ts';
import { bare } from '../host/names.ts';
import { VERSION } from '../package.ts';
import { Secret } from '../secret.ts';
import { endAfter, taken } from './limits.ts';
import { onceMore } from './once-more.ts';
import { tlsOptions } from './server-identity.ts';

export interface Endpoint {
  tls: boolean;
  /** The name that clients use: the Host header, and what a certificate must name. */
  host: string;
  port: number;
  /** The address to connect to instead: the server may not reach its own name. */
  connectTo?: string | undefined;
  /** The token server that the registry names as `realm` is beside it, at this port: that URL may not be reached from here. */
  tokens?: { realm: string; port: number } | undefined;
  /** The trusted roots, PEM; the system's by default. */
  ca?: string[] | undefined;
  /** Accepts every certificate, to look at a server before it is trusted. Never with a password. */
  unverified?: true;
  /** The proxy to connect through: `http://proxy.corp:3128`; used for TLS only. */
  proxy?: string | undefined;
}

/** How the requests of this program are told from those of others in the log of a registry. */
export const OUR_AGENT = 'registry-setup/';

export interface Credentials {
  user: string;
  password: Secret;
  /** A token server takes it in the place of the password; `docker login` keeps it for Azure and others. (distribution-spec, auth/oauth) */
  identityToken?: Secret | undefined;
}

/** A client that is not logged in: fetches a token without a login. */
export const STRANGER: Credentials = { user: '', password: new Secret('') };

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface Ask {
  credentials?: Credentials | undefined;
  headers?: Record<string, string>;
  /** A stream can be read once, so its request is never repeated. Without a content-length in `headers` it is sent in chunks. */
  body?: Buffer | string | Readable;
  /** Keeps connections open for further requests; without it each request has a connection of its own. Ignored behind a proxy. */
  agent?: Agent | undefined;
  /** The most bytes of the reply that are read into memory; 16 MiB by default. */
  most?: number | undefined;
  /** Milliseconds to wait while nothing arrives; 10 000 by default. The whole reply, or the headers of a stream, take a few times that at most. */
  timeout?: number;
  /** Ends the request. */
  signal?: AbortSignal | undefined;
  /** Told that the server wants the body, after `expect: 100-continue`. (RFC 9110, 10.1.1) */
  continued?: (() => void) | undefined;
}

/**
 * The most bytes of a reply that is read into memory. A manifest has 4 MiB at most (distribution-spec, "Pushing Manifests"), a page of
 * a list of 1 000 names less.
 */
const MOST = 16 * 1024 * 1024;

/** How long a server may be silent; milliseconds. */
const SILENCE = 10_000;

/** The reply is longer than anything that a registry has to say. */
export const TOO_LONG = 'REPLY_TOO_LONG';

/**
 * Sends one request and returns the whole reply. Sends a GET once more if its connection breaks. (RFC 9110, 9.2.2)
 * @throws the socket's own error (ECONNREFUSED, ENOTFOUND, ETIMEDOUT, a certificate's code, TOO_LONG); never for a status
 */
export function ask(endpoint: Endpoint, method: string, path: string, options: Ask = {}): Promise<Reply> {
  const work = () => send(endpoint, method, path, options);
  return method === 'GET' || method === 'HEAD' ? onceMore(work, options.signal) : work();
}

async function send(endpoint: Endpoint, method: string, path: string, options: Ask = {}): Promise<Reply> {
  const reply = await open(endpoint, method, path, options);
  const stop = endAfter(reply, options.timeout ?? SILENCE);
  try {
    return { status: reply.statusCode ?? 0, headers: reply.headers, body: await whole(reply, options.most) };
  } finally {
    stop();
  }
}

/** Returns the whole body of a reply. @throws the socket's own error; TOO_LONG */
async function whole(reply: IncomingMessage, most = MOST): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of reply as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > most) {
      reply.destroy();
      throw Object.assign(new Error(`the reply has more than ${Math.round(most / 1024 / 1024)} MiB`), {
        code: TOO_LONG,
      });
    }
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/**
 * Sends one request and returns its reply as soon as the headers are here; the caller reads the body, or destroys the reply.
 * @throws as ask
 */
export async function open(
  endpoint: Endpoint,
  method: string,
  path: string,
  options: Ask = {},
): Promise<IncomingMessage> {
  const { tls, host, port, connectTo, proxy } = endpoint;
  const { credentials, headers = {}, body, agent, timeout = SILENCE, signal, continued } = options;
  const basic =
    credentials && Buffer.from(`${credentials.user}:${credentials.password.reveal()}`).toString('base64');
  const request = tls ? (await import('node:https')).request : httpRequest;
  const socket = tls && proxy ? await tunnel(proxy, host, port, timeout, signal) : undefined;
  const stream = typeof body === 'string' || Buffer.isBuffer(body) ? undefined : body;
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        method,
        path,
        host: bare(connectTo ?? host),
        port,
        timeout,
        // An agent would open its own connection.
        ...(socket
          ? { createConnection: () => connect({ ...tlsOptions(endpoint), socket }) }
          : { agent: agent ?? false }),
        ...(tls && tlsOptions(endpoint)),
        ...(signal && { signal }),
        headers: {
          host: `${host}:${port}`,
          'user-agent': `${OUR_AGENT}${VERSION}`,
          ...(basic && { authorization: `Basic ${basic}` }),
          ...(body !== undefined && !stream && { 'content-length': Buffer.byteLength(body as string) }),
          ...headers,
        },
      },
      resolve,
    );
    sent.on('timeout', () => sent.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
    sent.on('error', reject);
    if (continued) sent.on('continue', continued);
    // The headers. A body that is sent as a stream takes its time before that.
    const begin = () => {
      const stop = endAfter(sent, timeout);
      sent.on('response', stop);
      sent.on('close', stop);
    };
    if (!stream) begin();
    else sent.on('finish', begin);
    if (stream) pipeline(taken(stream), sent).catch(reject);
    else sent.end(body as string | undefined);
  });
}

/** Opens a tunnel through a proxy; a proxy at `https://…` gets its password over TLS. (RFC 9110, 9.3.6) */
async function tunnel(
  proxy: string,
  host: string,
  port: number,
  timeout: number,
  signal: AbortSignal | undefined,
): Promise<Socket> {
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
    const sent = request({ ...options, headers, timeout, agent: false, ...(signal && { signal }) });
    sent.on('close', endAfter(sent, timeout));
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
 * Returns the token server that a registry names.
 * @param realm of the challenge (RFC 6750, 3)
 * @throws CliError if the realm is no address, or if a registry over TLS names a token server without TLS: the password would
 *   travel in clear
 */
export function tokenServer(at: Endpoint, realm: string): { server: Endpoint; url: URL } {
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  if (!url || !/^https?:$/.test(url.protocol))
    throw new CliError(`The registry sends passwords to "${realm}", which is no address. Nothing was sent.`);
  if (realm === at.tokens?.realm) return { server: { ...at, port: at.tokens.port }, url };
  const tls = url.protocol === 'https:';
  if (at.tls && !tls)
    throw new CliError(`The registry sends passwords to ${realm}, which is not TLS. Nothing was sent.`);
  return { server: namedBy(at, url), url };
}

/**
 * Returns how to reach an address that a registry names. Its own host is reached in the same way as the registry; on another host
 * both the registry's roots and the public ones are trusted.
 */
function namedBy(at: Endpoint, { protocol, hostname, port }: URL): Endpoint {
  const tls = protocol === 'https:';
  const server: Endpoint = { ...at, tls, host: hostname, port: Number(port || (tls ? 443 : 80)) };
  if (bare(hostname) === bare(at.host)) return server;
  const ca = at.ca && [...at.ca, ...rootCertificates];
  return { ...server, connectTo: undefined, ca };
}

/**
 * Returns where a registry sends a client that wants a blob. (distribution-spec, "Pulling blobs"; RFC 9110, 15.4)
 * @param location of the reply
 * @throws CliError if that is no address, or if it leaves TLS
 */
export function redirection(at: Endpoint, path: string, location: string): { server: Endpoint; url: URL } {
  const base = new URL(path, `${at.tls ? 'https' : 'http'}://${at.host}:${at.port}`).href;
  const url = URL.canParse(location, base) ? new URL(location, base) : undefined;
  if (!url || !/^https?:$/.test(url.protocol))
    throw new CliError(`The registry sends clients to "${location}", which is no address.`);
  if (at.tls && url.protocol !== 'https:')
    throw new CliError(`The registry sends clients to ${url.origin}, which is not TLS. Nothing was fetched.`);
  return { server: namedBy(at, url), url };
}
