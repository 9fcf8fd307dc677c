// What runs a registry: Docker, podman, the machine itself; `images/` is how an image comes here.
// Asks any engine: which one is here, whether a service of the set-up runs, its last words.
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { scriptFiles, scriptPath, scriptProcess, serviceManagerOf } from '../host/service-manager.ts';
import { systemctl, systemctlLine } from '../host/systemd.ts';
import type { EngineChoice, Settings } from '../settings/settings.ts';
import { shellLine } from '../terminal/shell.ts';
import { inspect, logs } from './containers.ts';
import { dockerState } from './docker.ts';
import { nativeInfo, type Supply } from './native.ts';
import { isPending } from './pending.ts';
import { podmanState } from './podman.ts';
import { type EngineInfo, type EngineState, ready, TITLE } from './types.ts';

/** Never returns `absent`: if the user wants no engine, no other one takes its place. */
const nativeState = (host: Host, supply?: Supply): Promise<EngineState> =>
  nativeInfo(host, supply).then(ready, (error: unknown) => {
    if (error instanceof CliError && error.exitCode !== 130) return { state: 'unusable', error, instead: [] };
    throw error;
  });

/**
 * Returns the engine that the user wants; `auto`: a Docker that answers, else podman, else none at all, which is the smallest change.
 * Reports an engine that is here and does not answer: it may hold the port, and its user expects to find the registry in it.
 */
export async function findEngine(host: Host, choice: EngineChoice, supply?: Supply): Promise<EngineState> {
  if (choice === 'native') return nativeState(host, supply);
  if (choice === 'podman') return podmanState(host);
  const docker = await dockerState(host);
  if (docker.state === 'ready' || choice === 'docker') return docker;
  const podman = await podmanState(host);
  if (podman.state === 'ready') return podman;
  if (docker.state !== 'absent') return docker;
  if (podman.state !== 'absent') return podman;
  const native = await nativeState(host, supply);
  return native.state === 'ready' ? native : docker;
}

/** Tells whether an engine's package is still to be installed; a pending engine that is not new is here, and does not run. */
export const isNew = ({ install }: EngineInfo): boolean => install !== undefined;

/** Returns `Docker 26.1.5`, `podman 5.4.2`; without an engine, the registry itself. */
export function engineText(engine: EngineInfo): string {
  const version = engine.version.split('+')[0] ?? '';
  if (isPending(engine) && engine.kind !== 'native')
    return isNew(engine)
      ? `${`${TITLE[engine.kind]} ${version}`.trim()}, not here yet`
      : 'Docker, not running yet';
  if (engine.kind !== 'native') return `${TITLE[engine.kind]} ${version}`;
  return version ? `no container engine, registry ${version}` : 'no container engine';
}

type Where = Pick<Settings, 'engine' | 'name' | 'dir'>;

/** Tells whether a service of the set-up runs: the registry, or another one by its name. */
export async function isRunning(host: Host, at: Where, name = at.name): Promise<boolean> {
  if (at.engine !== 'native') return (await inspect(host, name, at.engine, undefined))?.running === true;
  const serviceManager = await serviceManagerOf(host);
  if (serviceManager === 'script') return (await scriptProcess(host, scriptPath(at))) !== undefined;
  const scope = { own: serviceManager === 'own systemd' };
  const { code } = await systemctl(host, scope, 'is-active', '--quiet', `${name}.service`);
  return code === 0;
}

/** Returns the command that shows what the registry wrote. */
export async function logCommand(host: Host, at: Where): Promise<string> {
  if (at.engine !== 'native') return shellLine(at.engine, ['logs', at.name]);
  const serviceManager = await serviceManagerOf(host);
  if (serviceManager === 'script') return shellLine('tail', ['-n', '50', scriptFiles(scriptPath(at)).log]);
  return shellLine('journalctl', [...(serviceManager === 'own systemd' ? ['--user'] : []), '-u', at.name]);
}

/** Which lines of a log. */
export interface LogPart {
  /** The service that wrote it; the registry by default. */
  name?: string;
  lines?: number;
  since?: Date | undefined;
  /** Milliseconds; a minute by default. */
  timeout?: number;
  /** What was read a moment ago will do (RunOptions.question). */
  question?: true | undefined;
}

/** Returns the command that stops the registry. */
export async function stopCommand(host: Host, at: Where): Promise<string> {
  if (at.engine !== 'native') return shellLine(at.engine, ['stop', at.name]);
  const serviceManager = await serviceManagerOf(host);
  if (serviceManager === 'script') return `kill $(${shellLine('cat', [scriptFiles(scriptPath(at)).pid])})`;
  return systemctlLine({ own: serviceManager === 'own systemd' }, 'stop', `${at.name}.service`).join(' ');
}

/** Returns the last lines that a service of the set-up wrote; none if they cannot be read. */
export const lastLines = async (host: Host, at: Where, part: LogPart = {}): Promise<string[]> =>
  (await logLines(host, at, part)) ?? [];

/** Returns the last lines that a service of the set-up wrote; undefined if they cannot be read in time. */
export async function logLines(
  host: Host,
  at: Where,
  { name = at.name, lines = 10, since, timeout = 60_000, question }: LogPart,
): Promise<string[] | undefined> {
  if (at.engine !== 'native')
    return logs(host, name, { lines, since, timeout, question, program: at.engine });
  const serviceManager = await serviceManagerOf(host);
  const all =
    serviceManager === 'script'
      ? ((await host.read(scriptFiles(scriptPath(at)).log))?.toString() ?? '')
      : await journal(host, serviceManager === 'own systemd', { name, lines, since, timeout, question });
  return all
    ?.split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-lines);
}

async function journal(
  host: Host,
  own: boolean,
  { name, lines, since, timeout, question }: LogPart,
): Promise<string | undefined> {
  const user = own ? ['--user'] : [];
  const from = since ? ['--since', `@${Math.floor(since.getTime() / 1_000)}`] : [];
  const words = [...user, '-u', `${name}.service`, '-n', String(lines), ...from, '-o', 'cat', '--no-pager'];
  const { code, stdout } = await host.run('journalctl', words, { timeout, question });
  return code === 0 ? stdout : undefined;
}
