// `registry-setup`: sets the registry up, or changes the one that is here.
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { answersFile } from '../answers-file.ts';
import { archiveImages, chooseImage } from '../archive.ts';
import type { Answers } from '../arguments.ts';
import { aroundDefaults } from '../around.ts';
import type { Prompts } from '../ask.ts';
import { withoutEngine } from '../bring.ts';
import { carried } from '../bundle/carried.ts';
import { carriedAnswers, otherImage, refuseForeign } from '../bundle/contents.ts';
import { certificateFacts } from '../certificate-facts.ts';
import { certificatesFor } from '../certificates.ts';
import { clientNews, formerTrust } from '../client-news.ts';
import { type Context, dirOf, isOn } from '../context.ts';
import { type EngineInfo, TITLE } from '../engines/docker.ts';
import type { EngineWish } from '../engines/engine.ts';
import { keeperOf, type NativeInfo } from '../engines/native.ts';
import { CliError, InputError } from '../errors.ts';
import { type Facts, gatherFacts } from '../facts.ts';
import { FLAG_NAMES, flag } from '../flags.ts';
import type { Host } from '../host.ts';
import { SYMBOL } from '../output.ts';
import { givenPasswords } from '../passwords.ts';
import { findingsError, preflight } from '../preflight.ts';
import { type Asking, askMissing, QUESTIONS } from '../questions.ts';
import { everyone } from '../roles.ts';
import { banner, foundLine } from '../screens.ts';
import { carryOut, type Outcome, preview, type Wanted } from '../server.ts';
import { address, mergeAnswers, resolveSettings, type Settings } from '../settings.ts';
import { type Keys, makeKeys } from '../site.ts';
import { clientLine, lacksLines, summaryLines } from '../summary.ts';
import { showDryRun } from './dry-run.ts';
import { decideEngine } from './engine.ts';
import { changeOne, review } from './review.ts';

/** What is known before anything is decided. */
interface Collected {
  asking: Asking;
  facts: Facts;
  engine: EngineInfo;
  keys: Keys;
  interactive: boolean;
  /** The person chose to change settings: which one is asked next. */
  changing: boolean;
}

export async function setup(context: Context): Promise<void> {
  const { host, env } = context;
  refuseForeign(context.answers);
  const collected = await collect(context);
  if (!collected) return;
  const { asking, facts, interactive } = collected;
  const want = () => settle(context, collected);
  let wanted = await firstWish(context, collected, want);
  const given = await givenPasswords(asking.answers, env, host, everyone(wanted.settings));
  asking.passwords = new Map([...given, ...asking.passwords]);
  wanted = { ...wanted, passwords: asking.passwords };

  if (isOn(context, 'dry-run')) return showDryRun(context, await preview(wanted, context));
  if (interactive) {
    const accepted = await review(context, asking, wanted, want);
    if (!accepted) return;
    wanted = accepted;
  }
  const former = await formerTrust(facts, host, wanted.settings.dir);
  const outcome = await carryOut(wanted, context);
  tell(context, wanted.settings, outcome, clientNews(former, wanted.settings, outcome.material.site));
}

/** Reads what was said and what this machine is, and asks what is missing; undefined: the person wanted something else. */
async function collect(context: Context): Promise<Collected | undefined> {
  const { host, output } = context;
  const said = mergeAnswers(context.answers, await answersFile(context.answers, host));
  const dir = dirOf(said);
  const interactive = output.terminal && !isOn(context, 'yes');
  // Loading the questions takes as long as asking the engine: side by side.
  const prompts = interactive ? context.prompts() : undefined;
  const wish = said.engine?.value as EngineWish | undefined;
  const found = await gatherFacts(host, dir, wish, said['image-archive'] !== undefined);
  const before = found.last ?? carriedAnswers();
  const answers = mergeAnswers(said, before);
  const asks = interactive && !isOn(context, 'dry-run');
  // What came with a bundle is asked for in this run; what the last one settled is not.
  const facts = await decideEngine(context, found, found.last ? said : answers, asks);
  if (facts.engine instanceof CliError) throw facts.engine;
  const { engine } = facts;
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
  if (facts.last && !engine.bring) {
    const plain = !FLAG_NAMES.some((name) => flag(name).setting && said[name]);
    if (plain && (await (await import('./again.ts')).again(context)) === 'done') return undefined;
    return { ...collected, changing: plain };
  }
  // Two RSA keys take about a second: they are made while the person reads.
  if (answers.tls?.value !== 'insecure') for (const begin of [keys.ca, keys.site]) begin().catch(() => {});
  output.say(foundLine(facts, engine, (await host.space(dir)).free), '');
  await askMissing(asking);
  return collected;
}

