// Containers of Docker and podman, whose command lines take the same words.
import { CliError } from '../errors.ts';
import type { Host, RunOptions } from '../host/host.ts';
import { bracketed } from '../host/names.ts';
import type { Program } from '../settings/settings.ts';
import { ANSWERS_WITHIN, type Service, TITLE } from './types.ts';

export const OWNER_LABEL = 'registry-setup.dir';
const DIGEST_LABEL = 'registry-setup.digest';

export interface Container {
  id: string;
  name: string;
  running: boolean;
  /** It has ended, and its engine starts it again and again. */
  restarting: boolean;
  /** How often its engine has started it again, since a user did. */
  restarts: number;
  /** When it was started last; milliseconds since 1970. */
  started: number;
  image: string;
  imageId: string;
  /** The directory of the set-up that it belongs to; '' if no set-up made it. */
  owner: string;
  digest: string;
  created: Date;
  exitCode: number;
  error: string;
  /** The id of its first process; 0 if it does not run. */
  pid: number;
  /** Directories of the machine that it sees, and their names inside. */
  mounts: { source: string; target: string }[];
  /** Ports of the machine that lead to it: `to` is the port inside. */
  publish: { bind: string; port: number; to: number }[];
  /** The names of its environment variables. */
  variables: string[];
  /** The ids of its networks, by their names. */
  networks: Record<string, string>;
}

/** Runs the engine's command line; `timeout` in milliseconds. @throws CliError with what the engine says if it fails */
export async function engine(
  host: Host,
  program: Program,
  args: string[],
  doing: string,
  timeout = 60_000,
): Promise<string> {
  const { code, stdout, stderr } = await host.run(program, args, { timeout });
  if (code === 0) return stdout;
  const fix = program === 'docker' ? HANGS : [];
  if (code === 124)
    throw new CliError(`${TITLE[program]} did not ${doing} within ${timeout / 1000} s.`, { fix });
  throw new CliError(`${TITLE[program]} could not ${doing}.`, { why: stderr.trim() });
}

export const HANGS = [
  'See what it is doing:   journalctl -u docker -n 50',
  'Or restart it:          systemctl restart docker',
];

/** Returns the address for `-p`: none for 0.0.0.0, since the engine then listens on IPv6 as well, if there is any. */
const listenOn = (bind: string) => (bind === '0.0.0.0' ? '' : `${bracketed(bind)}:`);

const networkArguments = ({ name, ip, mac }: NonNullable<Service['network']>): string[] => [
  ...['--network', name, '--ip', ip],
  ...(mac ? ['--mac-address', mac] : []),
];

/** Returns the arguments of `docker run` for a service; --dry-run shows the same ones. */
export function runArguments(service: Service, digest: string): string[] {
  return [
    ['--name', service.name],
    ...(service.trial
      ? [
          ['--restart', 'no'],
          ['--security-opt', 'label=disable'],
        ]
      : [['--restart', 'unless-stopped']]),
    // Allows the service nothing but its job: field-tested with registry 2.8 and 3.1, docker_auth 1.14.
    ['--read-only'],
    ['--cap-drop', 'ALL'],
    ['--security-opt', 'no-new-privileges'],
    // podman has its own limit (containers.conf), and refuses one if cgroups cannot count.
    service.engine === 'podman' ? [] : ['--pids-limit', '512'],
    ...(service.network ? [networkArguments(service.network)] : []),
    ...(service.user ? [['--user', `${service.user.uid}:${service.user.gid}`]] : []),
    ...(service.entrypoint ? [['--entrypoint', service.entrypoint]] : []),
    ...(service.tmpfs ?? []).map((path) => ['--tmpfs', path]),
    ...service.publish.map(({ bind, port, to }) => ['-p', `${listenOn(bind)}${port}:${to}`]),
    ...service.mounts.map(({ source, target, readOnly, label }) => [
      '-v',
      [source, target, [...(readOnly ? ['ro'] : []), ...(label ? [label] : [])].join(',')]
        .filter(Boolean)
        .join(':'),
    ]),
    ...Object.entries(service.env).map(([name, value]) => ['-e', `${name}=${value}`]),
    ['--label', `${OWNER_LABEL}=${service.owner}`],
    ['--label', `${DIGEST_LABEL}=${digest}`],
    service.options,
    [service.image, ...service.command],
  ].flat();
}

/** `no such container` (both), `no container with name or ID` (podman 4). */
const NONE = /no such container|no container with (name or )?id/i;

/**
 * Returns the container of that name or id; undefined if there is none.
 * @param question whether an answer of the last two seconds will do (RunOptions.question); not for who waits for its end
 * @throws CliError if the engine does not say
 */
