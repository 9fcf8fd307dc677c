// What the user said, and where: answers under the names of the flags.
import type { Command, FlagName } from './flags.ts';

export interface Answer {
  value: string | number | boolean | string[];
  /** Where the user said it, for errors: `--port`, `REGISTRY_SETUP_PORT`, `answers.yml: port`. */
  where: string;
  /** Carried over from the settings of the last run, and not said now. */
  last?: true;
}
export type Answers = Partial<Record<FlagName, Answer>>;

/** Returns the answer if it has a value: not "no", an empty word, or an empty list. */
export function given(answers: Answers, name: FlagName): Answer | undefined {
  const { value } = answers[name] ?? {};
  return (Array.isArray(value) ? value.length > 0 : value) ? answers[name] : undefined;
}

/** Returns the answer if it has a value, and the user says it now: what the last run had is carried over. */
export function said(answers: Answers, name: FlagName): Answer | undefined {
  const answer = given(answers, name);
  return answer?.last ? undefined : answer;
}

export interface Invocation {
  command: Command;
  /** The words after the command: `add NAME`. */
  operands: string[];
  answers: Answers;
}
