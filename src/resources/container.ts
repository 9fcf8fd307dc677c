// A container of the set-up: running, from the local image, with the digest of everything that it was started with.
import {
  type Container,
  createContainer,
  inspect,
  removeContainer,
  renameContainer,
  runArguments,
  runContainer,
  startContainer,
  stopContainer,
} from '../engines/containers.ts';
import * as images from '../engines/images/store.ts';
import { inspectNetwork } from '../engines/networks.ts';
import type { Service } from '../engines/types.ts';
import { CliError } from '../errors.ts';
import { holdConnections, untilListening } from '../host/hold-connections.ts';
import type { Host } from '../host/host.ts';
import type { Program } from '../settings/settings.ts';
import { commandLine } from '../terminal/command.ts';
import { shellLine } from '../terminal/shell.ts';
import { type Provider, serviceLines, type WayBack } from './provider.ts';

export interface ContainerResource {
  kind: 'container';
  service: Service;
  digest: string;
}

/** The engine of a container; Docker by default. */
type By = { engine?: Program };
/** `owner`: a container of this name with another owner is never touched. */
type ContainerStep = {
  do: 'container';
  name: string;
  owner: string;
  former?: { id: string; running: boolean };
} & By;
type StartStep = { do: 'start'; id: string } & By;
type DiscardStep = { do: 'discard'; id: string; unless?: string } & By;
type Steps = ContainerStep | StartStep | DiscardStep;

/** Returns the container of this name if it has this owner. */
async function ownContainer({ name, owner, engine }: ContainerStep, host: Host) {
  const there = await inspect(host, name, engine);
  return there?.owner === owner ? there : undefined;
}

const gone = (name: string) => new Error(`the former container ${name} is gone`);

/** Gives the former container its name back and removes its replacement. Uses ids, so that no other container is hit. */
async function putContainerBack({ name, owner, former, engine }: ContainerStep, host: Host) {
  const there = await inspect(host, name, engine);
  const before = former && (await inspect(host, former.id, engine));
  // Without it, what is there may be older still: put back already by a roll-back that was cut off.
  if (former && !before && there?.owner === owner) throw gone(name);
  if (there?.owner === owner && there.id !== former?.id) await removeContainer(host, there.id, engine);
  if (!former) return;
  if (there && there.owner !== owner) throw new Error('another container has taken its name');
  if (!before) throw gone(name);
  if (before.name !== name) await renameContainer(host, former.id, name, engine);
  if (before.running && !former.running) await stopContainer(host, former.id, engine);
}

/** Returns the container of that name. @throws CliError if this set-up did not make it */
async function ours(service: Service, host: Host) {
  const there = await inspect(host, service.name, service.engine);
  if (there && there.owner !== service.owner)
    throw notOurs(service.name, there, service.name, service.engine);
  return there;
}

/**
 * Returns the error for a container that has the name and that this set-up did not make.
 * @param base the `--name` from which this set-up derives `name`
 */
export function notOurs(name: string, there: Container, base = name, engine: Program = 'docker'): CliError {
  const fix = there.owner
    ? [
        `Change that one:       ${commandLine(shellLine('--dir', [there.owner]))}`,
        `Use another name:      ${commandLine(`--name ${base}-2`)}`,
      ]
    : [
        `Use another name:      ${commandLine(`--name ${base}-2`)}`,
        `Or rename that one:    ${engine} rename ${name} ${name}-old`,
      ];
  const whose = there.owner ? `belongs to the registry in ${there.owner}` : 'was not made by registry-setup';
  return new CliError(`The container "${name}" (${there.image}) ${whose}.`, { fix, exitCode: 2 });
}

/** Returns what must happen to the container, and why; undefined if nothing. @throws CliError as `ours` does */
async function difference({ service, digest }: ContainerResource, host: Host) {
  const [there, image] = await Promise.all([
    ours(service, host),
    images.imageId(host, service.image, service.engine),
  ]);
  if (!there) return { there, what: 'create', why: [] } as const;
  if (there.digest !== digest)
    return { there, what: 'change', why: ['its settings or files changed'] } as const;
  if (image && there.imageId !== image)
    return { there, what: 'change', why: [`a newer ${service.image} is here`] } as const;
  if (!there.running && (await hasLostNetwork(there, service, host)))
    return { there, what: 'change', why: ['its network was removed or replaced'] } as const;
  if (!there.running) return { there, what: 'start', why: ['it is not running'] } as const;
  return undefined;
}

