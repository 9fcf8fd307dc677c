// Refuses an engine of another machine: the files of a registry are written here, and its container would run there, over that machine's files.
import { join } from 'node:path';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { sha256 } from '../host/sha256.ts';
import { commandLine } from '../terminal/command.ts';
import { visibleLines } from '../terminal/visible.ts';

/** What leads a command line to another machine, and how to end that. */
interface Lead {
  what: string;
  fix: string;
}

type Env = Record<string, string | undefined>;

const isHere = (address: string) => address.startsWith('unix://');

/**
 * Returns what leads `docker` to another machine; undefined if its socket is one of this machine. Runs nothing, and reads files only if a
 * context is set. DOCKER_HOST counts before DOCKER_CONTEXT, and that before the settings of the user. (docs.docker.com/engine/manage-resources/contexts)
 */
export async function dockerLead(host: Host, env: Env): Promise<Lead | undefined> {
  const { DOCKER_HOST: address, DOCKER_CONTEXT: named } = env;
  if (address)
    return isHere(address) ? undefined : { what: `DOCKER_HOST is ${address}`, fix: 'unset DOCKER_HOST' };
  const folder = env.DOCKER_CONFIG || join(env.HOME || '/root', '.docker');
  const name = named || (await jsonIn(host, join(folder, 'config.json')))?.currentContext;
  if (typeof name !== 'string' || name === '' || name === 'default') return undefined;
  // Docker names the directory of a context by the SHA-256 of its name. (github.com/docker/cli, cli/context/store)
  const sum = sha256(name);
  const meta = await jsonIn(host, join(folder, 'contexts/meta', sum, 'meta.json'));
  const endpoint = meta?.Endpoints?.docker?.Host;
  // Of a context that does not exist Docker itself says so.
  if (meta === undefined || (typeof endpoint === 'string' && isHere(endpoint))) return undefined;
  return {
    what: `its context "${name}" is ${endpoint ?? 'none of this machine'}`,
    fix: named ? 'unset DOCKER_CONTEXT' : 'docker context use default',
  };
}

/** Does what dockerLead does for podman. A connection has its address in files of podman; none is needed on the machine itself. (podman(1)) */
export function podmanLead({ CONTAINER_HOST: address, CONTAINER_CONNECTION: name }: Env): Lead | undefined {
  if (address)
    return isHere(address)
      ? undefined
      : { what: `CONTAINER_HOST is ${address}`, fix: 'unset CONTAINER_HOST' };
  return name ? { what: `CONTAINER_CONNECTION is ${name}`, fix: 'unset CONTAINER_CONNECTION' } : undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: Docker's own documents
async function jsonIn(host: Host, path: string): Promise<any> {
  try {
    return JSON.parse((await host.read(path))?.toString() ?? '') ?? undefined;
  } catch {
    return undefined;
  }
}

/**
 * Returns the host with engines of this machine alone.
 * @returns a host whose `run` throws a CliError (exit 2) for `docker` and `podman` if they lead to another machine
 */
export function hereAlone(host: Host, env: Env): Host {
  let docker: Promise<Lead | undefined> | undefined;
  const leadOf = (command: string) => {
    if (command === 'podman') return podmanLead(env);
    if (command !== 'docker') return undefined;
    docker ??= dockerLead(host, env);
    return docker;
  };
  return {
    ...host,
    async run(command, args, options) {
      const lead = await leadOf(command);
      if (lead) throw elsewhere(command, lead);
      return host.run(command, args, options);
    },
  };
}

const elsewhere = (command: string, { what, fix }: Lead) =>
  new CliError(
    `${command === 'docker' ? 'Docker' : 'podman'} leads to another machine: ${visibleLines(what)}.`,
    {
      why: 'A registry is set up on the machine that it runs on: its files are written there.',
      fix: [`For a registry here:      ${fix}`, `For one there:            run ${commandLine()} there`],
      exitCode: 2,
    },
  );
