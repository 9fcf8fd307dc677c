// An engine that is not there yet, or does not run: it is part of the plan. What it will say of itself is assumed, shown as
// such, and asked again when it is there.
import type { EngineInfo, Program } from './engines/docker.ts';
import { findEngine } from './engines/engine.ts';
import type { EnginePackage } from './engines/packages.ts';
import { CliError } from './errors.ts';
import type { Facts } from './facts.ts';
import type { Host } from './host.ts';
import { listeningPorts } from './listening.ts';
import { findingsError, INSIDE, preflight } from './preflight.ts';
import type { Resource } from './resource.ts';
import type { Settings } from './settings.ts';

/** What a fresh engine says, with nothing in its configuration. */
const fresh = (kind: Program, version: string, bring: Resource[]): EngineInfo => ({
  kind,
  version,
  logDriver: kind === 'docker' ? 'json-file' : 'journald',
  userns: false,
  rootless: false,
  bring,
});

/** The engine that a package brings. */
export function fromPackage({ manager, program, name, version }: EnginePackage): EngineInfo {
  const pack: Resource = { kind: 'package', manager, name, engine: program };
  return fresh(program, version, [
    pack,
    // podman has no process that would have to run.
    ...(program === 'docker' ? [{ kind: 'engine', boot: true } as const] : []),
  ]);
}

/** The Docker that is here and does not run. */
export const startedDocker = (boot: boolean): EngineInfo => fresh('docker', '', [{ kind: 'engine', boot }]);

/** A machine on which that engine has nothing in it yet: what is in one that is stopped is not known before it runs. */
export const withoutEngine = (host: Host, program: Program): Host => ({
  ...host,
  run: async (command, args, options) =>
    command === program
      ? { code: 127, stdout: '', stderr: `${command}: not yet` }
      : host.run(command, args, options),
});

/**
 * The facts of an engine that is there by now.
 * @throws CliError where it does not answer, or holds something that is in the way
 */
export async function brought(
  host: Host,
  settings: Settings,
  facts: Facts,
): Promise<{ facts: Facts; engine: EngineInfo }> {
  const engine = await findEngine(host, settings.engine);
  if (engine instanceof CliError) throw engine;
  const now = { ...facts, engine, listening: await listeningPorts(host) };
  const failed = findingsError(await preflight(settings, now, host, INSIDE));
  if (failed) throw failed;
  return { facts: now, engine };
}
