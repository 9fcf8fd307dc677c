// Asks a machine a question once in a run.
import type { Host } from './host.ts';

const answers = new WeakMap<Host['machine'], Map<string, Promise<unknown>>>();

/**
 * Returns the answer to a slow question, if the answer does not change while this program runs. Stored by machine, not by
 * Host: a Host that wraps another (`{ ...host, run }`) is the same machine, and must not ask again.
 * @param key identifies the question among all questions to a machine
 * @param ask is called the first time; its rejection is stored, too
 */
export function once<T>({ machine }: Pick<Host, 'machine'>, key: string, ask: () => Promise<T>): Promise<T> {
  const known = answers.get(machine) ?? new Map<string, Promise<unknown>>();
  answers.set(machine, known);
  const answer = known.get(key) ?? ask();
  known.set(key, answer);
  return answer as Promise<T>;
}
