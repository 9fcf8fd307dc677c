// An engine that is not running yet: what it will be once it is installed or started.
import type { Host } from '../host/host.ts';
import type { Resource } from '../resources/resource.ts';
import type { Program } from '../settings/settings.ts';
import type { EnginePackage } from './packages.ts';
import type { EngineInfo } from './types.ts';

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
