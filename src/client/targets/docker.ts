// Docker on Linux: certs.d, or insecure-registries in daemon.json. Nothing is restarted.
import { dirname, join } from 'node:path';
import { type DaemonInfo, daemonInfo, hasEntry } from '../../engines/dockerd.ts';
import { CliError } from '../../errors.ts';
import type { Host } from '../../host.ts';
import type { Daemon, Directive, Resource } from '../../resource.ts';
import { brokenPairs, directory, trustFiles } from '../certs-dir.ts';
import { activeConflicts, aroundFlags } from '../conflicts.ts';
import { proxyWarnings } from '../proxy.ts';
import type { Finder, Look, Pull, Target } from '../target.ts';
import type { Trust } from '../trust.ts';

export const SYSTEM: Daemon = {
  config: '/etc/docker/daemon.json',
  certs: '/etc/docker/certs.d',
  unit: 'docker',
  uid: 0,
};

const isHere = async (host: Host, program: string) => (await host.run(program, ['--version'])).code === 0;

/** The running one; undefined where it does not run, or is not this user's to ask. */
export async function askDaemon(host: Host, daemon: { socket?: string }): Promise<DaemonInfo | undefined> {
  return daemonInfo(host, daemon).catch((error) => {
    if (error instanceof CliError && /may not talk/.test(error.message)) return undefined;
    throw error;
  });
}

/** What Docker needs, whichever dockerd it is. */
export async function dockerResources(
  look: Look,
  daemon: Daemon,
  trust: Trust,
  info: DaemonInfo | undefined,
): Promise<Resource[]> {
  const { host, wish, made } = look;
  const { name, mirror } = wish;
  const entryOf = (directive: Directive, entry: string, present: boolean): Resource => ({
    kind: 'daemonJson',
    daemon,
    directive,
    entry,
    present,
    ...(made.has(daemon.config) && { made: true }),
  });
  const listed = async (directive: Directive, entry: string): Promise<Resource[]> => [
    directory(dirname(daemon.config), made),
    ...((await aroundFlags(look, daemon, directive, entry)) ?? [entryOf(directive, entry, true)]),
  ];
  const url = `${trust.kind === 'http' ? 'http' : 'https'}://${name}`;
  const mirrors = mirror ? await listed('registry-mirrors', url) : [];
  if (trust.kind === 'http') return [...(await listed('insecure-registries', name)), ...mirrors];

  const files = trust.kind === 'roots' ? trustFiles(daemon.certs, name, trust.roots, made) : [];
  // While it is listed there, certs.d is not read, and any certificate will do.
  const insecure = info ? hasEntry(info, 'insecure-registries', name) : true;
  const flags = insecure ? await activeConflicts(host, daemon, 'insecure-registries') : [];
  const unlisted = insecure && flags.length === 0 ? [entryOf('insecure-registries', name, false)] : [];
  return [...files, ...unlisted, ...mirrors];
}

/** A pull by the daemon: what is there arrives, and what is not there is missed by the registry itself and not on the way to it. */
export async function pullWith(
  host: Host,
  command: string,
  { image, exists }: Pull,
  options: { env?: Record<string, string> } = {},
): Promise<void> {
  const here = exists && (await host.run(command, ['image', 'inspect', image], options)).code === 0;
  const { code, stderr } = await host.run(command, ['pull', '--quiet', image], {
    ...options,
    timeout: 120_000,
  });
  if (code === 0) {
    if (!here) await host.run(command, ['rmi', image], options);
    return;
  }
  if (!exists && /manifest unknown|not found|name unknown|denied/i.test(stderr)) return;
  throw new CliError(`${command === 'docker' ? 'Docker' : command} could not pull ${image}.`, {
    why: stderr.trim(),
  });
}

export const docker: Finder = async (look) => {
  const { host, env, wish } = look;
  if (env.DOCKER_HOST && !env.DOCKER_HOST.startsWith('unix://')) return undefined;
  const [info, installed] = await Promise.all([askDaemon(host, SYSTEM), isHere(host, 'dockerd')]);
  const other =
    info && (info.rootless || info.system === 'Docker Desktop' || info.root.startsWith('/var/snap'));
  if (other || (!info && !installed)) return undefined;
  const certs = join(SYSTEM.certs, wish.name);
  return {
    name: 'docker',
    label: info ? `Docker ${info.version}` : 'Docker',
    note: info ? 'no restart' : 'not running: it counts from its start',
    certs,
    owns: ['/etc/docker/'],
    resources: (trust) => dockerResources(look, SYSTEM, trust, info),
    login: dockerLogin(look),
    ...(info && { prove: (pull: Pull) => pullWith(host, 'docker', pull) }),
    warnings: [...(await brokenPairs(host, certs)), ...(info ? proxyWarnings(info.proxy, wish) : [])],
  };
};

/** Where the command line of Docker keeps its logins. */
export function dockerLogin({ env, person }: Look, socket?: string): NonNullable<Target['login']> {
  const folder = (!person.as && env.DOCKER_CONFIG) || join(person.home, '.docker');
  return {
    tool: 'docker',
    file: join(folder, 'config.json'),
    ...(person.as && { as: person.as }),
    ...(socket && { socket }),
  };
}