/** Tells whether its network is gone, and perhaps another one has its name: the engine cannot start it again. */
async function hasLostNetwork({ networks }: Container, { network, engine }: Service, host: Host) {
  const id = network && networks[network.name];
  return id ? (await inspectNetwork(host, network.name, engine))?.id !== id : false;
}

export const container: Provider<ContainerResource, Steps> = {
  title: ({ service }) => `container ${service.name}`,
  id: ({ service }) => service.name,
  engine: ({ service }) => service.engine,
  removed: (name) => `container ${name}`,
  review: serviceLines,

  async check(resource, host) {
    const found = await difference(resource, host);
    if (!found) return undefined;
    const { service, digest } = resource;
    const args =
      found.what === 'start' ? ['start', service.name] : ['run', '-d', ...runArguments(service, digest)];
    return { what: found.what, details: [...found.why, shellLine(service.engine ?? 'docker', args)] };
  },

  async undo({ service }, host) {
    const { name, owner, engine } = service;
    const by = engine && { engine };
    const there = await ours(service, host);
    if (!there) return { steps: [{ do: 'container', name, owner, ...by }] };
    const { id, running } = there;
    return {
      steps: [{ do: 'container', name, owner, former: { id, running }, ...by }],
      last: running ? [{ do: 'start', id, ...by }] : [],
      cleanup: [{ do: 'discard', id, unless: name, ...by }],
    };
  },

  async apply(resource, host) {
    const found = await difference(resource, host);
    if (!found) return;
    const { service, digest } = resource;
    if (found.what === 'create') return void (await runContainer(host, service, digest));
    if (found.what === 'start') return void (await startContainer(host, found.there.id, service.engine));
    // Keeps the former container, stopped, until the run has succeeded. Creates the new one while the former still answers:
    // the downtime is one stop and one start, and new connections wait meanwhile.
    const { id, running } = found.there;
    const { name, engine, publish, behind } = service;
    const doors = behind ? [...publish, behind] : publish;
    await renameContainer(host, id, setAsideName(name, id), engine);
    await createContainer(host, service, digest);
    if (!running) return void (await startContainer(host, name, engine));
    await holdConnections(host, doors, async () => {
      await stopContainer(host, id, engine);
      await startContainer(host, name, engine);
      const { pid = 0 } = (await inspect(host, name, engine)) ?? {};
      for (const { to } of doors) await untilListening(host, to, pid);
    });
  },

  steps: {
    container: {
      perform: putContainerBack,
      isLeft: async (step, host) => (await ownContainer(step, host)) !== undefined,
      async inverse(step, host): Promise<WayBack<Steps>> {
        const there = await ownContainer(step, host);
        if (!there) return { steps: [] };
        const { id, name, owner, running } = there;
        const by = step.engine && { engine: step.engine };
        return {
          steps: [{ do: 'container', name, owner, former: { id, running }, ...by }],
          last: running ? [{ do: 'start', id, ...by }] : [],
          cleanup: [{ do: 'discard', id, ...by }],
        };
      },
      async performReversibly(step, host) {
        if (step.former) return putContainerBack(step, host);
        const there = await ownContainer(step, host);
        if (!there) return;
        // First: on a full disk the engine refuses it, and could not start again what it has stopped.
        await renameContainer(host, there.id, setAsideName(step.name, there.id), step.engine);
        if (there.running) await stopContainer(host, there.id, step.engine);
      },
      words: ({ name, engine = 'docker' }) => `${engine} rm -fv ${name}`,
      // The label shows that the set-up made the container: before the first set-up there was none.
      asOldest({ former: _, ...none }) {
        return none;
      },
    },
    start: {
      async perform({ id, engine }, host) {
        if (!(await inspect(host, id, engine))?.running) await startContainer(host, id, engine);
      },
      isLeft: async () => true,
      inverse: async () => ({ steps: [] }),
      words: ({ id, engine = 'docker' }) => `${engine} start ${id.slice(0, 12)}`,
    },
    discard: {
      async perform({ id, unless, engine }, host) {
        const kept = unless === undefined ? undefined : await inspect(host, unless, engine);
        if (kept?.id !== id) await removeContainer(host, id, engine);
      },
      isLeft: async () => true,
      inverse: async () => ({ steps: [] }),
      words: ({ id, engine = 'docker' }) => `${engine} rm -fv ${id.slice(0, 12)}`,
    },
  },
};

/** Returns the name of a container until the run that replaces it is over. */
const setAsideName = (name: string, id: string): string => `${name}-before-${id.slice(0, 8)}`;
