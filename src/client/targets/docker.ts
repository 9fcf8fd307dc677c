// Docker on Linux: certs.d, or insecure-registries in daemon.json. Nothing is restarted unless the user allows it.
import { dirname, join } from 'node:path';
import { adviceFor, type DaemonInfo, daemonInfo, hasEntry } from '../../dockerd/daemon.ts';
import type { Daemon, Directive } from '../../dockerd/types.ts';
import { CliError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { once } from '../../host/once.ts';
import { runAs, type Who } from '../../host/run-as.ts';
import type { Resource } from '../../resources/resource.ts';
import { brokenPairs, directory, trustFiles } from '../certs-dir.ts';
import { activeConflicts, moveFlags } from '../conflicts.ts';
import type { Found } from '../discover.ts';
import { proxyWarnings } from '../proxy.ts';
import { listIn } from '../records.ts';
import type { Finder, LoginPlace, Look, Pull, Trust } from '../target.ts';
import { inStore, storeResources } from './system.ts';

export const SYSTEM: Daemon = {
  config: '/etc/docker/daemon.json',
  certs: '/etc/docker/certs.d',
  unit: 'docker',
  uid: 0,
};

/** Returns what a running dockerd says; `absent` if it does not run, `forbidden` if this user may not ask it. */
export async function askDaemon(
  host: Host,
  daemon: { socket?: string },
): Promise<DaemonInfo | 'absent' | 'forbidden'> {
  const info = await daemonInfo(host, daemon).catch((error) => {
    if (error instanceof CliError && error.code === 'forbidden') return 'forbidden' as const;
    throw error;
  });
  return info ?? 'absent';
}

/** Asks the dockerd that the command line reaches by itself, once for all callers. */
export const askDefault = ({ host, has }: Look): ReturnType<typeof askDaemon> =>
  once(host, 'docker info', async () => ((await has('docker')) ? askDaemon(host, {}) : 'absent'));

/** Returns the resources for the trust of any dockerd. @throws CliError as moveFlags does */
export async function dockerResources(
  look: Look,
  daemon: Daemon,
  trust: Trust,
  info: DaemonInfo | undefined,
): Promise<Resource[]> {
  const { host, request, made } = look;
  const { name, mirror } = request;
  const entryOf = (directive: Directive, entry: string, present: boolean): Resource => ({
    kind: 'daemonJson',
    daemon,
    directive,
    entry,
    present,
    ...(made.has(daemon.config) && { made: true }),
    ...(made.has(listIn(daemon.config, directive)) && { madeKey: true }),
  });
  const listed = async (directive: Directive, entry: string): Promise<Resource[]> => [
    directory(dirname(daemon.config), made),
    ...((await moveFlags(look, daemon, directive, entry)) ?? [entryOf(directive, entry, true)]),
  ];
  const url = `${trust.kind === 'http' ? 'http' : 'https'}://${name}`;
  const mirrors = mirror ? await listed('registry-mirrors', url) : [];
  if (trust.kind === 'http') return [...(await listed('insecure-registries', name)), ...mirrors];

  const files =
    trust.kind === 'roots' ? trustFiles(daemon.certs, request.folder ?? name, trust.roots, made) : [];
  // While the registry is listed there, dockerd does not read certs.d, and accepts any certificate.
  const insecure = info ? hasEntry(info, 'insecure-registries', name) : true;
  const flags = insecure ? await activeConflicts(host, daemon, 'insecure-registries') : [];
  const unlisted = insecure && flags.length === 0 ? [entryOf('insecure-registries', name, false)] : [];
  return [...files, ...unlisted, ...mirrors];
}

/** Pulls an image. An existing one must arrive; of another the registry itself must say that it does not exist. @throws CliError if not */
export async function pullWith(
  host: Host,
  command: string,
  { image, name, exists }: Pull,
  who: Who = {},
): Promise<void> {
  const run = (...args: string[]) => runAs(host, who, command, args, { timeout: 120_000 });
  const here = exists && (await run('image', 'inspect', image)).code === 0;
  const { code, stderr } = await run('pull', '--quiet', image);
  if (code === 0) {
    if (!here) await run('rmi', image);
    return;
  }
  if (!exists && /manifest unknown|not found|name unknown|denied/i.test(stderr)) return;
  throw new CliError(`${command === 'docker' ? 'Docker' : command} could not pull ${name}.`, {
    why: stderr.trim(),
    fix: adviceFor(stderr),
  });
}

/** Tells whether Docker asks the token server with the system's roots alone: it does so with containerd's image store, until 29.5. */
function isBlind({ containerdStore, version }: DaemonInfo, trust: Trust, { login }: Found): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const old = major < 29 || (major === 29 && minor < 5);
  return containerdStore && old && login.kind === 'token' && trust.kind === 'roots';
}

