// `registry-setup doctor`: every check, each failure with its cause and what mends it; `--error` explains a message.
import { type Context, isOn } from '../context.ts';
import { type Check, type CheckInput, SUBJECTS, type Trouble } from '../doctor/check.ts';
import { CHECKS } from '../doctor/checks.ts';
import { type Explained, explain } from '../doctor/explain/explain.ts';
import { findInput, ownRegistryOf, registriesUsed } from '../doctor/input.ts';
import { type Result, runChecks } from '../doctor/run.ts';
import { CliError, InputError, Interrupted } from '../errors.ts';
import { settingsHere } from '../server/existing.ts';
import { nameOf } from '../settings/address.ts';
import { commandLine } from '../terminal/command.ts';
import { count, type Paint, SYMBOL } from '../terminal/output.ts';
import { visible, visibleLines } from '../terminal/visible.ts';
import { agree } from './consent.ts';
import { addressOf } from './image/registry.ts';

/** @returns the exit code: 1 if something is broken, or if a message is unknown */
export async function doctor(context: Context): Promise<number> {
  const { answers } = context;
  const text = answers.error;
  if (answers.port && !answers.host)
    throw new InputError([{ where: answers.port.where, message: 'goes with --host alone' }]);
  if (!text) return examine(context);
  return explainText(context, text.value === '-' ? await pasted(context) : String(text.value));
}

/** The most that is read of a log, from its end; characters. */
const MOST = 4_000_000;

/** Reads a message, or a log, from standard input. */
async function pasted({ output, signal }: Context): Promise<string> {
  if (process.stdin.isTTY) output.say('Paste the message, and end it with Ctrl-D on a line of its own:');
  if (signal.aborted) throw new Interrupted();
  let text = '';
  process.stdin.setEncoding('utf8');
  signal.addEventListener('abort', () => process.stdin.destroy());
  try {
    for await (const part of process.stdin) {
      text += part;
      if (text.length > 2 * MOST) text = text.slice(-MOST);
    }
  } catch (error) {
    if (!signal.aborted)
      throw new CliError('Standard input cannot be read.', { why: (error as Error).message });
  }
  if (signal.aborted) throw new Interrupted();
  return text.slice(-MOST);
}

async function explainText(context: Context, text: string): Promise<number> {
  const { output } = context;
  // A broken settings.yml does not keep a message from being explained.
  const settings = await settingsHere(context).catch(() => undefined);
  const own = await ownRegistryOf(context, settings && { settings });
  const [used, ...more] = await registriesUsed(context, own !== undefined);
  const found = explain(text, own, own?.address ?? (used && more.length === 0 ? nameOf(used) : undefined));
  output.json({ ok: found.length > 0, explained: found });
  if (found.length === 0) {
    output.out(
      'No line of that is a message that this program knows.',
      `  Look at everything here:   ${commandLine('doctor')}`,
    );
    return 1;
  }
  found.forEach((one, index) => {
    output.out(...(index > 0 ? [''] : []), ...explainedLines(one, output.paint));
  });
  return 0;
}

function explainedLines({ line, cause, mend }: Explained, paint: Paint): string[] {
  return [paint('dim', `  ${line}`), `${paint('yellow', '→')} ${cause}`, ...mend.map((one) => `    ${one}`)];
}

async function examine(context: Context): Promise<number> {
  const seen = await lookAround(context);
  if (!isOn(context, 'fix')) return tell(context, seen);
  show(context, seen);
  const done = await mend(context, seen.all);
  if (done.length === 0) return told(context, seen, done);
  // What is left after it.
  return tell(context, await lookAround(context), done);
}

/** What was looked at, and found. */
interface Seen {
  input: CheckInput;
  results: Result[];
  /** Each once. */
  all: Placed[];
}

async function lookAround(context: Context): Promise<Seen> {
  const named = context.answers.host && addressOf(context);
  const { input, troubles: before } = await findInput(context, named);
  const results = await runChecks(CHECKS, input);
  const seen = [...before.map(unplaced), ...results.flatMap(placed)];
  const all = seen.filter(({ cause }, index) => seen.findIndex((other) => other.cause === cause) === index);
  return { input, results, all };
}

const brokenIn = ({ all }: Seen): number => all.filter(({ severity }) => severity === 'broken').length;

