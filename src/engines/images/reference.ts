// Image references: the short form, the full form, and the registry in it. (github.com/distribution/reference)

/** A name as Docker shows it: without the registry that is meant anyway, with the tag that is. */
export function plainName(name: string): string {
  const short = name.replace(/^(docker\.io|index\.docker\.io|localhost)\//, '').replace(/^library\//, '');
  return /[:@][^/]+$/.test(short) ? short : `${short}:latest`;
}

/** The registry of an image: before its first slash, if that is a host at all; else Docker Hub. */
export function registryOf(ref: string): string {
  const [first = '', ...rest] = ref.split('/');
  return rest.length > 0 && /[.:]|^localhost$/.test(first) ? first : 'registry-1.docker.io';
}

/** podman asks which registry is meant by a short name, or refuses it: Docker's own is said. (containers-registries.conf(5)) */
export function fullName(ref: string): string {
  const [first = '', ...rest] = ref.split('/');
  if (rest.length > 0 && /[.:]|^localhost$/.test(first)) return ref;
  return rest.length > 0 ? `docker.io/${ref}` : `docker.io/library/${ref}`;
}
