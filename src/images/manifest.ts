// Reads manifests, of any kind that a registry holds. (image-spec: manifest.md, image-index.md; docs.docker.com/reference/api/registry)
import type { RawManifest } from '../registry/contents.ts';

/** Something that a manifest refers to. */
export interface Part {
  digest: string;
  /** Bytes; 0 if the manifest does not say. */
  size: number;
  /** It lies where its addresses say, and in no registry: layers of Windows. (image-spec, layer.md, "Non-Distributable Layers") */
  foreign?: true;
}

/** A manifest in an index. */
interface Child extends Part {
  /** `linux/amd64`, `linux/arm/v7`; undefined for what runs nowhere, such as an attestation. */
  platform: string | undefined;
}

/** `schema 1`: an image as Docker pushed it before 2016. `other`: a chart, a signature, anything that is no image. */
export type Kind = 'index' | 'image' | 'schema 1' | 'other';

export interface Manifest extends Part {
  kind: Kind;
  /** The media type. */
  type: string;
  /** What it holds, if that is no image: `application/vnd.cncf.helm.config.v1+json`. */
  holds: string | undefined;
  config: Part | undefined;
  layers: Part[];
  children: Child[];
  /** The digest of the manifest that it is attached to. (image-spec, manifest.md, "subject") */
  subject: string | undefined;
  annotations: Record<string, string>;
}

const IMAGE_CONFIGS = [
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
];

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value ? value : undefined;

/** A digest of any algorithm that a registry takes. (image-spec, descriptor.md, "Digests") */
const DIGEST = /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-f]{32,}$/;

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

function partOf(value: unknown): Part | undefined {
  if (!isObject(value)) return undefined;
  const { digest, size, urls, mediaType } = value;
  if (typeof digest !== 'string' || !DIGEST.test(digest)) return undefined;
  const foreign = list(urls).length > 0 && /\.(?:foreign|nondistributable)\./.test(String(mediaType));
  return {
    digest,
    size: typeof size === 'number' && Number.isSafeInteger(size) && size > 0 ? size : 0,
    ...(foreign && { foreign }),
  };
}

const partsOf = (value: unknown): Part[] => list(value).flatMap((item) => partOf(item) ?? []);

/** Returns `linux/arm/v7`; undefined for the `unknown/unknown` of an attestation. */
function platformOf(value: unknown): string | undefined {
  if (!isObject(value)) return undefined;
  const parts = [value.os, value.architecture, value.variant].flatMap((part) => textOf(part) ?? []);
  return parts.length < 2 || parts[0] === 'unknown' ? undefined : parts.join('/');
}

function annotationsOf(value: unknown): Record<string, string> {
  if (!isObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** Returns a manifest; one that cannot be read has no parts and is of the kind `other`. */
export function readManifest({ digest, type, body }: RawManifest): Manifest {
  const found = parsed(body);
  const media = textOf(found.mediaType) ?? type;
  const children = list(found.manifests).flatMap((item): Child[] => {
    const part = partOf(item);
    return part && isObject(item) ? [{ ...part, platform: platformOf(item.platform) }] : [];
  });
  const config = partOf(found.config);
  const configType = isObject(found.config) ? textOf(found.config.mediaType) : undefined;
  const isIndex = Array.isArray(found.manifests);
  const isOld = found.schemaVersion === 1;
  const isImage =
    config !== undefined &&
    configType !== undefined &&
    IMAGE_CONFIGS.includes(configType) &&
    !found.artifactType;
  return {
    digest,
    size: body.length,
    kind: isIndex ? 'index' : isOld ? 'schema 1' : isImage ? 'image' : 'other',
    type: media,
    holds: textOf(found.artifactType) ?? (isImage || isIndex ? undefined : configType),
    config,
    layers: isOld
      ? list(found.fsLayers).flatMap((item) => partOf(isObject(item) ? { digest: item.blobSum } : item) ?? [])
      : partsOf(found.layers),
    children,
    subject: partOf(found.subject)?.digest,
    annotations: annotationsOf(found.annotations),
  };
}

function parsed(body: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString());
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

/** What the configuration of an image says. */
export interface Configuration {
  created: Date | undefined;
  platform: string | undefined;
  labels: Record<string, string>;
}

/** Reads the configuration of an image. (image-spec, config.md) */
export function readConfiguration(body: Buffer): Configuration {
  const found = parsed(body);
  const inner = isObject(found.config) ? found.config : {};
  return { created: dateOf(found.created), platform: platformOf(found), labels: annotationsOf(inner.Labels) };
}

/** Returns a date; undefined for none. */
export function dateOf(value: unknown): Date | undefined {
  const date = typeof value === 'string' ? new Date(value) : undefined;
  return date && !Number.isNaN(date.getTime()) ? date : undefined;
}
