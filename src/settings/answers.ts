// What was said, and where: answers under the names of the flags.
import type { Command, FlagName } from './flags.ts';

export interface Answer {
  value: string | number | boolean | string[];
  /** `--port`, `REGISTRY_SETUP_PORT`, `answers.yml: port`: what an error names. */
  where: string;
  /** From the settings of the last run: carried over, and not said now. */
  last?: true;
}
export type Answers = Partial<Record<FlagName, Answer>>;

export interface Invocation {
  command: Command;
  /** The words after the command: `add NAME`. */
  operands: string[];
  answers: Answers;
}
