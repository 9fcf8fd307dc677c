// Asks a machine a question once in a run.
import type { Host } from './host.ts';

const answers = new WeakMap<Host['machine'], Map<string, Promise<unknown>>>();

/**
 * The answer to a question that does not change while this program runs and takes its time. Kept by the machine, not by the
 * Host: one that stands in for another (`{ ...host, run }`) is the same machine, and must not ask again.
 * @param key names the question among all that are asked of a machine
 * @param ask is called the first time; what it rejects with is the answer as well
 */
export function once<T>({ machine }: Pick<Host, 'machine'>, key: string, ask: () => Promise<T>): Promise<T> {
  const known = answers.get(machine) ?? new Map<string, Promise<unknown>>();
  answers.set(machine, known);
  const answer = known.get(key) ?? ask();
  known.set(key, answer);
  return answer as Promise<T>;
}
