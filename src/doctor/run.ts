// Runs all checks side by side.
import { CliError, Interrupted } from '../errors.ts';
import type { Check, CheckInput, Trouble } from './check.ts';

/** How long one check may take; milliseconds. */
const LIMIT = 30_000;

export interface Result {
  check: Check;
  troubles: Trouble[];
  /** Why it could not be checked, one sentence. */
  failed?: string;
}

/** Runs those that make sense here. A check that fails, or does not end, does not end the others. @throws Interrupted */
export async function runChecks(checks: Check[], input: CheckInput): Promise<Result[]> {
  const { signal } = input.context;
  const fit = checks.filter(({ on }) => on !== 'server' || input.server);
  return Promise.all(
    fit.map(async (check): Promise<Result> => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new CliError(`It took longer than ${LIMIT / 1000} s.`)), LIMIT);
      });
      try {
        return { check, troubles: await Promise.race([check.look(input), late]) };
      } catch (error) {
        if (signal.aborted || error instanceof Interrupted) throw new Interrupted();
        return { check, troubles: [], failed: (error as Error).message };
      } finally {
        clearTimeout(timer);
      }
    }),
  );
}