/** What cannot be is told, and its answer asked again: nobody should start over for one of them. */
async function firstWish(
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

/** Settings and certificates from the answers, with every check that can be made before anything is touched. */
async function settle(
  context: Context,
  { asking, facts, engine, keys, interactive }: Collected,
): Promise<Wanted> {
  const { host, output } = context;
  const { answers, dir, passwords } = asking;
  const source = await imageSource(context, answers);
  const { archive } = source;
  const result = resolveSettings(answers, {
    ...source,
    host: facts.addresses[0]?.host,
    dir,
    engine: engine.kind,
  });
  if ('problems' in result) throw new InputError(result.problems);
  const settings = { ...result.settings, ...(await aroundDefaults(result.settings, engine, facts, host)) };
  const seen = engine.bring && engine.kind !== 'native' ? withoutEngine(host, engine.kind) : host;
  const findings = await preflight(settings, facts, seen);
  const failed = findingsError(findings);
  if (failed) throw failed;
  const certificates = await certificatesFor(context, settings, keys, {});
  const warnings = [
    ...findings.map(({ message, fix }) => [message, ...fix].join('   ')),
    ...(certificates.site?.warnings ?? []),
    ...otherImage(settings, facts.last),
    ...(interactive ? [] : bringWarnings(engine)),
    ...(await engineWarnings(engine, answers, host)),
    ...(settings.tls === 'insecure' && settings.auth !== 'none'
      ? ['Passwords travel in clear: everyone on the way can read them.']
      : []),
  ];
  for (const warning of warnings) output.say(`${output.paint('yellow', SYMBOL.warning)} ${warning}`);
  return { settings, facts, engine, passwords, archive, certificates };
}

/** What a person may not expect of the engine that was found. */
async function engineWarnings(engine: EngineInfo, answers: Answers, host: Host): Promise<string[]> {
  if (engine.kind === 'docker') return [];
  const keeper = await keeperOf(host);
  const { package: pack, fromImage } = engine as NativeInfo;
  const chosen = answers.engine !== undefined && answers.engine.value !== 'auto';
  const from = pack ? `, from the package ${pack.name}` : fromImage ? ', out of the image' : '';
  const warnings: string[] = [];
  if (engine.kind === 'native' && !chosen)
    warnings.push(`No container engine is here: the registry becomes a program of this machine${from}.`);
  if (keeper === 'script')
    warnings.push(
      'There is no systemd: it will not survive a restart of the machine. After one:   registry-setup --yes',
    );
  if (keeper === 'own systemd' && !(await host.stat(`/var/lib/systemd/linger/${userInfo().username}`)))
    warnings.push('It ends when you log out, and waits for your login, unless:   loginctl enable-linger');
  return warnings;
}

/** Nobody was asked about it: `--engine NAME` is a request to see to that engine. */
function bringWarnings({ kind, bring = [] }: EngineInfo): string[] {
  const [first] = bring;
  if (!first || kind === 'native') return [];
  if (first.kind === 'package')
    return [
      `${TITLE[kind]} is not here: it is installed from the package ${first.name}, and stays when the registry goes.`,
    ];
  return ['Docker does not run: it is started, now and with the machine. What is in it is looked at then.'];
}

function tell({ output }: Context, settings: Settings, outcome: Outcome, news: string[]): void {
  const { changes, material, passwordFile } = outcome;
  const { site } = material;
  output.json({
    ok: true,
    changed: changes.map(({ title, drift }) => ({ title, what: drift.what })),
    registry: { address: address(settings), tls: settings.tls, auth: settings.auth, users: settings.users },
    client: clientLine(settings, site),
    ...(site && { certificates: certificateFacts(site) }),
    ...(news.length > 0 && { clients: news.map((line) => line.trim()) }),
    ...(passwordFile && { passwordFile }),
  });
  if (changes.length === 0)
    output.say(
      `Nothing to do: the registry at ${address(settings)} is as it should be.`,
      ...lacksLines(site?.lacks),
    );
  else
    output.say(...summaryLines(settings, outcome, output.paint), ...(news.length > 0 ? ['', ...news] : []));
}

async function imageSource(
  { host }: Context,
  answers: Answers,
): Promise<{ archive?: string | undefined; image?: string }> {
  const given = answers['image-archive']?.value;
  // What a bundle holds is known without a look into it.
  if (given === undefined) return { archive: carried()?.file };
  const archive = resolve(String(given));
  const names = await archiveImages(host, archive);
  return { archive, image: chooseImage(names, archive, answers.image?.value as string | undefined) };
}

/** Nobody is there to ask: every question that has no answer yet, at once. */
async function missing(asking: Asking): Promise<CliError> {
  const { answers, facts } = asking;
  const fits = await Promise.all(QUESTIONS.map(({ when }) => when(asking)));
  const asked = QUESTIONS.filter(({ flag }, i) => answers[flag] === undefined && fits[i]);
  const [suggestion] = facts.addresses;
  if (asked.length === 0)
    return new CliError('Nobody is here to say yes.', { fix: 'Add --yes to go ahead.', exitCode: 2 });
  return new CliError(`Missing: ${asked.map(({ flag }) => `--${flag}`).join(', ')}.`, {
    why: 'There is no terminal to ask on.',
    fix: [`Give them, or take every default with --yes${suggestion ? ` (--host ${suggestion.host})` : ''}.`],
    exitCode: 2,
  });
}
