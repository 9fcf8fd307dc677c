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
