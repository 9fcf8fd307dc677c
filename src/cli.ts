// Reads the user's words and runs one command. Only this file sets exit codes and handles signals.
import { setMaxListeners } from 'node:events';
import type { Context } from './context.ts';
import { CliError, InputError, Interrupted } from './errors.ts';
import type { Host } from './host/host.ts';
import { VERSION } from './package.ts';
import { carried } from './program/bundled.ts';
import { invocation } from './program/invocation.ts';
import { readArguments, readEnvironment } from './settings/arguments.ts';
import type { Command } from './settings/flags.ts';
import { strayVariables } from './settings/variables.ts';
import { inWords, mustAllowFiles } from './surroundings.ts';
import { calledAs } from './terminal/command.ts';
import { lastWords } from './terminal/last-words.ts';
import { errorDocument, makeOutput, SYMBOL } from './terminal/output.ts';
import { shellLine } from './terminal/shell.ts';

type Run = (context: Context) => Promise<unknown>;

/** Returns a command on a server, which first verifies that it may work in the directory. */
const onServer =
  (run: Run): Run =>
  async (context) => {
    await (await import('./commands/guard.ts')).guard(context);
    return run(context);
  };

/** A command that returns a number sets the exit code. */
const COMMANDS: Partial<Record<Command, Run>> = {
  setup: onServer(async (context) => (await import('./commands/setup.ts')).setup(context)),
  client: async (context) => (await import('./commands/client.ts')).client(context),
  status: onServer(async (context) => (await import('./commands/status.ts')).status(context)),
  doctor: async (context) => (await import('./commands/doctor.ts')).doctor(context),
  rotate: onServer(async (context) => (await import('./commands/rotate.ts')).rotate(context)),
  user: onServer(async (context) => (await import('./commands/user.ts')).user(context)),
  image: async (context) => (await import('./commands/image.ts')).image(context),
  upgrade: onServer(async (context) => (await import('./commands/upgrade.ts')).upgrade(context)),
  backup: onServer(async (context) => (await import('./commands/backup.ts')).backup(context)),
  restore: onServer(async (context) => (await import('./commands/restore.ts')).restore(context)),
  export: async (context) => (await import('./commands/export.ts')).exportFor(context),
  csr: async (context) => (await import('./commands/csr.ts')).csr(context),
  bundle: async (context) => (await import('./commands/bundle.ts')).bundle(context),
  uninstall: onServer(async (context) => (await import('./commands/uninstall.ts')).uninstall(context)),
};

/** Signals within this time are one: npm and timeout(1) send again what the terminal has sent already; milliseconds. */
const ONE_SIGNAL = 150;

/**
 * Lets nothing that happens to the terminal end the run: a window that is closed (EIO), a reader that has ended (EPIPE), a full disk
 * below standard output (ENOSPC). The machine is put in order all the same. Without a listener such an error ends the process.
 */
function outliveTerminal(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
}

/** Handles signals: the first Ctrl-C aborts the run, which is undone; the second exits at once. A terminal that goes may say so twice. */
function onSignals(): AbortController {
  const controller = new AbortController();
  let first = 0;
  // Every running call of Host listens to the signal: no limit on listeners.
  setMaxListeners(0, controller.signal);
  const hear = (name: NodeJS.Signals) => {
    // `on`, not `once`: a library that sees no other listener would end the process before the undo.
    process.on(name, () => {
      if (controller.signal.aborted && performance.now() - first < ONE_SIGNAL) return;
      if (controller.signal.aborted && name === 'SIGHUP') return;
      if (controller.signal.aborted) {
        process.stderr.write(['', ...lastWords(), ''].join('\n'));
        process.exit(130);
      }
      first = performance.now();
      process.stderr.write('\nInterrupted. Undoing … (Ctrl-C again quits at once)\n');
      controller.abort();
    });
  };
  hear('SIGINT');
  hear('SIGTERM');
  hear('SIGHUP');
  return controller;
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

async function main(argv: string[]): Promise<number> {
  outliveTerminal();
  const [node, script = ''] = [process.execPath, process.argv[1]];
  calledAs(invocation({ script, node, path: process.env.PATH ?? '', bundle: carried()?.file }));
  const wants = (name: string) => argv.includes(name);
  // For errors before the arguments are parsed.
  let output = makeOutput({ asJson: wants('--json'), color: !wants('--no-color') });
  let verbose = wants('--verbose') || wants('-v');
  try {
    const { command, operands, answers: said } = readArguments(argv);
    const answers = { ...readEnvironment(command, process.env), ...said };
    const on = (name: 'version' | 'help' | 'json' | 'quiet' | 'verbose') => answers[name]?.value === true;
    if (on('version')) return print(`${VERSION}\n`);
    if (on('help')) return print((await import('./commands/help.ts')).helpText(command));
    const run = COMMANDS[command];
    if (!run) throw new CliError(`"${command}" is not available in this version.`, { exitCode: 2 });
    output = makeOutput({ asJson: on('json'), quiet: on('quiet'), color: answers.color?.value !== false });
    const { paint } = output;
    verbose = on('verbose');
    for (const line of strayVariables(command, process.env, said))
      output.say(`${paint('yellow', SYMBOL.warning)} ${line}`);
    const { signal } = onSignals();
    const { realHost } = await import('./host/this-host.ts');
    mustAllowFiles(
      (
        await realHost()
          .read('/proc/self/limits')
          .catch(() => undefined)
      )?.toString(),
    );
    const trace = verbose
      ? (line: string) => process.stderr.write(`${paint('dim', `$ ${line}`)}\n`)
      : undefined;
    const machine = await machineFor(command, [realHost(signal, trace), realHost(undefined, trace)]);
    const { untilUnchanged } = await import('./reconcile/recover.ts');
    const code = await untilUnchanged(run, {
      answers,
      operands,
      line: shellLine('registry-setup', argv),
      ...machine,
      output,
      signal,
      env: process.env,
      prompts: async () =>
        (await import('./terminal/prompts.ts')).terminalPrompts(signal, (text) => paint('dim', text)),
    });
    return typeof code === 'number' ? code : 0;
  } catch (caught) {
    const error = await withRegistries(inWords(caught));
    output.json(errorDocument(error));
    output.fail(error, verbose);
    if (error instanceof Interrupted) return 130;
    return error instanceof CliError ? error.exitCode : 1;
  }
}

/** A container of a registry is asked for, made or removed by all but these. */
const ELSEWHERE: Command[] = ['client', 'csr', 'bundle'];

/** Returns the machine for a command. A registry's own commands use an engine of this machine alone. */
async function machineFor(
  command: Command,
  [host, uninterruptible]: [Host, Host],
): Promise<Pick<Context, 'host' | 'uninterruptible'>> {
  if (ELSEWHERE.includes(command)) return { host, uninterruptible };
  const { hereAlone } = await import('./engines/remote.ts');
  return { host: hereAlone(host, process.env), uninterruptible: hereAlone(uninterruptible, process.env) };
}

/** Returns the error; if an unknown word names another registry, the error says so. */
async function withRegistries(error: unknown): Promise<unknown> {
  if (!(error instanceof InputError) || !error.problems.some(({ stray }) => stray)) return error;
  const [{ realHost }, { nameRegistries }] = await Promise.all([
    import('./host/this-host.ts'),
    import('./server/elsewhere.ts'),
  ]);
  return nameRegistries(error, realHost()).catch(() => error);
}

process.exitCode = await main(process.argv.slice(2));
// An interrupted question may hold standard input open.
process.stdin.unref?.();
