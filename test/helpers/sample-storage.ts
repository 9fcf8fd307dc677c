// A storage as a registry lays it out, made without one: small, and with everything that a backup must know.
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const OCI = 'application/vnd.oci.image';
const ROOT = 'docker/registry/v2';

export interface Sample {
  storage: string;
  /** Writes a blob; gives its descriptor. */
  blob(content: string | Buffer, mediaType?: string): { mediaType: string; digest: string; size: number };
  /** Makes a manifest a part of a repository, under a tag or without one. */
  manifest(
    repository: string,
    content: object,
    tag?: string,
  ): { mediaType: string; digest: string; size: number };
  /** An image with one layer. */
  image(
    repository: string,
    layer: string | Buffer,
    tag?: string,
    more?: object,
  ): ReturnType<Sample['manifest']>;
  path(digest: string): string;
}

export function sampleStorage(storage: string): Sample {
  const put = (path: string, content: string | Buffer) => {
    const file = join(storage, ROOT, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  };
  const hex = (digest: string) => digest.slice(7);
  const blobPath = (digest: string) => `blobs/sha256/${hex(digest).slice(0, 2)}/${hex(digest)}/data`;
  const sample: Sample = {
    storage,
    path: (digest) => join(storage, ROOT, blobPath(digest)),
    blob(content, mediaType = `${OCI}.layer.v1.tar`) {
      const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
      put(blobPath(digest), content);
      return { mediaType, digest, size: Buffer.byteLength(content) };
    },
    manifest(repository, content, tag) {
      const mediaType = 'manifests' in content ? `${OCI}.index.v1+json` : `${OCI}.manifest.v1+json`;
      const made = sample.blob(JSON.stringify({ schemaVersion: 2, mediaType, ...content }), mediaType);
      const at = `repositories/${repository}/_manifests`;
      put(`${at}/revisions/sha256/${hex(made.digest)}/link`, made.digest);
      if (tag) {
        put(`${at}/tags/${tag}/current/link`, made.digest);
        put(`${at}/tags/${tag}/index/sha256/${hex(made.digest)}/link`, made.digest);
      }
      return made;
    },
    image(repository, layer, tag, more = {}) {
      const config = sample.blob(
        JSON.stringify({ os: 'linux', architecture: 'amd64' }),
        `${OCI}.config.v1+json`,
      );
      return sample.manifest(repository, { config, layers: [sample.blob(layer)], ...more }, tag);
    },
  };
  return sample;
}

/** Bytes that look packed, and cannot be packed. */
export const packedBytes = (size: number): Buffer =>
  Buffer.concat([Buffer.from('1f8b', 'hex'), randomBytes(size)]);