export async function inspect(
  host: Host,
  nameOrId: string,
  program: Program = 'docker',
  question: RunOptions['question'] = true,
): Promise<Container | undefined> {
  const { code, stdout, stderr } = await host.run(program, ['container', 'inspect', nameOrId], {
    timeout: ANSWERS_WITHIN,
    question,
  });
  if (code !== 0) {
    // An engine that was removed has no containers left.
    if (code === 127 || NONE.test(stderr)) return undefined;
    throw new CliError(`${TITLE[program]} could not look at the container ${nameOrId}.`, {
      why: stderr.trim(),
    });
  }
  // biome-ignore lint/suspicious/noExplicitAny: the engine's own document
  const [c] = JSON.parse(stdout) as any[];
  const labels = (c.Config.Labels ?? {}) as Record<string, string>;
  return {
    id: c.Id,
    name: String(c.Name).replace(/^\//, ''),
    running: c.State.Running === true && c.State.Restarting !== true,
    restarting: c.State.Restarting === true,
    restarts: Number(c.RestartCount ?? 0),
    started: Date.parse(c.State.StartedAt ?? '') || 0,
    image: c.Config.Image,
    imageId: c.Image,
    owner: labels[OWNER_LABEL] ?? '',
    digest: labels[DIGEST_LABEL] ?? '',
    created: new Date(c.Created),
    exitCode: c.State.ExitCode,
    error: c.State.Error,
    pid: c.State.Pid,
    mounts: ((c.Mounts ?? []) as EngineMount[]).map(({ Source, Destination }) => ({
      source: Source,
      target: Destination,
    })),
    networks: Object.fromEntries(
      Object.entries((c.NetworkSettings?.Networks ?? {}) as EngineNetworks).map(
        ([network, { NetworkID }]) => [network, NetworkID],
      ),
    ),
    variables: ((c.Config.Env ?? []) as string[]).map((line) => line.split('=')[0] ?? ''),
    publish: Object.entries((c.HostConfig?.PortBindings ?? {}) as EnginePorts).flatMap(([to, list]) =>
      (list ?? []).map(({ HostIp, HostPort }) => ({
        bind: HostIp || '0.0.0.0',
        port: Number(HostPort),
        to: Number.parseInt(to, 10),
      })),
    ),
  };
}

interface EngineNetworks {
  [name: string]: { NetworkID: string };
}
interface EngineMount {
  Source: string;
  Destination: string;
}
/** By port and protocol inside: `5000/tcp`. */
interface EnginePorts {
  [inside: string]: { HostIp?: string; HostPort: string }[] | null;
}

/** How long to wait for an engine that is only asked what it holds; milliseconds. */
const WITHIN = 3_000;

/**
 * Returns the names of containers, and the directories of the set-ups that made them; none if the engine does not answer. Reads only.
 * @param words which ones: options of `ps`
 */
export async function listContainers(
  host: Host,
  program: Program,
  words: string[],
): Promise<{ owner: string; name: string }[]> {
  const args = ['ps', ...words, '--format', `{{.Label "${OWNER_LABEL}"}}\t{{.Names}}`];
  const { code, stdout } = await host
    .run(program, args, { timeout: WITHIN, question: true })
    .catch(() => ({ code: 1, stdout: '' }));
  if (code !== 0) return [];
  return stdout.split('\n').flatMap((line) => {
    const [owner = '', name = ''] = line.split('\t');
    return name ? [{ owner, name }] : [];
  });
}

/** Returns every container that a set-up made, with the directory of that set-up; none if the engine does not answer. Reads only. */
export const ownedContainers = async (
  host: Host,
  program: Program,
): Promise<{ owner: string; name: string }[]> =>
  (await listContainers(host, program, ['-a', '--filter', `label=${OWNER_LABEL}`])).filter(({ owner }) =>
    owner.startsWith('/'),
  );

export const runContainer = (host: Host, service: Service, digest: string) => {
  const args = ['run', '-d', ...runArguments(service, digest)];
  return engine(host, service.engine ?? 'docker', args, `start the container ${service.name}`);
};
export const createContainer = (host: Host, service: Service, digest: string) => {
  const args = ['create', ...runArguments(service, digest)];
  return engine(host, service.engine ?? 'docker', args, `create the container ${service.name}`);
};
export const startContainer = (host: Host, id: string, program: Program = 'docker') =>
  engine(host, program, ['start', id], `start the container ${id}`);
/** A little more than the registry's own draintimeout (templates/config.yml): open requests end by themselves. */
const STOP_SECONDS = 15;
export const stopContainer = (host: Host, id: string, program: Program = 'docker') =>
  engine(host, program, ['stop', '-t', String(STOP_SECONDS), id], `stop the container ${id}`);
export const renameContainer = (host: Host, id: string, name: string, program: Program = 'docker') =>
  engine(host, program, ['rename', id, name], `rename the container ${id}`);

/** Removes a container, if it exists, with its anonymous volumes. The images are on the host, not in a volume. */
export async function removeContainer(host: Host, id: string, program: Program = 'docker'): Promise<void> {
  const { code, stderr } = await host.run(program, ['rm', '-fv', id]);
  if (code !== 0 && code !== 127 && !NONE.test(stderr))
    throw new CliError(`${TITLE[program]} could not remove the container ${id}.`, { why: stderr.trim() });
}

/** Returns the last lines that a container wrote, after `since` if it is given; undefined if they cannot be read in time. */
export async function logs(
  host: Host,
  name: string,
  {
    lines = 10,
    since,
    timeout,
    question,
    program = 'docker',
  }: {
    lines?: number;
    since?: Date | undefined;
    timeout?: number | undefined;
    question?: RunOptions['question'];
    program?: Program;
  } = {},
): Promise<string[] | undefined> {
  const from = since ? ['--since', since.toISOString()] : [];
  const words = ['logs', '--tail', String(lines), ...from, name];
  const { code, stdout, stderr } = await host.run(program, words, { timeout, question });
  if (code !== 0) return undefined;
  return `${stdout}\n${stderr}`.split('\n').filter((line) => line.trim() !== '');
}
