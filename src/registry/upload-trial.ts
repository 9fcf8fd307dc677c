// Begins an upload without a byte in it, and cancels it: it shows what something in front of a registry does to a push.
import type { Session } from './session.ts';

const PATH = '/v2/registry-setup/probe/blobs/uploads/';
/** Milliseconds; a proxy refuses a length at once. */
const PATIENCE = 3_000;
/** Bytes that a layer may well have, and that a proxy with its default refuses. (nginx.org, client_max_body_size) */
const LARGE = 1024 ** 3;

export interface UploadTrial {
  /** Something refuses a large body. */
  refusesLarge: boolean;
  /** Where the registry sends the bytes. */
  location: URL;
}

/** Tells whether something in front of the registry refuses a large body. Sends the length, and no byte: who wants the body takes it. */
async function refusesLarge(session: Session, path: string): Promise<boolean> {
  const headers = { 'content-length': String(LARGE), expect: '100-continue' };
  const wanted = new AbortController();
  const signal = AbortSignal.any([wanted.signal, ...(session.signal ? [session.signal] : [])]);
  const continued = () => wanted.abort();
  const reply = await session
    .stream('PATCH', path, { headers, timeout: PATIENCE, signal, continued })
    .catch(() => undefined);
  reply?.destroy();
  return reply?.statusCode === 413;
}

/** Tries an upload. Returns what it shows; nothing without the right to push. */
export async function tryUpload(session: Session): Promise<UploadTrial | undefined> {
  const { at } = session;
  const options = { headers: { 'content-length': '0' }, timeout: PATIENCE };
  const begun = await session.request('POST', PATH, options).catch(() => undefined);
  if (begun?.status !== 202) return undefined;
  const base = new URL(PATH, `${at.tls ? 'https' : 'http'}://${at.host}:${at.port}`);
  const text = String(begun.headers.location ?? '');
  if (!URL.canParse(text, base.href)) return undefined;
  const location = new URL(text, base);
  const path = location.pathname + location.search;
  const large = await refusesLarge(session, path);
  await session.request('DELETE', path, options).catch(() => undefined);
  return { refusesLarge: large, location };
}
