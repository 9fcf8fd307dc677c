// An engine that is not running yet: what it will be once it is installed or started.
import type { Host } from '../host/host.ts';
import type { Program } from '../settings/settings.ts';
import type { EnginePackage } from './packages.ts';
import type { EngineInfo } from './types.ts';

/** Returns what a fresh engine says, with nothing in its configuration. */
const fresh = (kind: Program, version: string): EngineInfo => ({
  kind,
  version,
  logDriver: kind === 'docker' ? 'json-file' : 'journald',
  userns: false,
  rootless: false,
});

/** Returns the engine that a package provides. podman has no daemon to start. */
export const fromPackage = (install: EnginePackage): EngineInfo => ({
  ...fresh(install.program, install.version),
  install,
  ...(install.program === 'docker' && { start: { boot: true } }),
});

/** Returns the Docker that is here and does not run; `boot`: from now on it starts at boot. */
export const startedDocker = (boot: boolean): EngineInfo => ({ ...fresh('docker', ''), start: { boot } });

/** Tells whether an engine must be installed or started before it can be asked anything. */
export const isPending = ({ install, start }: EngineInfo): boolean =>
  install !== undefined || start !== undefined;

/** Returns a machine whose engine holds nothing yet: the content of a stopped engine is unknown before it runs. */
export const withoutEngine = (host: Host, program: Program): Host => ({
  ...host,
  run: async (command, args, options) =>
    command === program
      ? { code: 127, stdout: '', stderr: `${command}: not yet` }
      : host.run(command, args, options),
});

/** Returns the machine as it can be asked now: without its engine while that is pending. */
export const askableHost = (host: Host, engine: EngineInfo): Host =>
  isPending(engine) && engine.kind !== 'native' ? withoutEngine(host, engine.kind) : host;
