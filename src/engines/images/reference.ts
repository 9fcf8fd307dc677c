// Image references: the short form, the full form, and the registry in it. (github.com/distribution/reference)

/** Returns a name as Docker shows it: without the default registry, with the tag, also the default one. */
export function plainName(name: string): string {
  const short = name.replace(/^(docker\.io|index\.docker\.io|localhost)\//, '').replace(/^library\//, '');
  return /[:@][^/]+$/.test(short) ? short : `${short}:latest`;
}

/** Returns the registry of an image: what is before its first slash, if that is a host at all; else Docker Hub. */
export function registryOf(ref: string): string {
  const [first = '', ...rest] = ref.split('/');
  return rest.length > 0 && /[.:]|^localhost$/.test(first) ? first : 'registry-1.docker.io';
}

/** Adds Docker's own registry to a short name, for which podman asks, or which it refuses. (containers-registries.conf(5)) */
export function fullName(ref: string): string {
  const [first = '', ...rest] = ref.split('/');
  if (rest.length > 0 && /[.:]|^localhost$/.test(first)) return ref;
  return rest.length > 0 ? `docker.io/${ref}` : `docker.io/library/${ref}`;
}