/** Returns the workaround, the CA in the system's trust store, which needs a restart; without a yes, notes that Docker cannot pull. */
async function forTokens(look: Look, info: DaemonInfo, trust: Trust): Promise<Resource[]> {
  const { host, blocked, mayRestart } = look;
  const why = `Docker ${info.version} with the containerd image store asks the token server without ${SYSTEM.certs}`;
  const resources = await storeResources(host, trust, SYSTEM);
  if (await inStore(host, resources)) return resources;
  const reason = `${why}: the CA has to go into the system trust store.`;
  if (await mayRestart(SYSTEM, reason)) return resources;
  blocked.set(
    'docker',
    `${why}.\n    Login works, push and pull do not, until Docker is 29.5 or newer, or --restart-docker lets the CA\n    go into the system trust store.`,
  );
  return [];
}

export const docker: Finder = async (look) => {
  const { host, env, has, request, person } = look;
  // A dockerd elsewhere reads no file of this machine.
  if (env.DOCKER_HOST && !env.DOCKER_HOST.startsWith('unix://')) return undefined;
  const [said, installed] = await Promise.all([askDefault(look), has('dockerd')]);
  const info = typeof said === 'string' ? undefined : said;
  const other =
    info && (info.rootless || info.system === 'Docker Desktop' || info.root.startsWith('/var/snap'));
  if (other || (!info && !installed)) return undefined;
  const certs = join(SYSTEM.certs, request.name);
  const forbidden = `This user may not talk to Docker:   sudo usermod -aG docker ${env.USER ?? '$USER'}      (then log in to this machine again)`;
  return {
    name: 'docker',
    label: info ? `Docker ${info.version}` : 'Docker',
    note: info
      ? 'no restart'
      : said === 'absent'
        ? 'not running: takes effect when it starts'
        : 'not for this user',
    certs,
    owns: ['/etc/docker/'],
    resources: async (trust, found) => [
      ...(await dockerResources(look, SYSTEM, trust, info)),
      ...(info && isBlind(info, trust, found) ? await forTokens(look, info, trust) : []),
    ],
    reads: [dockerLogin(look).file],
    ...(info && { login: dockerLogin(look), prove: (pull) => pullWith(host, 'docker', pull, person) }),
    after: said === 'forbidden' ? [forbidden] : [],
    warnings: [...(await brokenPairs(host, certs)), ...(info ? proxyWarnings(info.proxy, request) : [])],
  };
};

/** Returns the file of Docker's logins of the user who runs this program; podman and nerdctl send them as well. */
export const ownDockerLogins = (env: NodeJS.ProcessEnv): string =>
  join(env.DOCKER_CONFIG || join(env.HOME || '/root', '.docker'), 'config.json');

/** Returns where the command line of Docker stores its logins. */
export function dockerLogin({ env, person }: Look, socket?: string): LoginPlace {
  const folder = (!person.as && env.DOCKER_CONFIG) || join(person.home, '.docker');
  return {
    tool: 'docker',
    file: join(folder, 'config.json'),
    ...(person.as && { as: person.as }),
    ...(socket && { socket }),
  };
}
