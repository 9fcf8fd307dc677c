// Finds out what a registry speaks: TLS or plain HTTP, its certificates, its login. Trusts nothing and sends no password.
import type { X509Certificate } from 'node:crypto';
import { CliError } from '../errors.ts';
import { ask, type Endpoint, type Reply } from '../registry/http.ts';
import { isNoTls } from '../registry/no-tls.ts';
import { isBroken } from '../registry/once-more.ts';
import { isMarked, isOpen, schemeOf } from '../registry/version-check.ts';
import { servedChain } from './chain.ts';
import type { ClientRequest } from './options.ts';

/** `proxy`: what asks for the login does not say that it is a registry; something in front of one does not. */
export type Login =
  | { kind: 'none' }
  | { kind: 'basic' }
  | { kind: 'proxy' }
  | { kind: 'token'; realm: string; service: string };

export interface Found {
  /** The endpoint, by the name that clients use. */
  at: Endpoint;
  ip: string;
  /** The certificates that the server sends, its own first; empty without TLS. */
  chain: X509Certificate[];
  login: Login;
  /** Seconds by which the clock of this machine is ahead of the server's. */
  ahead: number;
}

/** Returns the certificates; undefined if the server does not speak TLS. @throws CliError if the handshake fails otherwise */
async function chainOf(at: Endpoint, request: ClientRequest): Promise<X509Certificate[] | undefined> {
  try {
    return await servedChain(at);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (isNoTls(error)) return undefined;
    if (isBroken(error)) {
      // A user who says http:// expects no TLS.
      if (code !== 'ETIMEDOUT' && request.scheme === 'http') return undefined;
      throw broken(request, code);
    }
    throw new CliError(`The TLS handshake with ${at.host}:${at.port} failed.`, { why: message.trim() });
  }
}

/** Returns the error for a connection that broke twice: it does not tell what the server speaks. */
function broken({ name }: ClientRequest, code = ''): CliError {
  const silent = code === 'ETIMEDOUT';
  return new CliError(
    silent
      ? `${name} accepts the connection and then sends nothing.`
      : `The connection to ${name} is broken off (${code}), also at a second try.`,
    {
      why: 'The server is overloaded or another one, or something on the way holds the connection.',
      fix: ['Try it again in a while.', 'Is the port another one?   --port PORT'],
      exitCode: silent ? 2 : 1,
    },
  );
}

export function notARegistry({ name }: Pick<ClientRequest, 'name'>, what: string): CliError {
  return new CliError(`${name} is not a registry: ${what}.`, {
    fix: 'Is it another port?   --port PORT',
    exitCode: 2,
  });
}

/** Describes a server that does not speak HTTP by the first words of its answer. */
function protocolOf(error: NodeJS.ErrnoException & { rawPacket?: Buffer }): string {
  const first = error.rawPacket
    ?.toString('latin1')
    .split(/[\r\n]/)[0]
    ?.replace(/[^\x20-\x7e]/g, '')
    .slice(0, 60);
  if (first?.startsWith('SSH-')) return `an SSH server answers there (${first})`;
  if (first) return `it answers "${first}"`;
  return `it does not speak HTTP (${error.message})`;
}

/**
 * Reads the login from the answer to /v2/: 200 or 401 by the specification. A web server with its own login says 401 as well: only with
 * the login one sees what is behind it.
 */
function loginOf(reply: Reply, request: ClientRequest): Login {
  const { status, headers } = reply;
  const challenge = String(headers['www-authenticate'] ?? '');
  if (isOpen(reply)) return { kind: 'none' };
  const part = (key: string) => new RegExp(`${key}="([^"]*)"`).exec(challenge)?.[1] ?? '';
  const scheme = schemeOf(reply);
  if (scheme === 'bearer') return { kind: 'token', realm: part('realm'), service: part('service') };
  if (scheme === 'basic') return { kind: isMarked(reply) ? 'basic' : 'proxy' };
  const server = headers.server ? ` (${headers.server})` : '';
  throw notARegistry(request, `/v2/ answers ${status}${server}, as a web page does`);
}

/**
 * Asks for the login again, over what is trusted now. The first answer, which was not verified, does not decide where a password is
 * sent: anybody on the way could have named their own token server.
 * @throws CliError if the registry does not answer to a client with this trust
 */
export async function askLogin(request: ClientRequest, at: Endpoint): Promise<Login> {
  const reply = await ask(at, 'GET', '/v2/').catch((error) => {
    throw new CliError(`${request.name} does not answer over a trusted connection.`, {
      why: (error as Error).message,
    });
  });
  return loginOf(reply, request);
}

/** Looks at a server without trusting it. @param ip its address @throws CliError if it is not a registry */
export async function discover(request: ClientRequest, ip: string): Promise<Found> {
  const { host, port } = request;
  const base = { host, port, connectTo: ip };
  const chain = await chainOf({ ...base, tls: true }, request);
  const at: Endpoint = { ...base, tls: chain !== undefined };
  let reply: Reply;
  try {
    reply = await ask({ ...at, unverified: true }, 'GET', '/v2/');
  } catch (error) {
    if (isBroken(error)) throw broken(request, (error as NodeJS.ErrnoException).code);
    throw notARegistry(request, protocolOf(error as NodeJS.ErrnoException));
  }
  const theirs = Date.parse(String(reply.headers.date ?? ''));
  const ahead = Number.isNaN(theirs) ? 0 : Math.round((Date.now() - theirs) / 1000);
  return { at, ip, chain: chain ?? [], login: loginOf(reply, request), ahead };
}
