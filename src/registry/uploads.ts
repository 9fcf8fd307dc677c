// Uploads blobs of any size from a stream, and goes on where a connection broke. (distribution-spec, "Pushing blobs")
import { Readable } from 'node:stream';
import { type Blob, hasBlob } from './blobs.ts';
import { Refused } from './contents.ts';
import type { Reply } from './http.ts';
import { Passing, patience, patiently, waitOf } from './patience.ts';
import type { Session } from './session.ts';

/** Milliseconds to wait while nothing moves: a registry that verifies a large blob is silent meanwhile. */
const TIMEOUT = 5 * 60_000;

export interface Source {
  /** Yields the bytes of the blob from a place on. */
  bytes(from: number): AsyncIterable<Buffer>;
  /** They can be read once only: a broken upload is not resumed. */
  once?: true;
}

export interface UploadOptions {
  /** A repository of the same registry that has the blob. (distribution-spec, "Mounting a blob from another repository") */
  mountFrom?: string | undefined;
  /** Told of bytes that were sent; of fewer than none if they must be sent again. */
  told?: ((bytes: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Uploads a blob.
 * @param source undefined: it is mounted, or not uploaded at all
 * @returns how it came there; undefined if it did not, because it could not be mounted
 * @throws Refused; CliError if the connection breaks too often; what the source throws
 */
export async function uploadBlob(
  session: Session,
  repository: string,
  blob: Blob,
  source: Source | undefined,
  { mountFrom, told = () => {}, signal = session.signal }: UploadOptions = {},
): Promise<'sent' | 'mounted' | 'there' | undefined> {
  const doing = `take a blob of ${repository}`;
  const patient = patience(session.name, signal);
  const send = (method: string, path: string, body?: Readable, size = 0) =>
    session.request(method, path, {
      signal,
      timeout: TIMEOUT,
      ...(body && { body }),
      headers: {
        'content-length': String(size),
        ...(body && { 'content-type': 'application/octet-stream' }),
      },
    });
  /** Returns where to send the bytes; undefined if the registry has taken the blob from the other repository. */
  const begin = async (): Promise<string | undefined> => {
    const path = `/v2/${repository}/blobs/uploads/`;
    const query = mountFrom && `?${new URLSearchParams({ mount: blob.digest, from: mountFrom })}`;
    let reply = await send('POST', `${path}${query ?? ''}`);
    // A login that may not read the other repository can still send.
    if (query && ![201, 202].includes(reply.status) && waitOf(reply) === undefined)
      reply = await send('POST', path);
    if (reply.status === 201) return undefined;
    return locationIn(session, accepted(session, doing, reply), path);
  };

  let at = 0;
  let location: string | undefined;
  for (;;) {
    try {
      location ??= await begin();
      if (location === undefined) return 'mounted';
      if (!source) {
        await send('DELETE', location).catch(() => {});
        return undefined;
      }
      if (at < blob.size || blob.size === 0) {
        const from = at;
        const bytes = counted(source.bytes(from), (count) => {
          at += count;
          told(count);
        });
        try {
          const reply = await send('PATCH', location, bytes.body, blob.size - from);
          // What the source finds out at its end counts.
          if (reply.status === 202) await bytes.ended;
          if (bytes.failure) throw bytes.failure.error;
          location = locationIn(session, accepted(session, doing, reply, BEGINS_ANEW), location);
        } catch (error) {
          if (!bytes.failure) throw error;
          if (!signal?.aborted) await send('DELETE', location).catch(() => {});
          throw bytes.failure.error;
        } finally {
          bytes.body.destroy();
        }
      }
      const end = `${location}${location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(blob.digest)}`;
      accepted(session, doing, await send('PUT', end), [404]);
      return 'sent';
    } catch (error) {
      if (source?.once && at > 0) throw error;
      await patient.failed(error);
      // The answer may be all that was lost.
      if (await hasBlob(session, repository, blob, signal)) return 'sent';
      const before = at;
      const state = location && (await stateOf(session, location, signal));
      [location, at] = state ? [state.location, Math.min(state.size, blob.size)] : [undefined, 0];
      told(at - before);
      if (at > 0) patient.progress();
    }
  }
}

/** The upload is not known any more, or holds something else (404, 416), or the token ended while it was sent (401). */
const BEGINS_ANEW = [401, 404, 416];

/** Returns the reply if it is a success. @param anew with these it may work the next time @throws Passing; Refused */
function accepted(session: Session, doing: string, reply: Reply, anew: number[] = []): Reply {
  if ([201, 202, 204].includes(reply.status)) return reply;
  const wait = waitOf(reply);
  if (wait !== undefined || anew.includes(reply.status))
    throw new Passing(`${session.name} answers ${reply.status}`, wait);
  throw new Refused(session, doing, reply);
}

/** Returns the path of the upload that a reply names, which may be relative or a whole address; on this registry, whatever its host. */
function locationIn({ at }: Session, { headers }: Pick<Reply, 'headers'>, before: string): string {
  const base = `http://${at.host}:${at.port}${before}`;
  const { pathname, search } = new URL(String(headers.location ?? before), base);
  return pathname + search;
}

/** Asks how far an upload has come; undefined if it is not known any more. */
async function stateOf(session: Session, location: string, signal: AbortSignal | undefined) {
  const reply = await patiently(session.name, signal, () => session.request('GET', location, { signal }));
  const [, last] = /^(?:bytes=)?0-(\d+)$/.exec(String(reply.headers.range ?? '')) ?? [];
  // `0-0` is said of nothing, and of one byte.
  if (reply.status !== 204 || last === undefined || last === '0') return undefined;
  return { location: locationIn(session, reply, location), size: Number(last) + 1 };
}

/** Counts bytes as they are read, and keeps the failure of their source: a request hides it behind one of its own. */
function counted(source: AsyncIterable<Buffer>, told: (count: number) => void) {
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const kept: { body: Readable; ended: Promise<void>; failure?: { error: unknown } } = {
    body: Readable.from(through()),
    ended,
  };
  async function* through() {
    try {
      for await (const chunk of source) {
        told(chunk.length);
        yield chunk;
      }
    } catch (error) {
      kept.failure = { error };
      throw error;
    } finally {
      end();
    }
  }
  return kept;
}
