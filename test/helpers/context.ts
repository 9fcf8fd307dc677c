// A command on a fake host: `runCommand(host, 'status --json')` is that command line without a terminal.
import type { Context } from '../../src/context.ts';
import { untilUnchanged } from '../../src/reconcile/recover.ts';
import { readArguments, readEnvironment } from '../../src/settings/arguments.ts';
import type { Prompts } from '../../src/terminal/prompts.ts';
import type { FakeHost } from './fake-host.ts';
import { silent } from './run.ts';

const commands = {
  setup: async () => (await import('../../src/commands/setup.ts')).setup,
  client: async () => (await import('../../src/commands/client.ts')).client,
  status: async () => (await import('../../src/commands/status.ts')).status,
  uninstall: async () => (await import('../../src/commands/uninstall.ts')).uninstall,
  rotate: async () => (await import('../../src/commands/rotate.ts')).rotate,
  user: async () => (await import('../../src/commands/user.ts')).user,
  doctor: async () => (await import('../../src/commands/doctor.ts')).doctor,
};

export interface Ran {
  /** What a person would have seen. */
  heard: string[];
  /** What --json would have printed. */
  documents: Record<string, unknown>[];
  code: unknown;
}

export async function runCommand(
  host: FakeHost,
  line: string,
  { env = {}, prompts }: { env?: NodeJS.ProcessEnv; prompts?: Prompts } = {},
): Promise<Ran> {
  const { command, operands, answers } = readArguments(line.split(' ').filter(Boolean));
  // Quiet, so that no progress is drawn on the terminal of the test itself.
  const output = { ...silent(), terminal: prompts !== undefined, quiet: true };
  const context: Context = {
    answers: { ...readEnvironment(command, env), ...answers },
    operands,
    line: `registry-setup ${line}`,
    host,
    uninterruptible: host,
    output,
    signal: new AbortController().signal,
    env,
    prompts: async () => {
      if (!prompts) throw new Error('a question was asked where nobody is');
      return prompts;
    },
  };
  const run = await commands[command as keyof typeof commands]();
  const code = await untilUnchanged(run, context);
  return { heard: output.heard, documents: output.documents, code };
}
