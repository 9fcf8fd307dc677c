// Tells how this machine reached a registry before, over TLS or by plain HTTP: plain.ts judges a server without TLS by that.
import { join } from 'node:path';
import type { Host } from '../host/host.ts';
import { readOldest } from '../reconcile/journal.ts';
import type { Run } from '../reconcile/run.ts';
import { type Key, textOfKey } from '../resources/key.ts';
import type { Oldest } from '../resources/undo.ts';
import { commandLine } from '../terminal/command.ts';
import { shellLine } from '../terminal/shell.ts';
import { memoryOf, ROOT_MEMORY } from './records.ts';
import type { Look } from './target.ts';
import { folderOf as buildkitFolder } from './targets/buildkit.ts';
import { BASE as CONTAINERD } from './targets/containerd.ts';
import { SYSTEM } from './targets/docker.ts';
import { FOLDER as K3S, FILE as K3S_FILE } from './targets/k3s.ts';
import { SNAP } from './targets/snap.ts';

export type Way = 'tls' | 'http';

export interface Former {
  /** How the last run of this program reached the registry; undefined if no run did, or the run was undone. */
  way: Way | undefined;
  /** Directories and files of this machine that only a registry over TLS needs, whoever made them. */
  places: string[];
  /** Lines for the user that make this machine forget that the registry used TLS; empty if the machine knows of no TLS. */
  forget: string[];
}

type Asking = Pick<Look, 'host' | 'env' | 'person' | 'request'>;

/** The key of a mark among the ways back: the last run reached the registry by plain HTTP. The mark has no undo steps. */
const PLAIN: Key = { kind: 'plain-http', id: '', kept: true };
const hasMark = (oldest: Oldest) => oldest.has(textOfKey(PLAIN));

/**
 * Records, within a run, how the registry is reached now. Counts when the run has succeeded.
 * @throws CliError if the record cannot be written
 */
export async function rememberWay(run: Run, way: Way): Promise<void> {
  if (hasMark(run.oldest) === (way === 'http')) return;
  await run.record(PLAIN, 'plain HTTP', { steps: [] }, way === 'tls');
}

async function lastWay(host: Host, dir: string): Promise<Way | undefined> {
  const oldest = await readOldest(host, dir);
  if (oldest.size === 0) return undefined;
  return hasMark(oldest) ? 'http' : 'tls';
}

/** Returns every directory in which a program could store CAs for the registry, whether the program is here or not. */
function directoriesOf({ env, person, request: { name } }: Asking, buildkit: string): string[] {
  const own = env.XDG_CONFIG_HOME || join(person.home, '.config');
  const folders = [
    '/etc/containers',
    join(own, 'containers'),
    join(own, 'docker'),
    join(person.home, '.docker'),
  ];
  return [
    ...[SYSTEM.certs, SNAP.certs, CONTAINERD, ...folders.map((folder) => join(folder, 'certs.d'))].map(
      (base) => join(base, name),
    ),
    // Docker Desktop on Windows, where a path cannot have a colon.
    join(person.home, '.docker/certs.d', name.replace(':', '')),
    join(K3S, 'registry-setup', name),
    join(buildkit, 'ca'),
  ];
}

/** Tells whether a file of containerd or k3s calls the registry `https://…`. */
const callsItTls = (text: string, name: string): boolean =>
  (text.match(/https:\/\/[^\s"',\]]+/g) ?? []).some((url) => url.replace(/^https:\/\/|\/.*$/g, '') === name);

/** Ignores a directory or a file that this user may not read. */
const silently = () => undefined;

/** Returns the directories that hold a CA, or a client's certificate, for the registry. */
async function foldersOf(asking: Asking): Promise<string[]> {
  const paths = directoriesOf(asking, buildkitFolder(asking));
  const names = await Promise.all(paths.map((path) => asking.host.list(path).catch(silently)));
  return paths.filter((_, i) => names[i]?.some((name) => /\.(crt|cert)$/.test(name)));
}

/** Returns the files of containerd and k3s that use TLS for the registry. */
async function filesOf({ host, request: { name } }: Asking): Promise<string[]> {
  const paths = [join(CONTAINERD, name, 'hosts.toml'), K3S_FILE];
  const texts = await Promise.all(paths.map((path) => host.read(path).catch(silently)));
  return paths.filter((_, i) => callsItTls(texts[i]?.toString() ?? '', name));
}

/**
 * Returns what this machine knows of a registry from before. Reads only.
 * @param base the directory of this user's records
 */
export async function formerOf(asking: Asking, base: string): Promise<Former> {
  const { host, person, request } = asking;
  const asRoot = person.uid === 0;
  const [way, folders, files, ofRoot] = await Promise.all([
    lastWay(host, memoryOf(base, request.name)),
    foldersOf(asking),
    filesOf(asking),
    asRoot ? undefined : host.stat(memoryOf(ROOT_MEMORY, request.name)).catch(silently),
  ]);
  const undo = commandLine(`--client --host ${request.host}:${request.port} --undo`);
  const byHand = [
    ...folders.map((path) => {
      const sudo = asRoot || path.startsWith(`${person.home}/`) ? '' : 'sudo ';
      return sudo + shellLine('rm', ['-r', path]);
    }),
    ...files.map((path) => `remove ${request.name} from ${path}`),
  ];
  const places = [...folders, ...files];
  const forget = way === 'tls' ? [undo] : ofRoot && places.length > 0 ? [`sudo ${undo}`] : byHand;
  return { way, places, forget };
}
