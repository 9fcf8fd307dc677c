// Fetches tokens from the token server that the registry names, and sends them with the request. (distribution-spec, auth/token)
import { CliError } from '../errors.ts';
import { bare } from '../host/names.ts';
import type { Secret } from '../secret.ts';
import { type Ask, ask, type Credentials, type Endpoint, type Reply, STRANGER, tokenServer } from './http.ts';
import { OTHER_NAME } from './server-identity.ts';

/** Parses `Bearer realm="…",service="…",scope="…"` (distribution-spec auth; RFC 6750, 3); undefined for another challenge. */
export function challengeOf({ headers }: Pick<Reply, 'headers'>): Record<string, string> | undefined {
  const header = String(headers['www-authenticate'] ?? '');
  if (!/^bearer /i.test(header)) return undefined;
  return Object.fromEntries([...header.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, value]));
}

const ON_THE_WAY: [RegExp, string][] = [
  [/ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN/, 'cannot be reached from here'],
  [new RegExp(OTHER_NAME), 'shows the certificate of another host'],
  [/CERT|SIGNATURE|VERIFY|ISSUER/, 'shows a certificate that is not trusted'],
  [/EPROTO|ERR_SSL|ECONNRESET/, 'does not answer as the registry says'],
];

/** Explains in the user's words why a token server cannot be used; returns an unknown error unchanged. */
function tokenServerError(realm: string, error: NodeJS.ErrnoException): Error {
  const what = ON_THE_WAY.find(([pattern]) => pattern.test(error.code ?? ''))?.[1];
  if (!what) return error;
  return new CliError(`The token server ${realm} ${what}.`, {
    why: error.message,
    fix: 'On the server:   registry-setup status',
  });
}

/**
 * Fetches a token from the token server that the registry names.
 * @returns the token, or the refusal of the token server
 * @throws CliError if the token server cannot be used
 */
export async function fetchToken(
  at: Endpoint,
  asked: { realm?: string; service?: string; scope?: string },
  credentials: Credentials,
  signal?: AbortSignal,
): Promise<string | Reply> {
  const { server, url } = tokenServer(at, asked.realm ?? '');
  const isLogin = credentials.user !== '' || credentials.identityToken !== undefined;
  if (isLogin) mustStay(at, url);
  const query = new URLSearchParams({ service: asked.service ?? '' });
  for (const scope of asked.scope?.split(' ').filter(Boolean) ?? []) query.append('scope', scope);
  if (credentials.user) query.set('account', credentials.user);
  const { identityToken } = credentials;
  const asking = identityToken
    ? ask(server, 'POST', url.pathname, { signal, ...exchange(asked, identityToken) })
    : ask(server, 'GET', `${url.pathname}?${query}`, { signal, ...(credentials.user && { credentials }) });
  const reply = await asking.catch((error) => {
    throw tokenServerError(url.href, error);
  });
  if (reply.status !== 200) return reply;
  const token = tokenIn(reply);
  if (token !== undefined) return token;
  throw new CliError(`The token server ${url.href} answers without a token.`, {
    why: 'What it sends is not as a registry expects it: {"token": "…"}.',
  });
}

/** Returns the form that exchanges an identity token for a token of one scope. (distribution-spec, auth/oauth, "refresh_token") */
function exchange({ service = '', scope = '' }: { service?: string; scope?: string }, token: Secret): Ask {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    service,
    client_id: 'registry-setup',
    scope,
    refresh_token: token.reveal(),
  });
  return { body: form.toString(), headers: { 'content-type': 'application/x-www-form-urlencoded' } };
}

/**
 * Verifies that a login which a registry without TLS takes does not travel in clear to another host, too: anybody on the way can write
 * any name there. Over TLS that host proves its name.
 * @throws CliError
 */
function mustStay(at: Endpoint, { protocol, hostname, host, href }: URL): void {
  if (protocol !== 'http:' || bare(hostname) === bare(at.host)) return;
  throw new CliError(
    `The registry ${at.host} sends logins in clear to another host, ${href}. Nothing was sent.`,
    {
      why: 'Without TLS anybody on the way can name that host.',
      fix: `If it is the same machine, use the registry by that name:   http://${host.replace(/:\d+$/, '')}:${at.port}`,
      exitCode: 2,
    },
  );
}

/** Returns the token of a reply; empty if it holds none, undefined if it can be none. (distribution-spec, auth/token; RFC 6750, 2.1) */
function tokenIn({ body }: Reply): string | undefined {
  try {
    const { token, access_token: other } = JSON.parse(body.toString()) as Record<string, unknown>;
    const found = token ?? other ?? '';
    return typeof found === 'string' && /^[\x21-\x7e]*$/.test(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

/** Tells whether a login can be sent to a registry itself: an identity token is for token servers alone. */
export const hasPassword = (credentials: Credentials | undefined): boolean =>
  credentials !== undefined && credentials !== STRANGER && !credentials.identityToken;

/** Sends one request as a client does: if the registry wants a token, fetches it and repeats the request. @throws as ask, tokenServer */
export async function call(at: Endpoint, method: string, path: string, options: Ask = {}): Promise<Reply> {
  const { credentials, ...plain } = options;
  const first = await ask(at, method, path, hasPassword(credentials) ? options : plain);
  const asked = first.status === 401 && credentials ? challengeOf(first) : undefined;
  if (!asked || !credentials) return first;
  const token = await fetchToken(at, asked, credentials, options.signal);
  if (typeof token !== 'string') return token;
  return ask(at, method, path, { ...plain, headers: { ...plain.headers, authorization: `Bearer ${token}` } });
}
