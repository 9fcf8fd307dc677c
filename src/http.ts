// Requests to a registry as its clients make them: by its own name, with what they trust, and with a token where one is wanted.
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect, type PeerCertificate } from 'node:tls';
import { CliError } from './errors.ts';
import { Secret } from './secret.ts';

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

const bare = (host: string) => host.replace(/^\[(.*)\]$/, '$1');

/** An address is no server name (RFC 6066, 3), so the certificate is compared with it here and not by the library. */
export function identity(host: string, ca: string[] | undefined) {
  const name = bare(host);
  return {
    ...(ca && { ca }),
    servername: isIP(name) ? '' : name,
    checkServerIdentity: (_: string, cert: PeerCertificate) => checkServerIdentity(name, cert),
  };
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
  const { tls, host, port, connectTo, ca, unverified, proxy } = endpoint;
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
          ? { createConnection: () => connect({ ...identity(host, ca), socket }) }
          : { agent: false as const }),
        ...(tls && identity(host, ca)),
        ...(unverified && { rejectUnauthorized: false }),
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

/** A way through a proxy. (RFC 9110, 9.3.6) */
function tunnel(proxy: string, host: string, port: number, timeout: number): Promise<Socket> {
  const { hostname, port: at, username, password } = new URL(proxy);
  const login = [username, password].map(decodeURIComponent).join(':');
  const headers = {
    host: `${host}:${port}`,
    ...(username && { 'proxy-authorization': `Basic ${Buffer.from(login).toString('base64')}` }),
  };
  const options = { host: bare(hostname), port: at || 80, method: 'CONNECT', path: `${host}:${port}` };
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ ...options, headers, timeout, agent: false });
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

/** `Bearer realm="…",service="…",scope="…"` (distribution-spec auth; RFC 6750, 3). */
function challenge({ headers }: Reply): Record<string, string> | undefined {
  const header = String(headers['www-authenticate'] ?? '');
  if (!/^bearer /i.test(header)) return undefined;
  return Object.fromEntries([...header.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, value]));
}

const ON_THE_WAY: [RegExp, string][] = [
  [/ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN/, 'cannot be reached from here'],
  [/ERR_TLS_CERT_ALTNAME_INVALID/, 'shows the certificate of another host'],
  [/CERT|SIGNATURE|VERIFY|ISSUER/, 'shows a certificate that is not trusted'],
  [/EPROTO|ERR_SSL|ECONNRESET/, 'does not answer as the registry says'],
];

/** What went wrong on the way to a token server, in the words of the person. */
export function tokenServerError(realm: string, error: NodeJS.ErrnoException): Error {
  const what = ON_THE_WAY.find(([pattern]) => pattern.test(error.code ?? ''))?.[1];
  if (!what) return error;
  return new CliError(`The token server ${realm} ${what}.`, {
    why: error.message,
    fix: 'On the server:   registry-setup status',
  });
}

/**
 * Fetches a token from where a registry says.
 * @returns the token, or the refusal of the token server
 */
async function fetchToken(
  at: Endpoint,
  asked: Record<string, string>,
  credentials: Credentials,
): Promise<string | Reply> {
  const realm = new URL(asked.realm ?? '');
  const host = realm.hostname;
  const query = new URLSearchParams({
    service: asked.service ?? '',
    ...(asked.scope && { scope: asked.scope }),
  });
  if (credentials.user) query.set('account', credentials.user);
  const tls = realm.protocol === 'https:';
  const same = bare(host) === bare(at.host);
  const server: Endpoint = {
    ...at,
    tls,
    host,
    port: Number(realm.port || (tls ? 443 : 80)),
    connectTo: same ? at.connectTo : undefined,
  };
  const reply = await ask(
    server,
    'GET',
    `${realm.pathname}?${query}`,
    credentials.user ? { credentials } : {},
  ).catch((error) => {
    throw tokenServerError(realm.href, error);
  });
  if (reply.status !== 200) return reply;
  const { token, access_token: other } = JSON.parse(reply.body.toString()) as {
    token?: string;
    access_token?: string;
  };
  return token ?? other ?? '';
}

/** One request as a client makes it: where the registry wants a token, it is fetched and the request made again. */
export async function call(at: Endpoint, method: string, path: string, options: Ask = {}): Promise<Reply> {
  const { credentials, ...plain } = options;
  const first = await ask(at, method, path, credentials === STRANGER ? plain : options);
  const asked = first.status === 401 && credentials ? challenge(first) : undefined;
  if (!asked || !credentials) return first;
  const token = await fetchToken(at, asked, credentials);
  if (typeof token !== 'string') return token;
  return ask(at, method, path, { ...plain, headers: { ...plain.headers, authorization: `Bearer ${token}` } });
}
