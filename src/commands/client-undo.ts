// `registry-setup --client --undo`: exactly what was done for one registry, taken back.
import { leave, previewLeave } from '../client/leave.ts';
import { nameOf, parseAddress } from '../client/options.ts';
import { remembered } from '../client/records.ts';
import { leaveLines } from '../client/screens.ts';
import { type Context, isOn } from '../context.ts';
import { CliError, InputError, Interrupted } from '../errors.ts';
import { showDryRun } from '../reconcile/dry-run.ts';
import type { Answers } from '../settings/arguments.ts';
import { commandLine } from '../terminal/command.ts';

export async function undoClient(context: Context, answers: Answers, base: string): Promise<void> {
  const { host, output } = context;
  const interactive = output.terminal && !isOn(context, 'yes');
  const known = await remembered(host, base);
  const address = await whichOne(context, answers, known, interactive);
  if (!address || !known.includes(address)) {
    output.json({ ok: true, changed: [] });
    return output.say(`Nothing to do: nothing was done here for ${address ?? 'any registry'}.`);
  }
  const changes = await previewLeave(context, base, address);
  if (isOn(context, 'dry-run')) return showDryRun(context, { changes });
  if (!interactive && !isOn(context, 'yes'))
    throw new CliError('Nobody is here to say yes.', { fix: 'Add --yes to go ahead.', exitCode: 2 });
  const restarts = changes.some(({ drift }) =>
    drift.details.some((line) => line.includes('systemctl restart')),
  );
  if (restarts && !interactive && !isOn(context, 'restart-docker'))
    throw new CliError('To take that back, Docker has to be restarted: its flags go back where they were.', {
      fix: commandLine('--client --undo --yes --restart-docker'),
      exitCode: 2,
    });
  if (interactive) {
    output.say('', ...leaveLines(changes), '');
    const prompts = await context.prompts();
    if (!(await prompts.confirm({ message: `Take back what was done for ${address}?`, default: true })))
      throw new Interrupted('Nothing was changed.');
  }
  await leave(context, base, address);
  output.json({ ok: true, changed: changes.map(({ title, drift }) => ({ title, what: drift.what })) });
  output.say('', `This machine is as it was before ${address}.`);
}

/** The one that was named, or the only one, or the one that is chosen. */
async function whichOne(context: Context, answers: Answers, known: string[], interactive: boolean) {
  if (answers.host) {
    const found = parseAddress(String(answers.host.value));
    if ('message' in found) throw new InputError([{ where: answers.host.where, ...found }]);
    return nameOf({ ...found, ...(answers.port && { port: Number(answers.port.value) }) });
  }
  if (known.length < 2) return known[0];
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
