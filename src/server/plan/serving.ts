// Finds what serves the registry in a directory: its container or service, its configuration, the directory with its images. From what
// runs and lies there, not from settings.yml, which may have been edited.
import { join } from 'node:path';
import { type Container, inspect } from '../../engines/containers.ts';
import type { Host } from '../../host/host.ts';
import { readOldest } from '../../reconcile/journal.ts';
import { unitPath } from '../../resources/unit.ts';
import type { Program } from '../../settings/settings.ts';
import { readYaml } from '../../templates.ts';
import { INSIDE } from './container.ts';
import { containersOf, PROGRAMS, unitsIn } from './owned.ts';

/** Returns the registry's own container; undefined if there is none. Reads only. */
export async function registryContainer(
  host: Host,
  dir: string,
): Promise<(Container & { program: Program }) | undefined> {
  for (const program of PROGRAMS)
    for (const { name } of await containersOf(host, dir, program)) {
      const found = await inspect(host, name, program).catch(() => undefined);
      if (found?.mounts.some(({ target }) => target === INSIDE.data)) return { ...found, program };
    }
  return undefined;
}

/** Returns the name of the service that runs the registry without an engine; undefined if there is none. Reads only. */
export async function nativeService(host: Host, dir: string): Promise<string | undefined> {
  const own = host.machine.uid === 0 ? {} : { own: true as const };
  for (const name of await unitsIn(host, dir, '.service', own)) {
    const text = (await host.read(unitPath({ name, ...own })))?.toString() ?? '';
    if (/^ExecStart=.* serve /m.test(text)) return name;
  }
  return undefined;
}

/** Returns the registry's configuration as it is; undefined if there is none that can be read. */
export async function presentConfig(host: Host, dir: string): Promise<Config | undefined> {
  try {
    const text = (await host.read(join(dir, 'config/config.yml')))?.toString();
    return text === undefined
      ? undefined
      : ((readYaml(text, 'config.yml') ?? undefined) as Config | undefined);
  } catch {
    return undefined;
  }
}

/** The part of the configuration that is asked for. (distribution: docs/content/about/configuration.md) */
export interface Config {
  storage?: { filesystem?: { rootdirectory?: unknown }; delete?: { enabled?: unknown } };
  http?: { addr?: unknown; host?: unknown; tls?: unknown };
  auth?: { htpasswd?: { realm?: unknown }; token?: { service?: unknown; realm?: unknown; issuer?: unknown } };
}

/** Returns the directory that the registry keeps its images in, from what runs, not from settings.yml; undefined if nothing tells. */
export async function servedStorage(host: Host, dir: string): Promise<string | undefined> {
  const container = await registryContainer(host, dir);
  const mount = container?.mounts.find(({ target }) => target === INSIDE.data);
  if (mount) return mount.source;
  const place = (await presentConfig(host, dir))?.storage?.filesystem?.rootdirectory;
  return typeof place === 'string' && place.startsWith('/') && place !== INSIDE.data ? place : undefined;
}

/**
 * Returns the directory with the registry's images: that of what runs, else the first with images among the one that is expected and those
 * of the record, else undefined. Reads only.
 * @param expected directories to look at first, such as that of settings.yml, which may have been edited
 */
export async function findImages(
  host: Host,
  dir: string,
  expected: (string | undefined)[],
): Promise<string | undefined> {
  const served = await servedStorage(host, dir);
  const made = [...(await readOldest(host, dir)).values()].map(({ key }) =>
    key.kind === 'dir' ? key.id : undefined,
  );
  for (const place of [served, ...expected, ...made])
    if (place !== undefined && (await host.stat(join(place, 'docker/registry/v2/repositories'))))
      return place;
  return undefined;
}
