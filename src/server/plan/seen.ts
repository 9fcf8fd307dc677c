// Finds what is on the machine of the registry in a directory without a record of it: by the labels of containers, the marks in units,
// the known paths of files. For a record that is lost, and for what was renamed by hand.
import { basename, join } from 'node:path';
import { ACCOUNT } from '../../certificates/acme/record.ts';
import { type Container, inspect, ownedContainers } from '../../engines/containers.ts';
import type { Host } from '../../host/host.ts';
import { readOldest } from '../../reconcile/journal.ts';
import type { Key } from '../../resources/key.ts';
import { textOfKey } from '../../resources/key.ts';
import { unitPaths } from '../../resources/timer.ts';
import type { Oldest, UndoStep } from '../../resources/undo.ts';
import { MARK, unitPath } from '../../resources/unit.ts';
import type { Program } from '../../settings/settings.ts';
import { readYaml } from '../../templates.ts';
import { loadedPath, networkName } from '../gateway/gateway.ts';
import { INSIDE } from './container.ts';

type Entry = Oldest extends Map<string, infer E> ? E : never;
const PROGRAMS: Program[] = ['docker', 'podman'];

/** The files of a registry in its directory, as the plan makes them. */
const FILES = [
  ...[
    'config/config.yml',
    'config/token.crt',
    'config/token.jwks',
    'certs/site.crt',
    'certs/site.key',
    'certs/ca.crt',
  ],
  ...['ca/ca.crt', 'ca/ca.key', 'ca/cross.crt', 'auth/htpasswd', 'auth/auth_config.yml'],
  ...['auth/token.crt', 'auth/token.key', ACCOUNT, 'settings.yml'],
  ...[
    'nginx.conf',
    'writes.conf',
    'writers.conf',
    'image.json',
    'tls/site.crt',
    'tls/site.key',
    'page/index.html',
  ].map((name) => `gateway/${name}`),
];
const FOLDERS = [
  'config',
  'certs',
  'ca',
  'acme',
  'auth',
  'bin',
  'run',
  'program',
  'gateway',
  'gateway/tls',
  'gateway/page',
];

/** Returns the containers, units and timers of this directory that serve or renew, in the order in which a set-up makes them. */
async function services(host: Host, dir: string): Promise<Entry[]> {
  const own = host.machine.uid === 0 ? {} : { own: true as const };
  const [containers, units, timers] = await Promise.all([
    Promise.all(PROGRAMS.map((program) => containersOf(host, dir, program))),
    unitsIn(host, dir, '.service', own),
    unitsIn(host, dir, '.timer', own),
  ]);
  const service = async (name: string): Promise<Entry> => {
    const off: UndoStep = { do: 'unit', name, on: false, ...own };
    const path = unitPath({ name, ...own });
    const file: UndoStep = { do: 'remove', path };
    // By its text: an older podman does not tell whose its containers are.
    const starts = /^ExecStart=\S*podman start /m.test((await host.read(path))?.toString() ?? '');
    const key: Key = { kind: 'unit', id: name, ...(starts && { engine: 'podman' }) };
    return { key, title: `service ${name}`, undo: { steps: [off, file, off] } };
  };
  const timer = (name: string): Entry => {
    const off: UndoStep = { do: 'timer', name, on: false, ...own };
    const files = Object.values(unitPaths({ name, ...own })).map(
      (path): UndoStep => ({ do: 'remove', path }),
    );
    return {
      key: { kind: 'timer', id: name },
      title: `timer ${name}`,
      undo: { steps: [off, ...files, off] },
    };
  };
  return [
    ...containers.flat().flatMap(({ name, program }) => besideGateway(name, program, dir)),
    ...containers.flat().map(({ name, program }): Entry => {
      const by = program === 'podman' ? { engine: program } : {};
      const key: Key = { kind: 'container', id: name, ...by };
      return {
        key,
        title: `container ${name}`,
        undo: { steps: [{ do: 'container', name, owner: dir, ...by }] },
      };
    }),
    ...(await Promise.all(units.filter((name) => !timers.includes(name)).map(service))),
    ...timers.map(timer),
    ...(await cronFiles(host, dir)),
  ];
}

/** Returns what comes with the container of a gateway: its network, and the mark of what nginx has read. */
function besideGateway(name: string, program: Program, dir: string): Entry[] {
  const base = /^(.+)-gateway$/.exec(name)?.[1];
  if (base === undefined) return [];
  const network = networkName({ name: base });
  const by = program === 'podman' ? { engine: program } : {};
  const path = loadedPath(dir);
  return [
    {
      key: { kind: 'network', id: network, ...by },
      title: `network ${network}`,
      undo: { steps: [{ do: 'network', name: network, owner: dir, ...by }] },
    },
    { key: { kind: 'reload', id: name, ...by }, title: path, undo: { steps: [{ do: 'remove', path }] } },
  ];
}

