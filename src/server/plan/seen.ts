// Finds what is on the machine of the registry in a directory without a record of it: by the labels of containers, the marks in units,
// the known paths of files. For a record that is lost, and for what was renamed by hand.
import { basename, join } from 'node:path';
import { ACCOUNT } from '../../certificates/acme/record.ts';
import type { Host } from '../../host/host.ts';
import type { Key } from '../../resources/key.ts';
import { textOfKey } from '../../resources/key.ts';
import { unitPaths } from '../../resources/timer.ts';
import type { Oldest, UndoStep } from '../../resources/undo.ts';
import { unitPath } from '../../resources/unit.ts';
import type { Program } from '../../settings/settings.ts';
import { loadedPath, networkName } from '../gateway/gateway.ts';
import { containersOf, PROGRAMS, speaksOf, unitsIn } from './owned.ts';

type Entry = Oldest extends Map<string, infer E> ? E : never;

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

async function cronFiles(host: Host, dir: string): Promise<Entry[]> {
  const found: Entry[] = [];
  for (const name of await host.list('/etc/cron.d').catch(() => [])) {
    const path = join('/etc/cron.d', name);
    if (await speaksOf(host, path, dir)) found.push(removal('file', path, { do: 'remove', path }));
  }
  return found;
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
