// Images of a test in a real registry: of any type, with layers that they share, in an index.
import { digest, pushBlob } from '../../src/registry/api.ts';
import type { Credentials, Endpoint } from '../../src/registry/http.ts';
import { call } from '../../src/registry/token.ts';

const OCI = 'application/vnd.oci.image.manifest.v1+json';
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const DOCKER = 'application/vnd.docker.distribution.manifest.v2+json';

/** A registry, and the login with which a test pushes to it. */
export type At = Endpoint & { credentials?: Credentials };

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

async function putManifest(
  at: At,
  repository: string,
  tag: string | undefined,
  type: string,
  manifest: object,
): Promise<Descriptor> {
  const body = JSON.stringify(manifest);
  const own = digest(body);
  const path = `/v2/${repository}/manifests/${tag ?? own}`;
  const { status } = await call(at, 'PUT', path, {
    credentials: at.credentials,
    headers: { 'content-type': type },
    body,
  });
  if (status !== 201) throw new Error(`the registry answers ${status} to ${path}`);
  return { mediaType: type, digest: own, size: body.length };
}

export interface Made {
  layers: string[];
  architecture?: string;
  created?: string;
  /** Of Docker's types, and not OCI's. */
  docker?: boolean;
  /** Something else in the place of the configuration: a chart, a signature. */
  holds?: string;
  subject?: Descriptor;
}

/** Pushes an image; without a tag by its digest alone. */
export async function putImage(
  at: At,
  repository: string,
  tag: string | undefined,
  { layers, architecture = 'amd64', created, docker = false, holds, subject }: Made,
): Promise<Descriptor> {
  const config = JSON.stringify({
    os: 'linux',
    architecture,
    created,
    config: { Labels: { layers: digest(layers.join()) } },
  });
  for (const blob of [config, ...layers]) await pushBlob(at, repository, blob, at.credentials);
  const part = (mediaType: string, content: string) => ({
    mediaType,
    digest: digest(content),
    size: content.length,
  });
  const configType =
    holds ??
    (docker ? 'application/vnd.docker.container.image.v1+json' : 'application/vnd.oci.image.config.v1+json');
  const layerType = docker
    ? 'application/vnd.docker.image.rootfs.diff.tar.gzip'
    : 'application/vnd.oci.image.layer.v1.tar+gzip';
  const type = docker ? DOCKER : OCI;
  return putManifest(at, repository, tag, type, {
    schemaVersion: 2,
    mediaType: type,
    config: part(configType, config),
    layers: layers.map((layer) => part(layerType, layer)),
    ...(subject && { subject }),
  });
}

/** Pushes an index over manifests that are there. An architecture `-` stands for an attestation. */
export const putIndex = (
  at: At,
  repository: string,
  tag: string | undefined,
  parts: [Descriptor, string][],
): Promise<Descriptor> =>
  putManifest(at, repository, tag, OCI_INDEX, {
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: parts.map(([descriptor, architecture]) => ({
      ...descriptor,
      platform:
        architecture === '-' ? { os: 'unknown', architecture: 'unknown' } : { os: 'linux', architecture },
    })),
  });
