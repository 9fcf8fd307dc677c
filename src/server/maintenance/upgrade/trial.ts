// Starts the new images beside the old ones, on the same images, which they cannot change, and ends them again.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect, logs, removeContainer, runContainer } from '../../../engines/containers.ts';
import type { Service } from '../../../engines/types.ts';
import { CliError } from '../../../errors.ts';
import type { Host } from '../../../host/host.ts';
import { listeningPorts } from '../../../host/ports.ts';
import { paths } from '../../../reconcile/journal.ts';
import type { Run } from '../../../reconcile/run.ts';
import { ask, type Endpoint } from '../../../registry/http.ts';
import type { Resource } from '../../../resources/resource.ts';
import type { UndoStep } from '../../../resources/undo.ts';
import { PORTS_INSIDE, type Settings } from '../../../settings/settings.ts';
import { hasDockerAuth } from '../../../settings/token-server.ts';
import { visibleLines } from '../../../terminal/visible.ts';
import { authName } from '../../auth/docker-auth.ts';
import { trialName } from '../../plan/owned.ts';
import type { PerRole, Role } from './wanted.ts';

/** The services of a trial, and the files that they read in place of those that are in force. */
export interface Trial {
  folder: string;
  folders: string[];
  files: { path: string; content: string; mode: number }[];
  services: { role: Role; service: Service }[];
}

/** What a trial is made from. */
export interface TrialParts {
  /** The ids of the images. */
  images: PerRole<string>;
  ports: Record<Role, number>;
  /** Eight hexadecimal digits. */
  random: string;
}

/**
 * Makes the trial of a plan: the same services under other names, on ports of this machine alone, with the images to read.
 * @param plan of a registry that is read-only
 */
export function trialOf(plan: Resource[], settings: Settings, { images, ports, random }: TrialParts): Trial {
  const { dir, storage } = settings;
  const folder = join(paths(dir).state, `trial-${random}`);
  const token = hasDockerAuth(settings);
  // With htpasswd the same file lets the same people in: it is the one that is in force.
  const own = token ? ['config', 'auth'] : ['config'];
  const moved = (path: string): string => {
    const of = own.find((name) => path === join(dir, name) || path.startsWith(`${join(dir, name)}/`));
    return of === undefined ? path : join(folder, path.slice(dir.length + 1));
  };
  const files = plan.flatMap((resource) =>
    resource.kind === 'file' && moved(resource.path) !== resource.path
      ? [{ path: moved(resource.path), content: resource.content, mode: resource.mode }]
      : [],
  );
  const names: Record<Role, string> = { registry: settings.name, auth: authName(settings) };
  const services = (['registry', 'auth'] as const).flatMap((role) => {
    const found = plan.find(
      (resource) => resource.kind === 'container' && resource.service.name === names[role],
    );
    const image = images[role];
    if (found?.kind !== 'container' || image === undefined) return [];
    // On the engine's own network: its address on that of the gateway is taken.
    const { network: _, behind: __, ...service } = found.service;
    const to = PORTS_INSIDE[role];
    const tried: Service = {
      ...service,
      name: trialName(service.name, random),
      image,
      publish: [{ bind: '127.0.0.1', port: ports[role], to }],
      mounts: service.mounts.map(({ label: _, ...mount }) => ({
        ...mount,
        source: moved(mount.source),
        ...(mount.source === storage && { readOnly: true }),
      })),
      trial: true,
    };
    return [{ role, service: tried }];
  });
  return { folder, folders: [folder, ...own.map((name) => join(folder, name))], files, services };
}

const FIRST_PORT = 21_000;
const PORTS = 8_000;

/** Returns two ports that nobody listens on. @param random a number that another run has not, most likely */
export async function freePorts(host: Host, random: number): Promise<Record<Role, number>> {
  const taken = await listeningPorts(host);
  const free: number[] = [];
  for (let i = 0; free.length < 2 && i < PORTS; i++) {
    const port = FIRST_PORT + ((random + i) % PORTS);
    if (!taken.has(port)) free.push(port);
  }
  const [registry = 0, auth = 0] = free;
  return { registry, auth };
}

/** Starts a trial. The journal has its way back first, so that a run that is killed leaves nothing of it. */
export async function startTrial(trial: Trial, host: Host, run: Run): Promise<void> {
  const { folder, services } = trial;
  const steps: UndoStep[] = services.map(({ service: { name, owner, engine } }) => ({
    do: 'container',
    name,
    owner,
    ...(engine && { engine }),
  }));
  steps.push({ do: 'removeTree', path: folder });
  await run.record({ kind: 'proof', id: folder }, 'the trial of the new image', { steps }, true);
  for (const path of trial.folders) await host.mkdir(path, 0o700);
  for (const { path, content, mode } of trial.files) await host.write(path, content, { mode });
  for (const { service } of services) await runContainer(host, service, 'trial');
}

/** Ends a trial, as its way back does. */
export async function endTrial({ folder, services }: Trial, host: Host): Promise<void> {
  for (const { service } of services) await removeContainer(host, service.name, service.engine);
  await host.removeTree(folder);
}

/** Milliseconds that a new image may take from its start to its first answer. */
const UP_WITHIN = 30_000;

/** Waits for the answer of a service of a trial. @throws CliError with its last words if there is none */
export async function untilTrialUp(
  { service }: Trial['services'][number],
  { at, path }: { at: Endpoint; path: string },
  host: Host,
  signal: AbortSignal,
): Promise<void> {
  const began = performance.now();
  for (let round = 0; ; round++) {
    const reply = await ask(at, 'GET', path, { timeout: 5_000, signal }).catch((error: Error) => error);
    if (!(reply instanceof Error) && reply.status < 500) return;
    signal.throwIfAborted();
    const late = performance.now() - began > UP_WITHIN;
    if (late || round % 10 === 9) {
      const there = await inspect(host, service.name, service.engine, undefined);
      if (late || !there?.running) throw await ended(service, host, reply, late);
    }
    await sleep(100);
  }
}

async function ended(service: Service, host: Host, reply: unknown, late: boolean): Promise<CliError> {
  const said = (await logs(host, service.name, { program: service.engine ?? 'docker' })) ?? [];
  const last = reply instanceof Error ? reply.message : `it answers ${(reply as { status: number }).status}`;
  return new CliError(
    late ? `It does not answer within ${UP_WITHIN / 1_000} s (${last}).` : 'It stops right after its start.',
    { why: said.length > 0 ? `its log:\n${visibleLines(said.join('\n'))}` : undefined },
  );
}
