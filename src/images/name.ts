// Reads the name of an image with its registry, as docker does: `alpine:3`, `docker.io/library/alpine:3`, `host:5000/team/app@sha256:…`.
// (github.com/distribution/reference; docs.docker.com/reference/cli/docker/image/tag)
import { InputError } from '../errors.ts';
import { type Address, nameOf, parseAddress } from '../settings/address.ts';
import { type Reference, readReference } from './pattern.ts';

/** A registry that a name begins with. */
export interface NamedRegistry extends Address {
  /** As in images' names: `docker.io`, `registry.example:5000`. */
  name: string;
  /** What docker and podman keep its login under. */
  loginNames: string[];
}

export interface ImageName extends Reference {
  /** Undefined: the name has no registry. */
  registry: NamedRegistry | undefined;
}

export const DOCKER_HUB: NamedRegistry = {
  name: 'docker.io',
  host: 'registry-1.docker.io',
  port: 443,
  scheme: 'https',
  loginNames: ['index.docker.io', 'docker.io'],
};
const HUB_NAMES = ['docker.io', 'index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'];

/** Returns the name of a repository on Docker Hub: `alpine` is `library/alpine` there. */
export const onDockerHub = (repository: string): string =>
  repository.includes('/') ? repository : `library/${repository}`;

/**
 * Reads the name of an image. Its first part is a registry if it has a dot or a colon, or is `localhost`; it may have a scheme.
 * @throws InputError
 */
export function readImageName(word: string): ImageName {
  const [, scheme = '', first = '', rest = ''] =
    /^(https?:\/\/)?([^/]*[.:][^/]*|localhost)\/(.*)$/s.exec(word) ?? [];
  if (!first) return { ...readReference(word, ''), text: word, registry: undefined };
  const reference = { ...readReference(rest, ''), text: word };
  if (HUB_NAMES.includes(first))
    return { ...reference, repository: onDockerHub(reference.repository), registry: DOCKER_HUB };
  const parsed = parseAddress(`${scheme || 'https://'}${first}`);
  if ('message' in parsed) throw new InputError([{ where: word, ...parsed }]);
  const { host, port } = parsed;
  const name = nameOf({ host, port });
  // Without a scheme both are possible, as for docker.
  const address = scheme ? parsed : { host, port };
  return { ...reference, registry: { ...address, name, loginNames: [name] } };
}

/** Returns `team/app:1.0`, `team/app@sha256:…`, without a registry. */
export const shortName = ({
  repository,
  tag,
  digest,
}: {
  repository: string;
  tag?: string | undefined;
  digest?: string | undefined;
}): string =>
  digest ? `${repository}${tag ? `:${tag}` : ''}@${digest}` : `${repository}:${tag ?? 'latest'}`;
