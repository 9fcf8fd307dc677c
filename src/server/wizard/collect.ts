// Collects what a set-up needs to know: what was said, what the machine answers, and the questions that are left.
import { type Keys, makeKeys } from '../../certificates/site.ts';
import { type Context, dirOf, isOn, mayAsk, nobodyToAsk } from '../../context.ts';
import { isPending } from '../../engines/pending.ts';
import { type EngineInfo, readyInfo } from '../../engines/types.ts';
import { CliError } from '../../errors.ts';
import { answersFile } from '../../settings/answers-file.ts';
import { FLAG_NAMES, flag } from '../../settings/flags.ts';
import { mergeAnswers } from '../../settings/resolve.ts';
import type { EngineWish } from '../../settings/settings.ts';
import type { Prompts } from '../../terminal/prompts.ts';
import { carriedAnswers, type Facts, gatherFacts } from '../plan/facts.ts';
import { banner, foundLine } from '../screens/review.ts';
import type { Wanted } from '../wanted.ts';
import { decideEngine } from './engine.ts';
import type { Asking } from './questions/question.ts';
import { askMissing, QUESTIONS } from './questions/questions.ts';
import { changeOne } from './review.ts';

/** What is known before anything is decided. */
export interface Collected {
  asking: Asking;
  facts: Facts;
  engine: EngineInfo;
  keys: Keys;
  interactive: boolean;
  /** The registry is here, and no setting was said: a menu asks what is wanted, and the set-up which setting to change. */
  changing: boolean;
}

/** Reads what was said and what this machine is, and asks what is missing. */
export async function collect(context: Context): Promise<Collected> {
  const { host, output } = context;
  const said = mergeAnswers(context.answers, await answersFile(context.answers, host));
  const dir = dirOf(said);
  const interactive = mayAsk(context);
  // Loading the questions takes as long as asking the engine: side by side.
  const prompts = interactive ? context.prompts() : undefined;
  const wish = said.engine?.value as EngineWish | undefined;
  const found = await gatherFacts(host, dir, wish, said['image-archive'] !== undefined);
  const before = found.last ?? carriedAnswers();
  const answers = mergeAnswers(said, before);
  const asks = interactive && !isOn(context, 'dry-run');
  // What came with a bundle is asked for in this run; what the last one settled is not.
  const facts = await decideEngine(context, found, found.last ? said : answers, asks);
  const engine = readyInfo(facts.engine);
  // What was decided for the former name is nothing for another one.
  if (said.host && said.host.value !== facts.last?.host?.value && !said['hosts-line'])
    delete answers['hosts-line'];
  const asking: Asking = {
    answers,
    passwords: new Map(),
    facts,
    dir,
    host,
    prompts: (await prompts) as Prompts,
    free: async (path) => (await host.space(path)).free,
  };
  if (!interactive && !isOn(context, 'yes')) throw await missing(asking);
  const keys = makeKeys();
  const collected = { asking, facts, engine, keys, interactive, changing: false };
  if (!interactive) return collected;
  output.say(...banner(output.paint));
  // Where the engine is still to come, there is nothing to ask the registry that is here: it comes with it.
  if (facts.last && !isPending(engine)) {
    return { ...collected, changing: !FLAG_NAMES.some((name) => flag(name).setting && said[name]) };
  }
  // Two RSA keys take about a second: they are made while the person reads.
  if (answers.tls?.value !== 'insecure') for (const begin of [keys.ca, keys.site]) begin().catch(() => {});
  output.say(foundLine(facts, engine, (await host.space(dir)).free), '');
  await askMissing(asking);
  return collected;
}

/** What cannot be is told, and its answer asked again: nobody should start over for one of them. */
export async function firstWish(
  context: Context,
  { asking, interactive, changing }: Collected,
  want: () => Promise<Wanted>,
) {
  if (changing) return changeOne(context, asking, want);
  if (interactive) await askMissing(asking);
  return want().catch((error) => {
    if (!interactive || !(error instanceof CliError) || error.exitCode !== 2) throw error;
    context.output.fail(error, false);
    return changeOne(context, asking, want);
  });
}

/** Nobody is there to ask: every question that has no answer yet, at once. */
async function missing(asking: Asking): Promise<CliError> {
  const { answers, facts } = asking;
  const fits = await Promise.all(QUESTIONS.map(({ when }) => when(asking)));
  const asked = QUESTIONS.filter(({ flag }, i) => answers[flag] === undefined && fits[i]);
  const [suggestion] = facts.addresses;
  if (asked.length === 0) return nobodyToAsk();
  return new CliError(`Missing: ${asked.map(({ flag }) => `--${flag}`).join(', ')}.`, {
    why: 'There is no terminal to ask on.',
    fix: [`Give them, or take every default with --yes${suggestion ? ` (--host ${suggestion.host})` : ''}.`],
    exitCode: 2,
  });
}
