// How this machine reached a registry before: over TLS, or by plain HTTP. Who answers without TLS now is judged by it.
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
  /** How the last run of this program reached it; undefined: no run did, or it was undone. */
  way: Way | undefined;
  /** Directories and files of this machine that only a registry over TLS needs, whoever made them. */
  places: string[];
  /** What makes this machine forget that the registry used TLS: lines for the user; none where it knows of none. */
  forget: string[];
}

type Asking = Pick<Look, 'host' | 'env' | 'person' | 'wish'>;

/** The name of the mark among the ways back: the last run reached the registry by plain HTTP. The mark has nothing to undo. */
const PLAIN: Key = { kind: 'plain-http', id: '', kept: true };
const hasMark = (oldest: Oldest) => oldest.has(textOfKey(PLAIN));

/**
 * Writes down, within a run, how the registry is reached now. Counts when the run has succeeded.
 * @throws CliError where it cannot be written
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

/** Every directory in which a program of this machine keeps CAs for one registry, whether that program is here or not. */
function directoriesOf({ env, person, wish: { name } }: Asking, buildkit: string): string[] {
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
    // Docker Desktop on Windows, where a path has no colon.
    join(person.home, '.docker/certs.d', name.replace(':', '')),
    join(K3S, 'registry-setup', name),
    join(buildkit, 'ca'),
  ];
}

/** Whether a file of containerd or k3s calls that registry `https://…`. */
const callsItTls = (text: string, name: string): boolean =>
  (text.match(/https:\/\/[^\s"',\]]+/g) ?? []).some((url) => url.replace(/^https:\/\/|\/.*$/g, '') === name);

/** A directory or a file that this user may not read says nothing. */
const silently = () => undefined;

/** Directories that hold a CA, or a client's certificate, for that registry. */
async function foldersOf(asking: Asking): Promise<string[]> {
  const paths = directoriesOf(asking, buildkitFolder(asking));
  const names = await Promise.all(paths.map((path) => asking.host.list(path).catch(silently)));
  return paths.filter((_, i) => names[i]?.some((name) => /\.(crt|cert)$/.test(name)));
}

/** Files of containerd and k3s that tell of TLS for that registry. */
async function filesOf({ host, wish: { name } }: Asking): Promise<string[]> {
  const paths = [join(CONTAINERD, name, 'hosts.toml'), K3S_FILE];
  const texts = await Promise.all(paths.map((path) => host.read(path).catch(silently)));
  return paths.filter((_, i) => callsItTls(texts[i]?.toString() ?? '', name));
}

/**
 * What this machine knows of a registry from before. Reads only.
 * @param base where the memory of this user is
 */
export async function formerOf(asking: Asking, base: string): Promise<Former> {
  const { host, person, wish } = asking;
  const asRoot = person.uid === 0;
  const [way, folders, files, ofRoot] = await Promise.all([
    lastWay(host, memoryOf(base, wish.name)),
    foldersOf(asking),
    filesOf(asking),
    asRoot ? undefined : host.stat(memoryOf(ROOT_MEMORY, wish.name)).catch(silently),
  ]);
  const undo = commandLine(`--client --host ${wish.host}:${wish.port} --undo`);
  const byHand = [
    ...folders.map((path) => {
      const sudo = asRoot || path.startsWith(`${person.home}/`) ? '' : 'sudo ';
      return sudo + shellLine('rm', ['-r', path]);
    }),
    ...files.map((path) => `take ${wish.name} out of ${path}`),
  ];
  const places = [...folders, ...files];
  const forget = way === 'tls' ? [undo] : ofRoot && places.length > 0 ? [`sudo ${undo}`] : byHand;
  return { way, places, forget };
}
