// Sends requests to an ACME server (RFC 8555): its directory, nonces, signed requests, and the problems that it answers with.
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, type Reply } from '../../registry/http.ts';
import { proxyFor } from '../../registry/no-proxy.ts';
import { signedRequest } from './jws.ts';

/** How this machine reaches the server. */
export interface Wire {
  /** The roots that its own certificate may have, PEM. */
  ca: string[];
  env: NodeJS.ProcessEnv;
  signal?: AbortSignal | undefined;
}

/** What an ACME server says when it refuses (RFC 8555 6.7). Its texts are those of others. */
export interface Problem {
  /** The last word of `urn:ietf:params:acme:error:…`; empty if there is none. */
  type: string;
  detail: string;
  /** The name that it is about. */
  name?: string | undefined;
  parts: Problem[];
}

/** The server refused a request. */
export class Refused extends Error {
  readonly problem: Problem;
  readonly status: number;
  /** Seconds after which it may be tried again. */
  readonly retryAfter: number | undefined;

  constructor(problem: Problem, { status, retryAfter }: { status: number; retryAfter?: number | undefined }) {
    super(problem.detail);
    this.problem = problem;
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** The server's answer is none that RFC 8555 knows. */
export class NotAcme extends Error {}

interface Directory {
  newNonce: string;
  newAccount: string;
  newOrder: string;
  /** RFC 9773; not every server has it. */
  renewalInfo: string | undefined;
  needsExternalAccount: boolean;
}

/** The body of a reply, unchecked. */
type Json = Record<string, unknown>;

export interface Answer {
  json: Json;
  body: Buffer;
  headers: Reply['headers'];
}

/** The most bytes that a server may send: a chain of certificates is a tenth of it. */
const MOST = 256 * 1024;
/** Milliseconds that a server may be silent. */
const SILENCE = 20_000;
/** How often a request is sent again with another nonce. */
const NONCES = 10;
/** A server that is busy says when to come back: so many seconds are waited for, so often. */
const BUSY_SECONDS = 30;
const BUSY_TIMES = 3;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const textIn = (json: Json, name: string): string =>
  typeof json[name] === 'string' ? (json[name] as string) : '';

export const listIn = (json: Json, name: string): unknown[] =>
  Array.isArray(json[name]) ? (json[name] as unknown[]) : [];

/** Reads an object of JSON; anything else becomes an empty one. */
export function jsonOf(body: Buffer | unknown): Json {
  try {
    const found: unknown = Buffer.isBuffer(body) ? JSON.parse(body.toString()) : body;
    return isObject(found) ? found : {};
  } catch {
    return {};
  }
}

/** Reads a problem, with at most ten parts of one level. */
export function problemOf(json: Json, deep = true): Problem {
  const identifier = isObject(json.identifier) ? textIn(json.identifier, 'value') : '';
  return {
    type: /^urn:ietf:params:acme:error:(\w+)$/.exec(textIn(json, 'type'))?.[1] ?? '',
    detail: textIn(json, 'detail').slice(0, 1_000),
    ...(identifier && { name: identifier }),
    parts: deep
      ? listIn(json, 'subproblems')
          .slice(0, 10)
          .map((part) => problemOf(jsonOf(part), false))
      : [],
  };
}

/** Returns the seconds of a Retry-After header, which may be a date. */
export function secondsOf(header: string | undefined): number | undefined {
  if (!header) return undefined;
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : undefined;
}

/** Refuses an address that a server names, if it is not TLS. */
function safe(url: unknown, what: string): string {
  if (typeof url === 'string' && URL.canParse(url) && new URL(url).protocol === 'https:') return url;
  throw new NotAcme(`it names no ${what} at https://`);
}

async function send(method: string, at: string, { ca, env, signal }: Wire, body?: string): Promise<Reply> {
  const url = new URL(at);
  const port = Number(url.port || 443);
  return ask(
    { tls: true, host: url.hostname, port, ca, proxy: proxyFor(env, url.hostname, port) },
    method,
    url.pathname + url.search,
    {
      // A server compares its address in the signature with this header, so the header has no port that the address lacks.
      headers: { host: url.host, ...(body !== undefined && { 'content-type': 'application/jose+json' }) },
      ...(body !== undefined && { body }),
      most: MOST,
      timeout: SILENCE,
      signal,
    },
  );
}

const isBusy = (status: number) => status === 429 || status === 503;

export interface AcmeServer {
  directory: Directory;
  /**
   * Sends a signed request. @param payload undefined: it reads only
   * @throws Refused, NotAcme, the socket's own error
   */
  post(url: string, payload: object | undefined, by: { keyPem: string; account?: string }): Promise<Answer>;
  /** Sends a request without a signature. @throws Refused, the socket's own error */
  get(url: string): Promise<Answer>;
}

/** Reads the directory of a server. @throws Refused, NotAcme, the socket's own error */
export async function meet(address: string, wire: Wire): Promise<AcmeServer> {
  let nonce: string | undefined;
  const answerOf = (reply: Reply): Answer => {
    const { headers, body, status } = reply;
    const json = jsonOf(body);
    if (status >= 400)
      throw new Refused(problemOf(json), { status, retryAfter: secondsOf(headers['retry-after']) });
    return { json, body, headers };
  };
  const get = async (url: string) => answerOf(await send('GET', url, wire));
  const found = (await get(address)).json;
  const meta = isObject(found.meta) ? found.meta : {};
  const directory: Directory = {
    newNonce: safe(found.newNonce, 'newNonce'),
    newAccount: safe(found.newAccount, 'newAccount'),
    newOrder: safe(found.newOrder, 'newOrder'),
    renewalInfo: typeof found.renewalInfo === 'string' ? safe(found.renewalInfo, 'renewalInfo') : undefined,
    needsExternalAccount: meta.externalAccountRequired === true,
  };
  const keepNonce = ({ headers }: Reply) => {
    const given = headers['replay-nonce'];
    nonce = typeof given === 'string' && /^[A-Za-z0-9_-]+$/.test(given) ? given : undefined;
  };
  const freshNonce = async (): Promise<string> => {
    if (nonce === undefined) keepNonce(await send('HEAD', directory.newNonce, wire));
    const [now] = [nonce];
    nonce = undefined;
    if (now === undefined) throw new NotAcme('it gives no nonce');
    return now;
  };
  return {
    directory,
    get,
    async post(to, payload, by) {
      const url = safe(to, 'address');
      for (let [nonces, waits] = [0, 0]; ; ) {
        const body = signedRequest(payload, { ...by, nonce: await freshNonce(), url });
        const reply = await send('POST', url, wire, body);
        keepNonce(reply);
        const wait = secondsOf(reply.headers['retry-after']) ?? Infinity;
        const { type } = problemOf(jsonOf(reply.body));
        if (reply.status >= 400 && type === 'badNonce' && ++nonces < NONCES) continue;
        if (isBusy(reply.status) && wait <= BUSY_SECONDS && ++waits < BUSY_TIMES) {
          await sleep(wait * 1000, undefined, { signal: wire.signal });
          continue;
        }
        return answerOf(reply);
      }
    },
  };
}
