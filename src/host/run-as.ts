// Under sudo, runs a user's program as that user: the user cannot use a login of root, and root does not see the user's.
import type { Host, RunOptions, RunResult } from './host.ts';

export interface Who {
  /** An account; undefined: the one that runs this program. */
  as?: string | undefined;
  /** DOCKER_HOST for the docker command: the socket of its engine. */
  socket?: string | undefined;
}

/** Runs a command as the account `as`, with runuser(1). Returns and throws what Host.run does. */
export function runAs(
  host: Host,
  { as, socket }: Who,
  command: string,
  args: string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const all = socket ? { ...options, env: { ...options.env, DOCKER_HOST: socket } } : options;
  return as ? host.run('runuser', ['-u', as, '--', command, ...args], all) : host.run(command, args, all);
}

/** What setpriv(1) of util-linux can do, and that of busybox cannot. */
const DIES_WITH_US = ['--pdeathsig', 'KILL'];

/**
 * Runs a command that ends with this program, even if that is killed: runuser would leave it behind. The signal is set after the change
 * of the account, which makes the kernel forget it. (prctl(2), PR_SET_PDEATHSIG) Without such a setpriv as runAs.
 */
export async function runBound(
  host: Host,
  as: string | undefined,
  command: string,
  args: string[],
  options: RunOptions,
): Promise<RunResult> {
  const can = await host.run('setpriv', [...DIES_WITH_US, 'true'], { question: true });
  if (can.code !== 0) return runAs(host, { as }, command, args, options);
  const group = as && (await host.run('id', ['-g', as], { question: true })).stdout.trim();
  const who = as ? ['--reuid', as, '--regid', String(group), '--init-groups'] : [];
  return host.run('setpriv', [...who, ...DIES_WITH_US, '--', command, ...args], options);
}
