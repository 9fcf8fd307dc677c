// What a question of the wizard is, and what all of them use.
import type { Host } from '../../../host/host.ts';
import type { Secret } from '../../../secret.ts';
import type { Answers } from '../../../settings/answers.ts';
import type { FlagName } from '../../../settings/flags.ts';
import type { Wrong } from '../../../settings/validation.ts';
import type { Prompts } from '../../../terminal/prompts.ts';
import type { Facts } from '../../plan/facts.ts';

/** What a question may look at, and where its answer goes. */
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
  /** How it is called in the list of answers that can be changed. */
  label: string;
  /** Left out where this says so; asked when nothing answers it. */
  when(asking: Asking): boolean | Promise<boolean>;
  ask(asking: Asking): Promise<void>;
}

/** What is wrong, as a prompt says it. */
export const sentence = (wrong: Wrong | undefined): string | true =>
  wrong ? `${wrong.message.charAt(0).toUpperCase()}${wrong.message.slice(1)}.` : true;
/** Takes an answer down, as if its flag had been given. */
export const put = ({ answers }: Asking, name: FlagName, value: string | number | boolean | string[]) => {
  answers[name] = { value, where: `--${name}` };
};
export const current = ({ answers }: Asking, name: FlagName) => answers[name]?.value;
export const always = () => true;
