// Defines a question of the wizard, and what all questions use.
import type { Host } from '../../../host/host.ts';
import type { Secret } from '../../../secret.ts';
import type { Answers } from '../../../settings/answers.ts';
import type { FlagName } from '../../../settings/flags.ts';
import type { Wrong } from '../../../settings/validation.ts';
import type { Prompts } from '../../../terminal/prompts.ts';
import type { Facts } from '../../plan/facts.ts';

/** What a question may read, and the answers that it adds to. */
export interface Asking {
  answers: Answers;
  passwords: Map<string, Secret>;
  facts: Facts;
  dir: string;
  host: Host;
  prompts: Prompts;
  /** Free bytes below a path. */
  free(path: string): Promise<number>;
}

export interface Question {
  flag: FlagName;
  /** Its name in the list of answers that the user can change. */
  label: string;
  /** Nobody has to answer it: without an answer it is no. */
  optional?: true;
  /** Tells whether the question makes sense after the other answers. */
  when(asking: Asking): boolean | Promise<boolean>;
  /** Asks the user, and stores the answer. */
  ask(asking: Asking): Promise<void>;
}

/** Returns what is wrong as a prompt shows it; true if nothing is. */
export const sentence = (wrong: Wrong | undefined): string | true =>
  wrong ? `${wrong.message.charAt(0).toUpperCase()}${wrong.message.slice(1)}.` : true;
/** Stores an answer as if the user had given its flag. */
export const put = ({ answers }: Asking, name: FlagName, value: string | number | boolean | string[]) => {
  answers[name] = { value, where: `--${name}` };
};
/** Returns the present answer for a flag; undefined if there is none. */
export const current = ({ answers }: Asking, name: FlagName) => answers[name]?.value;
export const always = () => true;
