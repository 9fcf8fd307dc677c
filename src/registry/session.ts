// Many requests to one registry: connections that stay open, and tokens that are fetched once for each repository.
import { Agent, type IncomingMessage } from 'node:http';
import { type Ask, ask, type Credentials, type Endpoint, open, type Reply, STRANGER } from './http.ts';
import { discard } from './limits.ts';
import { challengeOf, fetchToken, hasPassword } from './token.ts';

/** What a request needs a right to: `repository:team/app:pull`, `registry:catalog:*`; several with spaces. (distribution-spec, auth/scope) */
export type Scope = string;

/** How the requests of a session are allowed. */
export type Authority =
  | { kind: 'login'; credentials: Credentials | undefined }
  /** Tokens that are made here: those of a server, which has the key. */
  | { kind: 'signer'; sign(scope: Scope): string };

/** A request in a session: credentials and connections are those of the session. */
type SessionAsk = Omit<Ask, 'credentials' | 'agent'>;

export interface Session {
  /** The registry as in an image's name: `registry.example:5000`. */
  readonly name: string;
  readonly at: Endpoint;
  /** Ends every request of the session. */
  readonly signal: AbortSignal | undefined;
  /** Sends one request and returns the whole reply. @throws as ask; never for a status */
  request(method: string, path: string, options?: SessionAsk): Promise<Reply>;
  /** Returns the reply as soon as its headers are here; the caller reads the body, or destroys the reply. @throws as ask */
  stream(method: string, path: string, options?: SessionAsk): Promise<IncomingMessage>;
  /** Closes the connections. */
  close(): void;
}

/** Connections at a time: more make a registry on a small machine no faster. */
export const CONNECTIONS = 16;

/** Returns the right that a request needs. @param path below /v2/ @param method of HTTP */
function scopeOf(method: string, path: string): Scope {
  const [, repository] = /^\/v2\/(.+)\/(?:manifests|blobs|tags|referrers)\//.exec(path) ?? [];
  if (!repository) return path.startsWith('/v2/_catalog') ? 'registry:catalog:*' : '';
  const actions = method === 'DELETE' ? 'delete' : ['GET', 'HEAD'].includes(method) ? 'pull' : 'pull,push';
  const mountedFrom = new URLSearchParams(/\?.*/.exec(path)?.[0]).get('from');
  return [
    `repository:${repository}:${actions}`,
    ...(mountedFrom ? [`repository:${mountedFrom}:pull`] : []),
  ].join(' ');
}

/** Milliseconds that a token is used which is made here; it is valid for longer. */
const FRESH = 60_000;

/**
 * Opens a session. Nothing is sent before the first request.
 * @param name the registry as in an image's name
 */
export function openSession(
  at: Endpoint,
  name: string,
  authority: Authority,
  signal: AbortSignal | undefined,
): Session {
  let agent: Promise<Agent> | undefined;
  const connections = () => {
    const options = { keepAlive: true, maxSockets: CONNECTIONS };
    agent ??= at.tls
      ? import('node:https').then((https) => new https.Agent(options))
      : Promise.resolve(new Agent(options));
    return agent;
  };
  const tokens = new Map<Scope, Promise<string>>();
  const login = authority.kind === 'login' ? authority.credentials : undefined;
  const basic = hasPassword(login) ? login : undefined;

  /** Fetches a token for a challenge; the refusal of a token server is an empty token, which the registry refuses in its own words. */
  const fetched = async (asked: Record<string, string>): Promise<string> => {
    const token = await fetchToken(at, asked, login ?? STRANGER, signal);
    return typeof token === 'string' ? token : '';
  };
  const signed = new Map<Scope, number>();
  const own = (scope: Scope): Promise<string> | undefined => {
    const now = Date.now();
    if (authority.kind === 'signer' && now - (signed.get(scope) ?? 0) > FRESH) {
      tokens.set(scope, Promise.resolve(authority.sign(scope)));
      signed.set(scope, now);
    }
    return tokens.get(scope);
  };

  async function send<T extends { headers: Reply['headers'] }>(
    method: string,
    path: string,
    options: SessionAsk,
    way: typeof ask | typeof open,
    statusOf: (reply: T) => number,
    drop: (reply: T) => void,
  ): Promise<T> {
    const scope = scopeOf(method, path);
    const attempt = async (token: string | undefined): Promise<T> => {
      const authorization = token ? { authorization: `Bearer ${token}` } : {};
      return (await way(at, method, path, {
        signal,
        ...options,
        agent: await connections(),
        credentials: token ? undefined : basic,
        headers: { ...options.headers, ...authorization },
      })) as unknown as T;
    };
    const known = own(scope);
    const first = await attempt(known && (await known));
    const asked = statusOf(first) === 401 && authority.kind === 'login' ? challengeOf(first) : undefined;
    if (!asked) return first;
    drop(first);
    // The token has ended, or it is the first request for this scope. Requests side by side wait for one token.
    if (tokens.get(scope) === known) tokens.set(scope, fetched(asked));
    const token = await tokens.get(scope);
    // What was sent as a stream is gone: the caller begins again.
    if (options.body && typeof options.body !== 'string' && !Buffer.isBuffer(options.body)) return first;
    return attempt(token);
  }

  return {
    name,
    at,
    signal,
    request: (method, path, options = {}) =>
      send<Reply>(
        method,
        path,
        options,
        ask,
        ({ status }) => status,
        () => {},
      ),
    stream: (method, path, options = {}) =>
      send<IncomingMessage>(method, path, options, open, ({ statusCode = 0 }) => statusCode, discard),
    close: () => void agent?.then((it) => it.destroy()),
  };
}
