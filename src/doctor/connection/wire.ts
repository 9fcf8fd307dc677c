// What both machines can look at: the way to a registry, its certificate, what stands between.
// Looks at a registry from this machine once, as a client without trust and without a password. Every check of the connection reads it.
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { servedChain } from '../../client/chain.ts';
import { connectionFault } from '../../client/connect.ts';
import { bare } from '../../host/names.ts';
import { ask, type Reply, TOO_LONG } from '../../registry/http.ts';
import { TOO_SLOW } from '../../registry/limits.ts';
import { isNoTls } from '../../registry/no-tls.ts';
import type { Asked, CheckInput } from '../check.ts';
import { asked } from '../found.ts';

/** How long to wait for an answer; milliseconds. */
const PATIENCE = 5_000;
/** How long the whole answer may take: a check has 30 s; milliseconds. */
const ANSWERS_WITHIN = 15_000;
/** How long to wait for each of two handshakes; milliseconds. */
const SHAKES_WITHIN = 3_000;

export interface Wire {
  /** The address that the name leads to; undefined if it leads nowhere. */
  ip: string | undefined;
  /**
   * The code of what ended the attempt: of the resolver (ENOTFOUND), of the connection (ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH), or
   * SILENT, BROKEN, NO_HTTP and ENDLESS after it was open; undefined if the registry answered.
   */
  failed: string | undefined;
  /** What the failure says itself. */
  words?: string;
  /** What it speaks; undefined if it was not found out. */
  speaks: 'tls' | 'http' | undefined;
  /** The certificates that it sends, its own first. */
  chain: X509Certificate[];
  /** The answer to an anonymous GET /v2/. */
  reply?: Reply;
  /** Seconds by which the clock of this machine is ahead of that of the registry; undefined if it does not tell. */
  ahead: number | undefined;
}

/** The connection is open, and nothing comes. */
export const SILENT = 'SILENT';
/** The connection is open, and is broken off. */
export const BROKEN = 'BROKEN';
/** What comes is no HTTP. */
export const NO_HTTP = 'NO_HTTP';

/** An answer begins, and comes byte by byte, or is longer than that of any registry. */
export const ENDLESS = 'ENDLESS';

/** Codes of a connection that may never have been open. */
const NOT_OPEN = /^E(CONNREFUSED|TIMEDOUT|HOST|NET|ACCES|ADDR)/;

/** Returns what this machine sees of a registry. */
export const wireOf = (input: CheckInput, registry: Asked): Promise<Wire> =>
  asked(input, `wire ${registry.at.host}:${registry.at.port}`, () => look(input, registry));

const nothing: Pick<Wire, 'speaks' | 'chain' | 'ahead'> = { speaks: undefined, chain: [], ahead: undefined };
const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code ?? '';
const wordsOf = (error: unknown) => (error as Error).message;

/** Returns what ended a connection that was open. @param whole ends an answer that takes too long */
function brokenBy(error: unknown, whole: AbortSignal): string {
  const code = codeOf(error);
  if (code === 'ETIMEDOUT') return SILENT;
  if (code.startsWith('HPE_')) return NO_HTTP;
  return whole.aborted || code === TOO_LONG || code === TOO_SLOW ? ENDLESS : BROKEN;
}

async function look({ context: { host } }: CheckInput, { at }: Asked): Promise<Wire> {
  const name = bare(at.host);
  let ip = at.connectTo ?? (isIP(name) ? name : undefined);
  if (ip === undefined) {
    const found = await host.lookup(name).catch((error: unknown) => ({ error }));
    if (typeof found !== 'string')
      return { ...nothing, ip: undefined, failed: codeOf(found.error) || 'ENOTFOUND' };
    ip = found;
  }
  const base = { host: at.host, port: at.port, connectTo: ip };
  const chain = await servedChain({ ...base, tls: true }, SHAKES_WITHIN).catch((error: unknown) => ({
    error,
  }));
  const plain = 'error' in chain;
  if (plain && !isNoTls(chain.error)) {
    const code = codeOf(chain.error);
    // Of a connection that was open already, the error does not tell that it was.
    const fault = NOT_OPEN.test(code) ? await connectionFault(ip, at.port) : undefined;
    const failed = fault ?? (code === 'ETIMEDOUT' ? SILENT : BROKEN);
    return { ...nothing, ip, failed, words: wordsOf(chain.error) };
  }
  const seen = { ip, speaks: plain ? ('http' as const) : ('tls' as const), chain: plain ? [] : chain };
  const endpoint = { ...base, tls: !plain, unverified: true as const };
  const whole = AbortSignal.timeout(ANSWERS_WITHIN);
  const reply = await ask(endpoint, 'GET', '/v2/', { timeout: PATIENCE, signal: whole }).catch(
    (error: unknown) => ({ error }),
  );
  if ('error' in reply)
    return { ...seen, failed: brokenBy(reply.error, whole), words: wordsOf(reply.error), ahead: undefined };
  const theirs = Date.parse(String(reply.headers.date ?? ''));
  const ahead = Number.isNaN(theirs) ? undefined : Math.round((Date.now() - theirs) / 1000);
  return { ...seen, failed: undefined, reply, ahead };
}