/** Shows what was found, also as the one document of --json. @param fixed what was mended before @returns the exit code */
function tell(context: Context, seen: Seen, fixed: string[] = []): number {
  show(context, seen);
  return told(context, seen, fixed);
}

function told({ output }: Context, seen: Seen, fixed: string[]): number {
  const { input, results, all } = seen;
  const broken = brokenIn(seen);
  output.json({
    ok: broken === 0,
    registries: input.registries.map(({ address }) => address),
    programs: input.targets.map(({ label }) => label),
    checks: results.map(({ check: { code, subject }, troubles, failed }) => ({
      code,
      subject,
      ok: failed === undefined && troubles.length === 0,
      ...(failed !== undefined && { failed }),
    })),
    troubles: all.map(({ fix, ...trouble }) => ({ ...trouble, fix: fix?.title ?? null })),
    ...(fixed.length > 0 && { fixed }),
  });
  return broken > 0 ? 1 : 0;
}

function show({ output }: Context, seen: Seen): void {
  const { input, results, all } = seen;
  const failed = results.filter(({ failed: why }) => why !== undefined);
  output.out(
    `Looked at ${[...input.registries.map(({ address }) => address), ...input.targets.map(({ label }) => label)].map(visible).join(', ') || 'this machine'}.`,
    '',
    ...SUBJECTS.flatMap((subject) => subjectLines(subject, results, all, output.paint)),
  );
  for (const { check, failed: why } of failed)
    output.out(
      `${output.paint('yellow', SYMBOL.warning)} Could not be checked: ${check.title}.`,
      `    ${visible(why ?? '')}`,
    );
  output.out(...endLines(all, brokenIn(seen), failed.length));
}

/** Does what is safe, after a yes. @returns what was done; nothing in a dry run */
async function mend(context: Context, all: Placed[]): Promise<string[]> {
  const { output } = context;
  const fixes = all.flatMap(({ fix }) => fix ?? []);
  if (fixes.length === 0) {
    if (all.length > 0) output.say('', 'None of that can be mended without a decision of yours.');
    return [];
  }
  output.say('', ...fixes.map(({ title }) => `  ${visible(title)}`));
  if (isOn(context, 'dry-run')) return [];
  await agree(context, 'Do that?', true);
  for (const { title, apply } of fixes) {
    await apply();
    output.say(`${output.paint('green', SYMBOL.done)} ${visible(title)}`, '');
  }
  return fixes.map(({ title }) => title);
}

interface Placed extends Trouble {
  subject: Check['subject'];
}
const unplaced = (trouble: Trouble): Placed => ({ ...trouble, subject: 'machine' });
const placed = ({ check: { subject }, troubles }: Result): Placed[] =>
  troubles.map((trouble) => ({ ...trouble, subject }));

const WORDS: Record<Check['subject'], string> = {
  connection: 'Connection',
  login: 'Logins',
  files: 'Files and flags',
  machine: 'Machine',
};

function subjectLines(subject: Check['subject'], results: Result[], all: Placed[], paint: Paint): string[] {
  const here = all.filter((trouble) => trouble.subject === subject);
  const number = results.filter(
    ({ check, failed }) => check.subject === subject && failed === undefined,
  ).length;
  if (here.length === 0)
    return number > 0
      ? [`${paint('green', SYMBOL.done)} ${WORDS[subject]}: ${count(number, 'check')} found nothing wrong`]
      : [];
  return [
    `${WORDS[subject]}:`,
    ...here.flatMap(({ severity, cause, evidence, mend }) => [
      `  ${severity === 'broken' ? paint('red', SYMBOL.failed) : paint('yellow', SYMBOL.warning)} ${visible(cause)}`,
      ...(evidence ? visibleLines(evidence).split('\n') : []).map((line) => paint('dim', `      ${line}`)),
      ...mend.map((line) => `      ${visible(line)}`),
    ]),
  ];
}

function endLines(all: Placed[], broken: number, failed: number): string[] {
  if (all.length === 0 && failed === 0) return ['', 'Nothing is wrong that this program knows of.'];
  const risks = all.length - broken;
  const parts = [
    ...(broken > 0 ? [`${count(broken, 'thing')} ${broken === 1 ? 'is' : 'are'} broken`] : []),
    ...(risks > 0 ? [`${count(risks, 'risk')}`] : []),
    ...(failed > 0 ? [`${count(failed, 'check')} could not be made`] : []),
  ];
  return ['', `${parts.join(', ')}.`];
}
