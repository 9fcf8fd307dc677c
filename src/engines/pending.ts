// An engine that is not running yet: what it will be once it is installed or started.
import type { Host } from '../host/host.ts';
import type { Program } from '../settings/settings.ts';
import type { EnginePackage } from './packages.ts';
import type { EngineInfo } from './types.ts';

/** What a fresh engine says, with nothing in its configuration. */
const fresh = (kind: Program, version: string): EngineInfo => ({
  kind,
  version,
  logDriver: kind === 'docker' ? 'json-file' : 'journald',
  userns: false,
  rootless: false,
});

/** The engine that a package brings. podman has no process that would have to run. */
export const fromPackage = (install: EnginePackage): EngineInfo => ({
  ...fresh(install.program, install.version),
  install,
  ...(install.program === 'docker' && { start: { boot: true } }),
});

/** The Docker that is here and does not run. */
export const startedDocker = (boot: boolean): EngineInfo => ({ ...fresh('docker', ''), start: { boot } });

/** Whether it has to be installed or started before anything can be asked of it. */
export const isPending = ({ install, start }: EngineInfo): boolean =>
  install !== undefined || start !== undefined;

/** A machine on which that engine has nothing in it yet: what is in one that is stopped is not known before it runs. */
export const withoutEngine = (host: Host, program: Program): Host => ({
  ...host,
  run: async (command, args, options) =>
    command === program
      ? { code: 127, stdout: '', stderr: `${command}: not yet` }
      : host.run(command, args, options),
});

/** The machine as it can be asked now: without its engine while that is pending. */
export const askableHost = (host: Host, engine: EngineInfo): Host =>
  isPending(engine) && engine.kind !== 'native' ? withoutEngine(host, engine.kind) : host;
