// Reads blobs of any size as a stream: goes on where a connection broke, and follows a registry to where its blobs are.
// (distribution-spec, "Pulling blobs"; RFC 9110, 14)
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { CliError } from '../errors.ts';
import { digest } from './api.ts';
import { Refused } from './contents.ts';
import { open, type Reply, redirection } from './http.ts';
import { discard, received } from './limits.ts';
import { Passing, patience, patiently, waitOf } from './patience.ts';
import type { Session } from './session.ts';

/** A blob, as a manifest names it. */
export interface Blob {
  digest: string;
  size: number;
}

/** Milliseconds to wait while nothing arrives. */
const TIMEOUT = 60_000;
const HOPS = 5;
const REDIRECTS = [301, 302, 303, 307, 308];

export interface BlobOptions {
  /** The first byte to read. */
  from?: number;
  signal?: AbortSignal | undefined;
}

/**
 * Yields the bytes of a blob. Reads on where a connection broke. Verifies what it has read from the first byte on.
 * @throws CliError if the bytes are not those of the blob, or if the connection breaks too often; Refused; as open
 */
export async function* blobBytes(
  session: Session,
  repository: string,
  { digest, size }: Blob,
  { from = 0, signal = session.signal }: BlobOptions = {},
): AsyncGenerator<Buffer> {
  const hash = from === 0 ? hashOf(digest) : undefined;
  const patient = patience(session.name, signal);
  const path = `/v2/${repository}/blobs/${digest}`;
  let at = from;
  while (at < size || (at === 0 && size === 0)) {
    try {
      for await (const chunk of bytesFrom(session, path, at, signal)) {
        at += chunk.length;
        if (at > size) throw otherBytes(session, repository, digest);
        hash?.update(chunk);
        patient.progress();
        yield chunk;
      }
      if (at < size) throw new Passing(`${size - at} bytes are missing at the end`);
      break;
    } catch (error) {
      await patient.failed(error);
    }
  }
  if (hash && `${digest.split(':')[0]}:${hash.digest('hex')}` !== digest)
    throw otherBytes(session, repository, digest);
}

/** @throws CliError if this program cannot verify such a digest */
function hashOf(digest: string) {
  const algorithm = digest.split(':')[0] ?? '';
  if (['sha256', 'sha512'].includes(algorithm)) return createHash(algorithm);
  throw new CliError(`A blob has the digest ${digest}, which cannot be verified here.`);
}

const otherBytes = ({ name }: Session, repository: string, digest: string) =>
  new CliError(`${name} sends other bytes than those of ${repository}@${digest}.`, {
    why: 'The storage is damaged, or something on the way changes them.',
  });

/** The most bytes of a blob that is read into memory: a configuration has some thousands. */
const SMALL = 8 * 1024 * 1024;

/**
 * Returns a small blob, such as the configuration of an image; undefined if there is none, or if it is too long or damaged.
 * @throws Refused; as patiently
 */
export async function smallBlob(
  session: Session,
  repository: string,
  wanted: string,
): Promise<Buffer | undefined> {
  const { name, signal } = session;
  const read = async (): Promise<Buffer | undefined> => {
    const parts: Buffer[] = [];
    let size = 0;
    for await (const part of bytesFrom(session, `/v2/${repository}/blobs/${wanted}`, 0, signal)) {
      size += part.length;
      if (size > SMALL) return undefined;
      parts.push(part);
    }
    const body = Buffer.concat(parts);
    return digest(body) === wanted ? body : undefined;
  };
  return patiently(name, signal, read).catch((error) => {
    if (error instanceof Refused && error.status === 404) return undefined;
    throw error;
  });
}

/** Yields the bytes from a place on, over one connection. */
async function* bytesFrom(
  session: Session,
  path: string,
  from: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  const headers = { accept: '*/*', ...(from > 0 && { range: `bytes=${from}-` }) };
  const reply = await followed(session, path, headers, signal);
  try {
    const status = reply.statusCode ?? 0;
    if (status !== 200 && status !== 206) {
      const said = await textOf(reply);
      const wait = waitOf(said);
      if (wait !== undefined) throw new Passing(`${session.name} answers ${status}`, wait);
      throw new Refused(session, `send ${path.replace(/^\/v2\//, '').replace('/blobs/', '@')}`, said);
    }
    // Some storages send all of it, whatever was asked for.
    let skip = status === 206 ? 0 : from;
    for await (const chunk of received(reply)) {
      const rest = chunk.subarray(Math.min(skip, chunk.length));
      skip -= chunk.length - rest.length;
      if (rest.length > 0) yield rest;
    }
  } finally {
    reply.destroy();
  }
}

/** Sends a GET, and follows where it leads: to another host without the login of the registry. */
async function followed(
  session: Session,
  path: string,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<IncomingMessage> {
  const options = { headers, timeout: TIMEOUT, signal };
  let { at } = session;
  let here = path;
  let reply = await session.stream('GET', path, options);
  for (let hop = 0; hop < HOPS && REDIRECTS.includes(reply.statusCode ?? 0); hop++) {
    discard(reply);
    const { server, url } = redirection(at, here, String(reply.headers.location ?? ''));
    here = url.pathname + url.search;
    const isOwn = server.tls === session.at.tls && `${server.host}:${server.port}` === addressOf(session);
    reply = await (isOwn
      ? session.stream('GET', here, options)
      : open(server, 'GET', here, options).catch((error) => {
          throw notThere(session, url, error);
        }));
    at = server;
  }
  return reply;
}

const addressOf = ({ at }: Session) => `${at.host}:${at.port}`;

/** Names the other host in an error about its certificate; other errors pass as they are. */
function notThere({ name }: Session, url: URL, error: NodeJS.ErrnoException): Error {
  if (!/CERT|SIGNATURE|VERIFY|ISSUER|ENOTFOUND/.test(error.code ?? '')) return error;
  return new CliError(`${name} keeps its blobs at ${url.host}, which cannot be used from here.`, {
    why: error.message,
  });
}

/** The most bytes of an error that are read. */
const MOST = 65_536;

async function textOf(reply: IncomingMessage): Promise<Reply> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of received(reply)) {
    parts.push(part);
    size += part.length;
    if (size > MOST) break;
  }
  return { status: reply.statusCode ?? 0, headers: reply.headers, body: Buffer.concat(parts) };
}

/** Tells whether a repository has a blob; false where the registry does not say. @throws as patiently */
export async function hasBlob(
  session: Session,
  repository: string,
  { digest }: Blob,
  signal = session.signal,
): Promise<boolean> {
  return patiently(session.name, signal, async () => {
    const { status } = await session.request('HEAD', `/v2/${repository}/blobs/${digest}`, { signal });
    // Some registries send clients to where the blob is.
    return status === 200 || REDIRECTS.includes(status);
  });
}
