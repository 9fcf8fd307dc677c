// Reads the answer to GET /v2/: whether a registry gives it. (distribution-spec, "Determining Support")
import type { Reply } from './http.ts';

/** Tells whether an answer has the mark of a registry; something in front of one may ask for a login without it. */
export const isMarked = ({ headers }: Reply): boolean =>
  headers['docker-distribution-api-version'] !== undefined;

/** Tells whether it is that of a registry to somebody who is let in. */
export const isOpen = (reply: Reply): boolean =>
  reply.status === 200 && (isMarked(reply) || reply.body.toString().trim() === '{}');

/** Returns how it asks for a login; undefined if it does not. (RFC 9110, 11.6.1) */
export function schemeOf({ status, headers }: Reply): 'bearer' | 'basic' | undefined {
  const challenge = String(headers['www-authenticate'] ?? '');
  if (status !== 401) return undefined;
  return /^bearer/i.test(challenge) ? 'bearer' : /^basic/i.test(challenge) ? 'basic' : undefined;
}

/** Tells whether it is that of a registry: it lets in, or asks for a login. */
export const isRegistry = (reply: Reply): boolean =>
  isOpen(reply) || schemeOf(reply) !== undefined || (reply.status === 401 && isMarked(reply));
