// The names of public registries: a line for one in a hosts file would lead every pull of this machine to itself.

const NAMES = [
  'docker.io',
  'docker.com',
  'ghcr.io',
  'quay.io',
  'gcr.io',
  'pkg.dev',
  'k8s.io',
  'mcr.microsoft.com',
  'azurecr.io',
  'public.ecr.aws',
  'registry.gitlab.com',
  'registry.access.redhat.com',
  'registry.redhat.io',
  'nvcr.io',
  'cgr.dev',
  'lscr.io',
  'docker.elastic.co',
];
/** A private registry of Amazon has a name for each account and region. */
const AMAZON = /\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com$/;

/** Tells whether a host is a public registry, or below the name of one: `registry-1.docker.io`. */
export const isPublicRegistry = (host: string): boolean =>
  AMAZON.test(host) || NAMES.some((name) => host === name || host.endsWith(`.${name}`));
