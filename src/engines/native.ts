// No container engine at all: the registry is a program of this machine, and systemd, or the set-up's script, keeps it running.
import { join } from 'node:path';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { type ServiceManager, serviceManagerOf } from '../host/service-manager.ts';
import { commandLine } from '../terminal/command.ts';
import { visibleLines } from '../terminal/visible.ts';
import { MANAGERS, type Manager, managerOf, type RegistryPackage } from './packages.ts';
import type { EngineInfo } from './types.ts';

export interface NativeInfo extends EngineInfo {
  kind: 'native';
  /** The path of the registry's program; the one of the package while the program is not here. */
  binary: string;
  /** The package that provides the program, if it is not here. */
  package?: { manager: Manager; name: string; service: string };
  /** The program comes, or came, out of an archive of images. */
  fromImage?: true;
  serviceManager: ServiceManager;
}

/** Sources of the registry's program beside this machine and its packages. */
export interface Supply {
  /** The set-up's directory, which holds a program out of an image. */
  dir: string;
  /** There are images in a file; `last`: only for a machine without the program. */
  archive?: 'first' | 'last' | undefined;
}

/** Returns the path of a registry out of an image. */
export const ownProgram = (dir: string): string => join(dir, 'bin/registry');

const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
/** Debian calls the program docker-registry, everybody else registry, a name that other programs have, too. */
const NAMES = ['registry', 'docker-registry'];

/** `docker-registry github.com/docker/distribution 2.8.2+ds1`, `registry github.com/distribution/distribution/v3 v3.1.1` */
const VERSION = /\b(?:docker|distribution)\/distribution\S* v?(\d[\w.+~-]*)/;

/** Returns the version in what a program says of itself; undefined if that is no registry. */
export const programVersion = (text: string): string | undefined => VERSION.exec(text)?.[1];

/** Returns the program on this machine, and its version; undefined if none is a registry. */
async function findBinary(host: Host): Promise<{ binary: string; version: string } | undefined> {
  for (const binary of FOLDERS.flatMap((folder) => NAMES.map((name) => join(folder, name)))) {
    const { version } = await registryVersion(host, binary);
    if (version) return { binary, version };
  }
  return undefined;
}

/** How much of what a program says is shown, in characters. */
const WHY = 500;

/**
 * Returns what a program says of itself: its version, if it exists and is a registry; else what keeps it from running. The program may
 * come out of anybody's image: it runs as nobody, and its words have no control characters.
 */
export async function registryVersion(
  host: Host,
  path: string,
): Promise<{ version?: string | undefined; why?: string }> {
  const there = await host.stat(path);
  if (there?.type !== 'file' || (there.mode & 0o111) === 0) return {};
  const { code, stdout, stderr } = await host.run(path, ['--version'], { stranger: true });
  const why = code === 124 ? 'It does not print its version in time.' : stderr.trim().slice(0, WHY);
  return { version: programVersion(`${stdout}\n${stderr}`), why: visibleLines(why) };
}

/**
 * Returns a program out of an image, else one that is on this machine, else the package of the system.
 * @throws CliError if there is none of them
 */
export async function nativeInfo(host: Host, supply?: Supply): Promise<NativeInfo> {
  const serviceManager = await serviceManagerOf(host);
  const rest = { kind: 'native', logDriver: '', userns: false, rootless: false, serviceManager } as const;
  const own = supply && { ...rest, binary: ownProgram(supply.dir), version: '', fromImage: true as const };
  const { version } = own ? await registryVersion(host, own.binary) : {};
  if (own && (version || supply?.archive === 'first')) return { ...own, version: version ?? '' };
  const [found, manager] = await Promise.all([findBinary(host), managerOf(host)]);
  if (found) return { ...rest, ...found };
  if (own && supply?.archive) return own;
  const bring: RegistryPackage | undefined = manager && MANAGERS[manager].registry;
  if (manager && bring && host.machine.uid === 0) {
    const { name, binary, service } = bring;
    return { ...rest, binary, version: '', package: { manager, name, service } };
  }
  throw new CliError('There is no registry program on this machine.', {
    why: bring ? 'Only root can install the package that provides it.' : undefined,
    fix: [
      ...(bring ? [`As root:                         sudo ${commandLine()}`] : []),
      `From an image, without engine:   ${commandLine('--engine native --image-archive registry.tar')}`,
      'Put the program on the PATH:     github.com/distribution/distribution/releases',
      `Or with a container engine:      ${commandLine('--engine docker')}      (or podman)`,
    ],
  });
}
