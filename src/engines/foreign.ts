// A container that somebody else made and that is in the way: how to stop it for good, and where its files are.
import type { Host } from '../host/host.ts';
import { systemctl, systemctlLine } from '../host/systemd.ts';
import type { Program } from '../settings/settings.ts';
import { shellLine } from '../terminal/shell.ts';
import { ANSWERS_WITHIN } from './types.ts';

/** Where the images of a registry are inside its container. (hub.docker.com/_/registry) */
const IMAGES = '/var/lib/registry';

export interface Foreign {
  /** A unit of systemd starts it: under a new name it would come back with the old one. */
  unit: boolean;
  /** The command that stops it and keeps it stopped, ready to paste. */
  stop: string;
  /** Where its files are, as one sentence. */
  files: string;
}

interface Mount {
  Type?: string;
  Name?: string;
  Source?: string;
  Destination?: string;
}

/**
 * Returns how to stop a container so that neither its engine nor systemd starts it again, and where its files are.
 * A restart policy of `always` starts a stopped container with the engine. (docs.docker.com/engine/containers/start-containers-automatically)
 * @returns undefined if the engine does not say
 */
export async function foreign(host: Host, name: string, program: Program): Promise<Foreign | undefined> {
  const limit = { timeout: ANSWERS_WITHIN };
  const { code, stdout } = await host.run(program, ['container', 'inspect', name], limit);
  if (code !== 0) return undefined;
  // biome-ignore lint/suspicious/noExplicitAny: the engine's own document
  const [c] = JSON.parse(stdout) as any[];
  const mounts = (c.Mounts ?? []) as Mount[];
  const unit = c.Config?.Labels?.PODMAN_SYSTEMD_UNIT as string | undefined;
  const policy = String(c.HostConfig?.RestartPolicy?.Name ?? '');
  return {
    unit: unit !== undefined,
    stop: unit ? await stopUnit(host, unit) : await stopContainer(host, name, program, { policy, mounts }),
    files: filesOf(name, mounts, program),
  };
}

async function stopContainer(
  host: Host,
  name: string,
  program: Program,
  { policy, mounts }: { policy: string; mounts: Mount[] },
): Promise<string> {
  const stop = shellLine(program, ['stop', name]);
  if (program === 'docker') return `${shellLine('docker', ['update', '--restart=no', name])} && ${stop}`;
  // With podman, only podman-restart.service starts it again, and only `always` (podman-restart.service(1)).
  if (policy !== 'always') return stop;
  if (await updatesRestart(host))
    return `${shellLine('podman', ['update', '--restart=no', name])} && ${stop}`;
  // Volumes stay without -v; what is in the container itself goes.
  if (mounts.length > 0) return `${stop} && ${shellLine('podman', ['rm', name])}`;
  const scope = { own: host.machine.uid !== 0 };
  return `${stop} && ${systemctlLine(scope, 'disable', 'podman-restart.service').join(' ')}`;
}

/** Tells whether this podman can change the restart policy of a container: since 5.1. */
async function updatesRestart(host: Host): Promise<boolean> {
  const { stdout } = await host.run('podman', ['update', '--help'], { timeout: ANSWERS_WITHIN });
  return /^\s*--restart\b/m.test(stdout);
}

/** Returns the command for a container that a unit starts. A unit that was generated (Quadlet) cannot be disabled, only masked. */
async function stopUnit(host: Host, unit: string): Promise<string> {
  const scope = { own: host.machine.uid !== 0 };
  const { stdout } = await systemctl(host, scope, 'is-enabled', unit);
  const verb = stdout.trim() === 'generated' ? 'mask' : 'disable';
  return systemctlLine(scope, verb, '--now', unit).join(' ');
}

function filesOf(name: string, mounts: Mount[], program: Program): string {
  const place = ({ Type, Name, Source = '' }: Mount) =>
    Type === 'volume' && Name ? `${Source} (${program} volume ${Name.slice(0, 12)})` : Source;
  const images = mounts.find(({ Destination }) => Destination === IMAGES);
  if (images) return `Its images are in ${place(images)}.`;
  const all = mounts.filter(({ Source }) => Source).map(place);
  if (all.length > 0) return `Its files are in ${all.join(', ')}.`;
  return `It has no volume: everything in it is removed by "${program} rm ${name}".`;
}
