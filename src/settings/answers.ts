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

export interface Invocation {
  command: Command;
  /** The words after the command: `add NAME`. */
  operands: string[];
  answers: Answers;
}
