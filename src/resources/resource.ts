// The type, provider and key of every resource in the table of providers.ts.
import type { Key } from './key.ts';
import type { Provider } from './provider.ts';
import { PROVIDERS } from './providers.ts';

type AnyProvider = (typeof PROVIDERS)[keyof typeof PROVIDERS];

export type Resource = Parameters<AnyProvider['title']>[0];

export type ResourceOf<K extends Resource['kind']> = Extract<Resource, { kind: K }>;

/** Returns the provider of a kind; undefined if this version does not know the kind. */
export const providerNamed = (kind: string) =>
  (PROVIDERS as unknown as { [kind: string]: Provider<Resource> | undefined })[kind];

export const providerOf = (resource: Resource) => providerNamed(resource.kind) as Provider<Resource>;

/** Returns the key of a resource; `engine` is absent for Docker. */
export function keyOf(resource: Resource): Key {
  const { id, engine, kept } = providerOf(resource);
  const program = engine?.(resource);
  return {
    kind: resource.kind,
    id: id(resource),
    ...(program === 'podman' && { engine: program }),
    ...(kept && { kept }),
  };
}
