// Defines what every command receives: the machine, the terminal, the user's words.
import { resolve } from 'node:path';
import { CliError } from './errors.ts';
import type { Host } from './host/host.ts';
import type { Answers } from './settings/answers.ts';
import type { SwitchName } from './settings/flags.ts';
import { DEFAULT_DIR } from './settings/settings.ts';
import type { Output } from './terminal/output.ts';
import type { Prompts } from './terminal/prompts.ts';

export interface Context {
  /** Flags and environment, merged; not the answers file, nor the settings of the last run. */
  answers: Answers;
  /** The words after the command. */
  operands: string[];
  /** The command as the user typed it, for the lock and the journal. */
  line: string;
  host: Host;
  /** The same machine without the abort signal, for undoing. */
  uninterruptible: Host;
  output: Output;
  signal: AbortSignal;
  env: NodeJS.ProcessEnv;
  prompts(): Promise<Prompts>;
}

/** Tells whether a flag is on. */
export const isOn = ({ answers }: Pick<Context, 'answers'>, name: SwitchName): boolean =>
  answers[name]?.value === true;

/** Tells whether questions may be asked: somebody is at a terminal, and has not said yes to everything. */
export const mayAsk = (context: Pick<Context, 'answers' | 'output'>): boolean =>
  context.output.terminal && !isOn(context, 'yes');

/** Returns the error for a change without a terminal to ask on, and without --yes. */
export const nobodyToAsk = (): CliError =>
  new CliError('There is no terminal to confirm on.', { fix: 'Add --yes to go ahead.', exitCode: 2 });

/** Returns the registry's directory, absolute: that of --dir, else the default. */
export const dirOf = (answers: Answers): string => resolve(String(answers.dir?.value ?? DEFAULT_DIR));
