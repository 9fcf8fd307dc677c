// What every command is handed: the machine, the terminal, the words of the person.
import { resolve } from 'node:path';
import type { Host } from './host/host.ts';
import type { Answers } from './settings/answers.ts';
import type { SwitchName } from './settings/flags.ts';
import { DEFAULT_DIR } from './settings/settings.ts';
import type { Output } from './terminal/output.ts';
import type { Prompts } from './terminal/prompts.ts';

export interface Context {
  /** Flags and environment, merged; without the answers file and the settings of the last run. */
  answers: Answers;
  /** The words after the command. */
  operands: string[];
  /** The command as it was typed, for the lock and the journal. */
  line: string;
  host: Host;
  /** The same machine without the abort signal, for going back. */
  calm: Host;
  output: Output;
  signal: AbortSignal;
  env: NodeJS.ProcessEnv;
  prompts(): Promise<Prompts>;
}

export const isOn = ({ answers }: Pick<Context, 'answers'>, name: SwitchName): boolean =>
  answers[name]?.value === true;

export const dirOf = (answers: Answers): string => resolve(String(answers.dir?.value ?? DEFAULT_DIR));
