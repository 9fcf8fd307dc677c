// The registry's HTTP API, as far as it is used here. (github.com/opencontainers/distribution-spec/blob/main/spec.md)
import { createHash } from 'node:crypto';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import type { Secret } from './secret.ts';

export interface Endpoint {
  tls: boolean;
  /** The name that clients use: the Host header, and what a certificate must name. */
  host: string;
  port: number;
  /** Where to connect instead: the server itself may not reach its own name. */
  connectTo?: string | undefined;
  /** What is trusted, PEM; the system's roots where it is not given. */
  ca?: string[] | undefined;
  /** A look at what is there, before anything is trusted. Never with a password. */
  unverified?: true;
}

export interface Credentials {
  user: string;
  password: Secret;
}

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface Ask {
  credentials?: Credentials | undefined;
  headers?: Record<string, string>;
  body?: Buffer | string;
  /** Milliseconds without a word from the other side; 10 000 unless said. */
  timeout?: number;
}

const bare = (host: string) => host.replace(/^\[(.*)\]$/, '$1');

/** An address is no server name (RFC 6066, 3), so the certificate is compared with it here and not by the library. */
export function identity(host: string, ca: string[] | undefined) {
  const name = bare(host);
  return {
    ...(ca && { ca }),
    servername: isIP(name) ? '' : name,
    checkServerIdentity: (_: string, cert: PeerCertificate) => checkServerIdentity(name, cert),
  };
}

/**
 * One request.
 * @throws the socket's own error (ECONNREFUSED, ENOTFOUND, a certificate's code); a status is never thrown
 */
export async function ask(
  endpoint: Endpoint,
  method: string,
  path: string,
  options: Ask = {},
): Promise<Reply> {
  const { tls, host, port, connectTo, ca, unverified } = endpoint;
  const { credentials, headers = {}, body, timeout = 10_000 } = options;
  const basic =
    credentials && Buffer.from(`${credentials.user}:${credentials.password.reveal()}`).toString('base64');
  const request = tls ? (await import('node:https')).request : httpRequest;
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        method,
        path,
        host: bare(connectTo ?? host),
        port,
        timeout,
        agent: false,
        ...(tls && identity(host, ca)),
        ...(unverified && { rejectUnauthorized: false }),
        headers: {
          host: `${host}:${port}`,
          ...(basic && { authorization: `Basic ${basic}` }),
          ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
          ...headers,
        },
      },
      (reply) => {
        const parts: Buffer[] = [];
        reply.on('data', (part) => parts.push(part));
        reply.on('error', reject);
        reply.on('end', () =>
          resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body: Buffer.concat(parts) }),
        );
      },
    );
    sent.on('timeout', () => sent.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
    sent.on('error', reject);
    sent.end(body);
  });
}

/** What the registry says of an error, in one line: `MANIFEST_UNKNOWN manifest unknown`. */
export function refusal({ status, body }: Reply): string {
  try {
    const { errors } = JSON.parse(body.toString()) as { errors: { code: string; message: string }[] };
    return `${status} ${errors.map(({ code, message }) => `${code} ${message}`).join(', ')}`;
  } catch {
    return `${status} ${body.toString().slice(0, 200).trim()}`.trim();
  }
}

export const digest = (content: string | Buffer): string =>
  `sha256:${createHash('sha256').update(content).digest('hex')}`;

export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';

/** The reply, when it has the status that was hoped for. */
async function expect(wanted: number, doing: string, reply: Promise<Reply>): Promise<Reply> {
  const got = await reply;
  if (got.status === wanted) return got;
  throw new Error(`${doing}: ${refusal(got)}`);
}

/** Uploads a blob in two requests (spec: "POST then PUT"). */
export async function pushBlob(at: Endpoint, repository: string, content: string, credentials?: Credentials) {
  const begun = await expect(
    202,
    'upload',
    ask(at, 'POST', `/v2/${repository}/blobs/uploads/`, { credentials }),
  );
  const location = new URL(begun.headers.location ?? '', `http://${at.host}:${at.port}`);
  location.searchParams.set('digest', digest(content));
  const headers = { 'content-type': 'application/octet-stream' };
  await expect(
    201,
    'upload',
    ask(at, 'PUT', location.pathname + location.search, { credentials, headers, body: content }),
  );
}

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
    ask(at, 'PUT', `/v2/${repository}/manifests/${tag}`, { credentials, headers, body: content }),
  );
}

export async function pullManifest(at: Endpoint, repository: string, tag: string, credentials?: Credentials) {
  const headers = { accept: MANIFEST_TYPE };
  const { body } = await expect(
    200,
    'pull',
    ask(at, 'GET', `/v2/${repository}/manifests/${tag}`, { credentials, headers }),
  );
  return body.toString();
}

export async function pullBlob(at: Endpoint, repository: string, wanted: string, credentials?: Credentials) {
  const { body } = await expect(
    200,
    'pull',
    ask(at, 'GET', `/v2/${repository}/blobs/${wanted}`, { credentials }),
  );
  return body.toString();
}

/** Deletes a manifest by its digest: 202, or 405 where deletion is switched off. */
export const deleteManifest = (
  at: Endpoint,
  repository: string,
  reference: string,
  credentials?: Credentials,
) => ask(at, 'DELETE', `/v2/${repository}/manifests/${reference}`, { credentials });

/** Every repository; pages are followed. */
export async function catalog(at: Endpoint, credentials?: Credentials): Promise<string[]> {
  const names: string[] = [];
  let path: string | undefined = '/v2/_catalog?n=1000';
  while (path) {
    const { body, headers }: Reply = await expect(200, 'catalog', ask(at, 'GET', path, { credentials }));
    names.push(...((JSON.parse(body.toString()) as { repositories: string[] | null }).repositories ?? []));
    const next = /<([^>]+)>;\s*rel="?next/.exec(String(headers.link ?? ''))?.[1];
    path = next && (next.startsWith('/') ? next : new URL(next).pathname + new URL(next).search);
  }
  return names;
}
