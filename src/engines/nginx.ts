// nginx in a container: made to read its files again, and asked whether requests from before are still under way.
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Program } from '../settings/settings.ts';
import { visibleLines } from '../terminal/visible.ts';
import { inspect } from './containers.ts';
import { ANSWERS_WITHIN } from './types.ts';

export interface NginxContainer {
  name: string;
  /** The path of the configuration inside. */
  config: string;
  engine?: Program | undefined;
}

/** Milliseconds that nginx may take until its former workers accept nobody any more. */
const WORKERS_WITHIN = 10_000;

/** A process that nginx has started. */
interface Worker {
  pid: string;
  /** It has former files, and answers what it has begun. */
  leaving: boolean;
}

/** Returns the workers of nginx, by the id of its first process; none if the machine does not list them. (proc_pid_task(5)) */
async function workers(host: Host, pid: number): Promise<Worker[]> {
  const read = async (path: string) => (await host.read(path).catch(() => undefined))?.toString() ?? '';
  const ids = (await read(`/proc/${pid}/task/${pid}/children`))
    .split(' ')
    .filter((word) => /^\d+$/.test(word));
  const titles = await Promise.all(ids.map((id) => read(`/proc/${id}/cmdline`)));
  return ids.map((id, i) => ({ pid: id, leaving: /shutting down/.test(titles[i] ?? '') }));
}

/**
 * Returns the words that make nginx read its files again, after the name of the engine. A signal through the engine would do it, too,
 * and Docker would take the container for stopped by hand: it would stay off after the next start of the machine (moby, daemon/kill.go).
 */
export const reloadWords = ({ name, config }: Omit<NginxContainer, 'engine'>): string[] => [
  ...['exec', name],
  ...['nginx', '-c', config, '-s', 'reload'],
];

/**
 * Makes nginx read its files again: workers with the former ones end when their last request has ended. (nginx: Controlling nginx)
 * @throws CliError with the words of nginx if it refuses the files; it keeps running with the former ones
 */
export async function reloadNginx(
  host: Host,
  { name, config, engine: program = 'docker' }: NginxContainer,
): Promise<void> {
  const { pid = 0 } = (await inspect(host, name, program, undefined)) ?? {};
  const before = (await workers(host, pid)).map((worker) => worker.pid);
  const said = await host.run(program, reloadWords({ name, config }), { timeout: ANSWERS_WITHIN });
  if (said.code !== 0)
    throw new CliError('nginx does not take its configuration.', {
      why: visibleLines(`${said.stdout}${said.stderr}`.trim()),
    });
  const began = performance.now();
  while (before.length > 0 && performance.now() - began < WORKERS_WITHIN) {
    const now = await workers(host, pid);
    const accepting = now.filter(({ leaving }) => !leaving);
    if (accepting.length > 0 && accepting.every((worker) => !before.includes(worker.pid))) return;
    await sleep(20);
  }
}

/** Tells whether nginx still answers requests that began before its last reload. */
export async function hasFormerRequests(
  host: Host,
  { name, engine: program }: Omit<NginxContainer, 'config'>,
): Promise<boolean> {
  const { pid = 0 } = (await inspect(host, name, program, undefined)) ?? {};
  return (await workers(host, pid)).some(({ leaving }) => leaving);
}
