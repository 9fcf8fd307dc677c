// By sudo a program of the person runs as that person: a login of root is no use to them, and root does not see theirs.
import type { Host, RunOptions, RunResult } from './host.ts';

export interface Who {
  /** An account; undefined: who runs this. */
  as?: string | undefined;
  /** What the command line of Docker is told to reach its engine by. */
  socket?: string | undefined;
}

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
