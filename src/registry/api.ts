// The registry over HTTP, as its clients speak to it: pushes, pulls, lists and deletes.
// (github.com/opencontainers/distribution-spec/blob/main/spec.md)
import { createHash } from 'node:crypto';
import type { Credentials, Endpoint, Reply } from './http.ts';
import { call } from './token.ts';

/** Returns the registry's error in one line, the status first: `404 MANIFEST_UNKNOWN manifest unknown`. */
export function refusal({ status, body }: Reply): string {
  try {
    const { errors } = JSON.parse(body.toString()) as { errors: { code: string; message: string }[] };
    return `${status} ${errors.map(({ code, message }) => `${code} ${message}`).join(', ')}`;
  } catch {
    return `${status} ${body.toString().slice(0, 200).trim()}`.trim();
  }
}

/** Returns the digest of a blob or manifest: `sha256:…`. */
export const digest = (content: string | Buffer, algorithm: 'sha256' | 'sha512' = 'sha256'): string =>
  `${algorithm}:${createHash(algorithm).update(content).digest('hex')}`;

export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';

/** Returns the reply if it has the wanted status. @throws Error with the registry's refusal */
async function expect(wanted: number, doing: string, reply: Promise<Reply>): Promise<Reply> {
  const got = await reply;
  if (got.status === wanted) return got;
  throw new Error(`${doing}: ${refusal(got)}`);
}

/** Uploads a blob in two requests (spec: "POST then PUT"). @throws Error with the registry's refusal */
export async function pushBlob(at: Endpoint, repository: string, content: string, credentials?: Credentials) {
  const begun = await expect(
    202,
    'upload',
    call(at, 'POST', `/v2/${repository}/blobs/uploads/`, { credentials }),
  );
  const location = new URL(begun.headers.location ?? '', `http://${at.host}:${at.port}`);
  location.searchParams.set('digest', digest(content));
  const headers = { 'content-type': 'application/octet-stream' };
  await expect(
    201,
    'upload',
    call(at, 'PUT', location.pathname + location.search, { credentials, headers, body: content }),
  );
}

/** Uploads an OCI image manifest under a tag. @throws Error with the registry's refusal */
export async function pushManifest(
  at: Endpoint,
  repository: string,
  tag: string,
  content: string,
  credentials?: Credentials,
) {
  const headers = { 'content-type': MANIFEST_TYPE };
  await expect(
    201,
    'push',
    call(at, 'PUT', `/v2/${repository}/manifests/${tag}`, { credentials, headers, body: content }),
  );
}

/** Returns the text of an OCI image manifest. @throws Error with the registry's refusal */
export async function pullManifest(at: Endpoint, repository: string, tag: string, credentials?: Credentials) {
  const headers = { accept: MANIFEST_TYPE };
  const { body } = await expect(
    200,
    'pull',
    call(at, 'GET', `/v2/${repository}/manifests/${tag}`, { credentials, headers }),
  );
  return body.toString();
}

/** Returns a blob as text. @param wanted its digest @throws Error with the registry's refusal */
export async function pullBlob(at: Endpoint, repository: string, wanted: string, credentials?: Credentials) {
  const { body } = await expect(
    200,
    'pull',
    call(at, 'GET', `/v2/${repository}/blobs/${wanted}`, { credentials }),
  );
  return body.toString();
}

/** Deletes a manifest by its digest: replies 202, or 405 if deletion is switched off. */
export const deleteManifest = (
  at: Endpoint,
  repository: string,
  reference: string,
  credentials?: Credentials,
) => call(at, 'DELETE', `/v2/${repository}/manifests/${reference}`, { credentials });

/** Returns the name of every repository, from all pages. @throws Error with the registry's refusal */
export async function catalog(at: Endpoint, credentials?: Credentials): Promise<string[]> {
  const names: string[] = [];
  let path: string | undefined = '/v2/_catalog?n=1000';
  while (path) {
    const { body, headers }: Reply = await expect(200, 'catalog', call(at, 'GET', path, { credentials }));
    names.push(...((JSON.parse(body.toString()) as { repositories: string[] | null }).repositories ?? []));
    const next = /<([^>]+)>;\s*rel="?next/.exec(String(headers.link ?? ''))?.[1];
    path = next && (next.startsWith('/') ? next : new URL(next).pathname + new URL(next).search);
  }
  return names;
}
