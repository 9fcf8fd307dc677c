// `registry-setup`: sets the registry up, or changes the one that is here.
import { resolve } from 'node:path';
import { archiveImages, chooseImage } from '../archive.ts';
import { type Answers, readAnswers } from '../arguments.ts';
import { certificateFacts } from '../certificate-facts.ts';
import { certificatesFor } from '../certificates.ts';
import { clientNews, formerTrust } from '../client-news.ts';
import { type Context, dirOf, isOn } from '../context.ts';
import { CliError, InputError } from '../errors.ts';
import { type Facts, gatherFacts } from '../facts.ts';
import { FLAG_NAMES, flag } from '../flags.ts';
import { SYMBOL } from '../output.ts';
import { givenPasswords } from '../passwords.ts';
import { findingsError, preflight } from '../preflight.ts';
import { type Asking, askMissing, QUESTIONS } from '../questions.ts';
import { everyone } from '../roles.ts';
import { banner, clientLine, foundLine, summaryLines } from '../screens.ts';
import { carryOut, preview, type Wanted } from '../server.ts';
import { address, type Defaults, mergeAnswers, resolveSettings, type Settings } from '../settings.ts';
import { makeKeys } from '../site.ts';
import { readYaml } from '../templates.ts';
import { showDryRun } from './dry-run.ts';
import { changeOne, review } from './review.ts';

export async function setup(context: Context): Promise<void> {
  const { host, output } = context;
  const file = context.answers.answers;
  const fromFile = file ? await answersFile(String(file.value), context) : {};
  const said = mergeAnswers(context.answers, fromFile);
  const dir = dirOf(said);
  const facts = await gatherFacts(host, dir);
  if (facts.engine instanceof CliError) throw facts.engine;
  const { engine } = facts;
  const answers = mergeAnswers(said, facts.last ?? {});
  const interactive = output.terminal && !isOn(context, 'yes');

  const asking: Asking = {
    answers,
    passwords: new Map(),
    facts,
    dir,
    prompts: await (interactive ? context.prompts() : (undefined as never)),
    free: async (path) => (await host.space(path)).free,
  };
  const keys = makeKeys();
  let changing = false;
  if (interactive) {
    // Two RSA keys take about a second: they are made while the person reads.
    if (!facts.last && answers.tls?.value !== 'insecure')
      for (const begin of [keys.ca, keys.site]) begin().catch(() => {});
    output.say(...banner(output.paint));
    if (!facts.last) output.say(foundLine(facts, engine, (await host.space(dir)).free), '');
    else if (!FLAG_NAMES.some((name) => flag(name).setting && said[name])) {
      if ((await (await import('./again.ts')).again(context)) === 'done') return;
      changing = true;
    }
    await askMissing(asking);
  } else if (!isOn(context, 'yes')) throw missing(answers, facts);

  const want = async (): Promise<Wanted> => {
    const { archive, ...defaults } = await imageSource(context, answers);
    const settings = settle(answers, { ...defaults, host: facts.addresses[0]?.host, dir });
    const findings = await preflight(settings, facts, host);
    const failed = findingsError(findings);
    if (failed) throw failed;
    const certificates = await certificatesFor(context, settings, keys, {});
    const clear = settings.tls === 'insecure' && settings.auth !== 'none';
    const warnings = [
      ...findings.map(({ message, fix }) => [message, ...fix].join('   ')),
      ...(certificates.site?.warnings ?? []),
      ...(clear ? ['Passwords travel in clear: everyone on the way can read them.'] : []),
    ];
    for (const warning of warnings) output.say(`${output.paint('yellow', SYMBOL.warning)} ${warning}`);
    return { settings, facts, engine, passwords: asking.passwords, archive, certificates };
  };
  let wanted = changing ? await changeOne(context, asking, want) : await want();
  asking.passwords = new Map([
    ...(await givenPasswords(answers, context.env, host, everyone(wanted.settings))),
    ...asking.passwords,
  ]);
  wanted = { ...wanted, passwords: asking.passwords };

  if (isOn(context, 'dry-run')) return showDryRun(context, await preview(wanted, context));
  if (interactive) {
    const accepted = await review(context, asking, wanted, want);
    if (!accepted) return;
    wanted = accepted;
  }
  const former = await formerTrust(facts, host, dir);
  const { changes, material, passwordFile } = await carryOut(wanted, context);
  const { settings } = wanted;
  const news = clientNews(former, settings, material.site);
  output.json({
    ok: true,
    changed: changes.map(({ title, drift }) => ({ title, what: drift.what })),
    registry: { address: address(settings), tls: settings.tls, auth: settings.auth, users: settings.users },
    client: clientLine(settings, material.site),
    ...(material.site && { certificates: certificateFacts(material.site) }),
    ...(news.length > 0 && { clients: news.map((line) => line.trim()) }),
    ...(passwordFile && { passwordFile }),
  });
  if (changes.length === 0)
    output.say(`Nothing to do: the registry at ${address(settings)} is as it should be.`);
  else
    output.say(
      ...summaryLines(settings, material, passwordFile, output.paint),
      ...(news.length > 0 ? ['', ...news] : []),
    );
}

async function answersFile(path: string, { host }: Context): Promise<Answers> {
  const bytes = await host.read(path);
  if (!bytes) throw new InputError([{ where: '--answers', message: `there is no file ${path}` }]);
  return readAnswers(path, readYaml(bytes.toString(), path));
}

function settle(answers: Answers, defaults: Defaults): Settings {
  const result = resolveSettings(answers, defaults);
  if ('problems' in result) throw new InputError(result.problems);
  return result.settings;
}

async function imageSource({ host }: Context, answers: Answers) {
  const given = answers['image-archive']?.value;
  if (given === undefined) return {};
  const archive = resolve(String(given));
  const names = await archiveImages(host, archive);
  return { archive, image: chooseImage(names, archive, answers.image?.value as string | undefined) };
}

/** Nobody is there to ask: every question that has no answer yet, at once. */
function missing(answers: Answers, facts: Facts): CliError {
  const asked = QUESTIONS.filter(
    ({ flag, when }) => answers[flag] === undefined && when({ answers } as Asking),
  );
  const [suggestion] = facts.addresses;
  if (asked.length === 0)
    return new CliError('Nobody is here to say yes.', { fix: 'Add --yes to go ahead.', exitCode: 2 });
  return new CliError(`Missing: ${asked.map(({ flag }) => `--${flag}`).join(', ')}.`, {
    why: 'There is no terminal to ask on.',
    fix: [`Give them, or take every default with --yes${suggestion ? ` (--host ${suggestion.host})` : ''}.`],
    exitCode: 2,
  });
}
