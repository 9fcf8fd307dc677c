// Finds the targets on this machine: all of them, or those that the user named.
import { delimiter, join } from 'node:path';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { type Finder, type Look, type Person, TARGETS, type Target, type TargetName } from './target.ts';
import { buildkit } from './targets/buildkit.ts';
import { containerd } from './targets/containerd.ts';
import { desktop } from './targets/desktop.ts';
import { docker } from './targets/docker.ts';
import { k3s } from './targets/k3s.ts';
import { podman } from './targets/podman.ts';
import { rootless } from './targets/rootless.ts';
import { snap } from './targets/snap.ts';
import { system } from './targets/system.ts';

/** Finds each target. The trust store of the system stays unchanged unless the user names it. */
const FINDERS: Record<TargetName, Finder> = {
  docker,
  rootless,
  snap,
  desktop,
  podman,
  containerd,
  k3s,
  buildkit,
  system,
};

/** Returns a search for programs, in PATH and in the directories of root's programs. */
export function finderOf(host: Host, env: NodeJS.ProcessEnv): Look['has'] {
  const dirs = new Set(
    [...(env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/sbin'].filter(Boolean),
  );
  const names = process.platform === 'win32' ? ['', '.exe'] : [''];
  return async (program) => {
    const paths = [...dirs].flatMap((dir) => names.map((ending) => join(dir, program + ending)));
    const found = await Promise.all(paths.map((path) => host.stat(path).catch(() => undefined)));
    return found.some((stat) => stat?.type === 'file');
  };
}

/** Returns the user for whom this program runs: with sudo the one who typed it, if that user may use Docker. */
export async function findPerson(host: Host, env: NodeJS.ProcessEnv): Promise<Person> {
  const { uid } = host.machine;
  const own = { uid, home: env.HOME || '/root' };
  const name = env.SUDO_USER;
  if (uid !== 0 || !name || name === 'root') return own;
  const accounts = (await host.read('/etc/passwd'))?.toString().split('\n') ?? [];
  const home = accounts.map((line) => line.split(':')).find(([account]) => account === name)?.[5];
  if (!home) return own;
  const { code } = await host.run('runuser', [
    '-u',
    name,
    '--',
    'docker',
    'version',
    '--format',
    '{{.Server.Version}}',
  ]);
  return code === 0 ? { uid, home, as: name } : own;
}

/** Returns the targets. @throws CliError if there is none, or if one that the user named is missing (exit 2) */
export async function findTargets(look: Look): Promise<Target[]> {
  const wanted = look.request.targets as TargetName[];
  const names = wanted.length > 0 ? wanted : TARGETS.filter((name) => name !== 'system');
  const found = await Promise.all(names.map(async (name) => ({ name, target: await FINDERS[name](look) })));
  const absent = wanted.length > 0 ? found.filter(({ target }) => !target) : [];
  if (absent.length > 0)
    throw new CliError(`There is no ${absent.map(({ name }) => name).join(', ')} on this machine.`, {
      exitCode: 2,
    });
  const targets = found.flatMap(({ target }) => target ?? []);
  if (targets.length > 0) return targets;
  throw new CliError('Nothing on this machine pulls images: neither Docker nor podman is here.', {
    fix: ['apt-get install docker.io      (Debian, Ubuntu)'],
  });
}