/** The name of a container that an upgrade tries beside the one that runs: the journal removes it. */
export const trialName = (name: string, random: string): string => `${name}-upgrade-${random}`;
const isTrial = (name: string) => /-upgrade-[0-9a-f]{8}$/.test(name);

async function containersOf(host: Host, dir: string, program: Program) {
  const all = await ownedContainers(host, program);
  return all
    .filter(({ owner, name }) => owner === dir && !isTrial(name))
    .map(({ name }) => ({ name, program }));
}

/** Returns the names of the units with the mark of this program that speak of this directory; of a timer, its service does. */
async function unitsIn(host: Host, dir: string, suffix: '.service' | '.timer', own: { own?: true }) {
  const folder = unitPath({ name: '', ...own }).replace(/\/[^/]*$/, '');
  const files = (await host.list(folder).catch(() => [])).filter((name) => name.endsWith(suffix));
  const names = files.map((name) => basename(name, suffix));
  const ours = await Promise.all(names.map((name) => speaksOf(host, unitPath({ name, ...own }), dir)));
  return names.filter((_, i) => ours[i]);
}

async function cronFiles(host: Host, dir: string): Promise<Entry[]> {
  const found: Entry[] = [];
  for (const name of await host.list('/etc/cron.d').catch(() => [])) {
    const path = join('/etc/cron.d', name);
    if (await speaksOf(host, path, dir)) found.push(removal('file', path, { do: 'remove', path }));
  }
  return found;
}

/** A path as a unit may write it. (systemd.unit(5): `%` is doubled, and in quotes a backslash comes before `"` and itself) */
const spellings = (path: string) => {
  const doubled = path.replaceAll('%', '%%');
  return [path, doubled, doubled.replace(/["\\]/g, '\\$&')];
};

/** Tells whether this program wrote the file, for the registry in that directory: it starts the registry, or renews its certificate. */
async function speaksOf(host: Host, path: string, dir: string): Promise<boolean> {
  const text = (await host.read(path).catch(() => undefined))?.toString() ?? '';
  if (!text.startsWith(`# ${MARK}`)) return false;
  const words = spellings(dir).flatMap((path) => [
    ...[`${path}/config/config.yml`, `${path}/program/`].flatMap((file) => [
      ` ${file}`,
      `"${file}`,
      `'${file}`,
    ]),
    // templates/podman.service
    ` in ${path}: `,
  ]);
  return words.some((word) => text.includes(word));
}

const removal = (kind: string, path: string, ...steps: UndoStep[]): Entry => ({
  key: { kind, id: path },
  title: path,
  undo: { steps },
});

/**
 * Returns the files and directories that a set-up makes, as far as they are there, under the keys that the plan gives them. Directories
 * are removed only if they are empty.
 */
async function filesIn(host: Host, dir: string): Promise<Entry[]> {
  const at = (name: string) => join(dir, name);
  const passwords = removal('file', at('generated-passwords'), {
    do: 'remove',
    path: at('generated-passwords'),
  });
  const copies = (await host.list(at('program'))).map((name) => at(`program/${name}`));
  const all = [
    removal('dir', dir, { do: 'rmdir', path: dir }),
    ...FOLDERS.map((name) => removal('dir', at(name), { do: 'rmdir', path: at(name) })),
    ...FILES.map((name) => removal('file', at(name), { do: 'remove', path: at(name) })),
    removal('binary', at('bin/registry'), { do: 'remove', path: at('bin/registry') }),
    ...copies.map((path) =>
      basename(path) === 'node'
        ? removal('copy', path, { do: 'remove', path })
        : removal('program', path, { do: 'removeTree', path }),
    ),
    // server/password-file.ts
    { ...passwords, key: { ...passwords.key, kept: true as const } },
  ];
  const there = await Promise.all(all.map(({ key }) => host.stat(key.id)));
  return all.filter((_, i) => there[i] !== undefined);
}

/**
 * Returns what is here of the registry in a directory and is not in the record, as the record would have it: what was there before is
 * not known, so the way back is its removal. Reads only.
 * @param oldest the record; with an empty one, files at the known paths count, too, if something serves or both configurations are there
 */
export async function seenHere(host: Host, dir: string, oldest: Oldest): Promise<Oldest> {
  const serving = await services(host, dir);
  const configured = async () => {
    const files = ['settings.yml', 'config/config.yml'].map((name) => host.stat(join(dir, name)));
    return (await Promise.all(files)).every((file) => file?.type === 'file');
  };
  const files =
    oldest.size === 0 && (serving.length > 0 || (await configured())) ? await filesIn(host, dir) : [];
  const entries = [...files, ...serving].map((entry) => [textOfKey(entry.key), entry] as const);
  return new Map(entries.filter(([key]) => !oldest.has(key)));
}

/** Returns `container registry, timer registry-setup-renew`: what runs here of the registry in a directory. Reads only. */
export const servingHere = async (host: Host, dir: string): Promise<string[]> =>
  (await services(host, dir))
    .filter(({ key }) => !['network', 'reload'].includes(key.kind))
    .map(({ title }) => title);

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
