// What the user on a server is asked.
// Collects what a set-up must know: the user's flags and files, the facts of the machine, the answers to the questions that are left.
import { type Keys, makeKeys } from '../../certificates/site.ts';
import { type Context, dirOf, isOn, mayAsk, nobodyToAsk } from '../../context.ts';
import { isPending } from '../../engines/pending.ts';
import { type EngineInfo, readyInfo } from '../../engines/types.ts';
import { CliError } from '../../errors.ts';
import { awaitTurn } from '../../reconcile/recover.ts';
import { answersFile } from '../../settings/answers-file.ts';
import { FLAG_NAMES, flag } from '../../settings/flags.ts';
import { mergeAnswers } from '../../settings/resolve.ts';
import type { EngineChoice } from '../../settings/settings.ts';
import type { Prompts } from '../../terminal/prompts.ts';
import { carriedAnswers, type Facts, gatherFacts } from '../plan/facts.ts';
import type { ServerRequest } from '../request.ts';
import { banner, foundLine } from '../screens/review.ts';
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
  /** The registry exists, and the user gave no setting: a menu asks what to do, and the set-up asks which setting to change. */
  changing: boolean;
}

/** Reads the user's flags and files and the machine's facts, then asks what is missing. @throws CliError if it may not ask */
export async function collect(context: Context): Promise<Collected> {
  const { host, output } = context;
  const said = mergeAnswers(context.answers, await answersFile(context.answers, host));
  const dir = dirOf(said);
  const interactive = mayAsk(context);
  await awaitTurn(context, dir);
  // Loading the questions takes as long as asking the engine: does both at once.
  const prompts = interactive ? context.prompts() : undefined;
  const choice = said.engine?.value as EngineChoice | undefined;
  const found = await gatherFacts(host, dir, choice, said['image-archive'] !== undefined);
  const before = found.last ?? carriedAnswers();
  const answers = mergeAnswers(said, before);
  const asks = interactive && !isOn(context, 'dry-run');
  // The engine in a bundle's answers is a request of this run; the engine of the last run is not.
  const facts = await decideEngine(context, found, found.last ? said : answers, asks);
  const engine = readyInfo(facts.engine);
  // An answer about the former name does not hold for another name.
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
  // While the engine is pending, the registry cannot be asked anything: it starts with the engine.
  if (facts.last && !isPending(engine)) {
    return { ...collected, changing: !FLAG_NAMES.some((name) => flag(name).setting && said[name]) };
  }
  // Two RSA keys take about a second: makes them while the user reads.
  if (answers.tls?.value !== 'insecure' && answers['key-type']?.value === 'rsa')
    for (const begin of [keys.ca, keys.site]) begin('rsa').catch(() => {});
  output.say(foundLine(facts, engine, (await host.space(dir)).free), '');
  await askMissing(asking);
  return collected;
}

/** Returns the first request. Shows an error in the answers, and asks again for one of them, so that the user need not start over. */
export async function firstWish(
  context: Context,
  { asking, interactive, changing }: Collected,
  want: () => Promise<ServerRequest>,
) {
  if (changing) return changeOne(context, asking, want);
  if (interactive) await askMissing(asking);
  return want().catch((error) => {
    if (!interactive || !(error instanceof CliError) || error.exitCode !== 2) throw error;
    context.output.fail(error, false);
    return changeOne(context, asking, want);
  });
}

/** Returns the error that lists every question without an answer, if there is no terminal to ask on. */
async function missing(asking: Asking): Promise<CliError> {
  const { answers, facts } = asking;
  const fits = await Promise.all(QUESTIONS.map(({ when }) => when(asking)));
  const asked = QUESTIONS.filter(
    ({ flag, optional }, i) => !optional && answers[flag] === undefined && fits[i],
  );
  const [suggestion] = facts.addresses;
  if (asked.length === 0) return nobodyToAsk();
  return new CliError(`Missing: ${asked.map(({ flag }) => `--${flag}`).join(', ')}.`, {
    why: 'There is no terminal to ask on.',
    fix: [`Give them, or take every default with --yes${suggestion ? ` (--host ${suggestion.host})` : ''}.`],
    exitCode: 2,
  });
}
