// `registry-setup --client --undo`: undoes exactly what was done for one registry.
import { leave, previewLeave } from '../client/leave.ts';
import { memoryOf, remembered } from '../client/records.ts';
import { leaveLines } from '../client/screens.ts';
import { type Context, isOn, mayAsk } from '../context.ts';
import { CliError, InputError } from '../errors.ts';
import { changed, showDryRun } from '../reconcile/dry-run.ts';
import { awaitTurn } from '../reconcile/recover.ts';
import { nameOf, parseAddress } from '../settings/address.ts';
import type { Answers } from '../settings/answers.ts';
import { commandLine } from '../terminal/command.ts';
import { agree, askable } from './consent.ts';

export async function undoClient(context: Context, answers: Answers, base: string): Promise<void> {
  const { host, output } = context;
  const interactive = mayAsk(context);
  const known = await remembered(host, base);
  const address = await whichOne(context, answers, known, interactive);
  if (!address || !known.includes(address)) {
    output.json({ ok: true, changed: [], known });
    return output.say(
      `Nothing to do: nothing was done here for ${address ?? 'any registry'}.`,
      ...known.map(
        (name) => `  What was done for ${name}:   ${commandLine(`--client --undo --host ${name}`)}`,
      ),
    );
  }
  await awaitTurn(context, memoryOf(base, address));
  const changes = await previewLeave(context, base, address);
  if (isOn(context, 'dry-run')) return showDryRun(context, { changes });
  askable(context);
  const restarts = changes.some(({ drift }) => drift.restarts);
  if (restarts && !interactive && !isOn(context, 'restart-docker'))
    throw new CliError('To undo that, Docker has to be restarted: its flags go back where they were.', {
      fix: commandLine('--client --undo --yes --restart-docker'),
      exitCode: 2,
    });
  if (interactive) output.say('', ...leaveLines(changes), '');
  await agree(context, `Undo what was done for ${address}?`, true);
  await leave(context, base, address);
  output.json({ ok: true, changed: changed(changes) });
  output.say('', `This machine is as it was before ${address}.`);
}

/**
 * Returns the registry that the user names, or the only one, or the one that the user chooses. A host without a port means the
 * registry of that host that is known here: the port 5000 is only a guess.
 */
async function whichOne(context: Context, answers: Answers, known: string[], interactive: boolean) {
  if (!answers.host) return known.length < 2 ? known[0] : choose(context, known, interactive);
  const text = String(answers.host.value);
  const found = parseAddress(text);
  if ('message' in found) throw new InputError([{ where: answers.host.where, ...found }]);
  const name = nameOf({ ...found, ...(answers.port && { port: Number(answers.port.value) }) });
  const hasPort =
    answers.port !== undefined || found.scheme !== undefined || /:\d+(\/\S*)?$/.test(text.trim());
  if (hasPort || known.includes(name)) return name;
  const same = known.filter((other) => other === found.host || other.startsWith(`${found.host}:`));
  return same.length < 2 ? (same[0] ?? name) : choose(context, same, interactive);
}

async function choose(context: Context, known: string[], interactive: boolean): Promise<string> {
  if (!interactive)
    throw new CliError(`Missing: --host. This machine was set up for ${known.join(', ')}.`, {
      fix: known.map((name) => commandLine(`--client --undo --host ${name}`)),
      exitCode: 2,
    });
  const prompts = await context.prompts();
  return prompts.select({
    message: 'Which registry?',
    choices: known.map((value) => ({ value, name: value })),
  });
}
