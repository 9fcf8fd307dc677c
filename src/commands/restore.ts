// `registry-setup restore FILE`: the registry of a backup, on this machine.
import { join, resolve } from 'node:path';
import { certificateFacts } from '../certificates/description.ts';
import { makeKeys } from '../certificates/site.ts';
import { splitPem } from '../certificates/split.ts';
import { type Context, dirOf, isOn, mayAsk } from '../context.ts';
import { readyInfo } from '../engines/types.ts';
import { CliError, InputError } from '../errors.ts';
import { changed, showDryRun } from '../reconcile/dry-run.ts';
import { runSteps } from '../reconcile/progress.ts';
import { awaitTurn } from '../reconcile/recover.ts';
import { canListenOn } from '../server/checks/names.ts';
import { statesIn } from '../server/maintenance/backup/directory.ts';
import { memberOf, REGISTRY_FILES, totals, unusable } from '../server/maintenance/backup/format.ts';
import { type Found, needsPassphrase, readBackup } from '../server/maintenance/backup/read.ts';
import { restoring } from '../server/maintenance/backup/restore.ts';
import { type Passphrase, passphraseOf } from '../server/maintenance/backup/seal.ts';
import { preview } from '../server/make-plan.ts';
import { type Facts, gatherFacts } from '../server/plan/facts.ts';
import type { Outcome, ServerRequest } from '../server/request.ts';
import { carryOut } from '../server/run.ts';
import { clientNews, type Former } from '../server/screens/client-changes.ts';
import { reviewLines } from '../server/screens/review.ts';
import { clientLine } from '../server/screens/summary.ts';
import { settle } from '../server/settle.ts';
import { decideEngine } from '../server/wizard/engine.ts';
import type { Answers } from '../settings/answers.ts';
import { readAnswers } from '../settings/arguments.ts';
import { givenPassphrase } from '../settings/given-passphrase.ts';
import { addressedBy, publicAddress } from '../settings/public-address.ts';
import { mergeAnswers } from '../settings/resolve.ts';
import type { EngineChoice } from '../settings/settings.ts';
import { readYaml } from '../templates.ts';
import { commandLine, setUpCalledAs } from '../terminal/command.ts';
import { bytes, count } from '../terminal/output.ts';
import { quoted, shellLine } from '../terminal/shell.ts';
import { agree, askable } from './consent.ts';

export async function restore(context: Context): Promise<void> {
  const { answers, operands, output } = context;
  const [word = ''] = operands;
  const dry = isOn(context, 'dry-run');
  if (!dry) askable(context);
  const dir = dirOf(answers);
  const place = await placeOf(context, resolve(word));
  await awaitTurn(context, dir);
  await mustBeFree(context, dir);
  const key = await passphraseFor(context, place);
  const passphrase = async () => key;
  const found = await checked(context, place, passphrase);
  // Whatever does not fit here is changed by a flag of this command.
  setUpCalledAs(`restore ${quoted(word)}`);
  const request = await settled(context, dir, found);
  await mustFit(context, request, found);
  const images = withImages(context, found);
  const lines = backupLines(place, found, request.settings.storage, images);
  const plan = await preview(request, context);
  if (dry) {
    output.say(...lines, '');
    return showDryRun(context, plan);
  }
  output.say('', ...lines, ...reviewLines(request.settings, plan.changes, request.facts, request.engine), '');
  await agree(context, 'Restore it here?', true);
  const more = images
    ? restoring(request, context, { place, passphrase, contents: found.contents })
    : undefined;
  const outcome = await carryOut(request, context, more);
  tell(context, request, found, outcome);
}

/** Returns the file, or the newest state of a directory of backups. @throws CliError (exit 2) if there is none */
async function placeOf({ host }: Context, path: string): Promise<string> {
  if ((await host.stat(path))?.type !== 'dir') return path;
  const newest = (await statesIn(host, path)).at(-1);
  if (newest) return newest;
  throw unusable(
    path,
    'no state of a backup is in that directory.',
    commandLine(`backup --to ${quoted(path)}`),
  );
}

/** @throws CliError (exit 2) if a registry is in the directory */
async function mustBeFree({ host }: Context, dir: string): Promise<void> {
  if (!(await host.stat(join(dir, 'settings.yml')))) return;
  const at = dir === dirOf({}) ? '' : ` --dir ${quoted(dir)}`;
  throw new CliError(`A registry is in ${dir}, and a backup is restored over none.`, {
    fix: [
      `Remove that one first; its images stay:   ${commandLine(`uninstall${at}`)}`,
      `Or restore beside it:                     ${commandLine('restore FILE --dir DIR --port PORT --name NAME')}`,
    ],
    exitCode: 2,
  });
}

/** Returns the passphrase of a backup that needs one: given, or asked for. */
async function passphraseFor(context: Context, place: string): Promise<Passphrase | undefined> {
  const given = await givenPassphrase(context.answers, context.host);
  if (given) return passphraseOf(given);
  if (!(await needsPassphrase(context.host, place)) || !context.output.terminal) return undefined;
  const prompts = await context.prompts();
  return passphraseOf(
    await prompts.password({
      message: `Passphrase of ${place}`,
      validate: (text) => text !== '' || 'It is encrypted: a passphrase is needed.',
    }),
  );
}

/** Reads the whole backup, and writes nothing. @throws CliError (exit 2) if it cannot be used */
async function checked(
  { host, output, signal }: Context,
  place: string,
  passphrase: () => Promise<Passphrase | undefined>,
): Promise<Found> {
  let found: Found | undefined;
  const step = {
    title: `Checked ${place}`,
    async run(report: (text: string) => void) {
      found = await readBackup(host, place, {
        passphrase,
        told: (done) => report(`${bytes(done)} of images`),
      });
      return `Checked ${place}: ${amount(found)}`;
    },
  };
  await runSteps([step], output, signal);
  return found as unknown as Found;
}

/** Tells whether the images are restored: they are in the backup, and the user does not leave them out. */
const withImages = ({ answers }: Context, { contents }: Found): boolean =>
  contents.images && answers.images?.value !== false;

function amount({ contents }: Found): string {
  const { images, repositories, bytes: size } = totals(contents);
  if (!contents.images) return 'no images';
  return `${count(images, 'image')} in ${count(repositories, 'repository', 'repositories')}, ${bytes(size)}`;
}

const fileIn = ({ files }: Found, path: string) => files.get(memberOf(path))?.toString();

/** Returns the answers of the registry that was backed up, without those that belong to its machine. */
function formerAnswers(found: Found, place: string, dir: string): Answers {
  const text = fileIn(found, 'settings.yml');
  if (text === undefined) throw unusable(place, 'settings.yml is not in it.');
  const file = `settings.yml in ${place}`;
  const { engine: _, 'hosts-line': __, ...kept } = readAnswers(file, readYaml(text, file));
  // Whether there is a firewall to open is a question to this machine; that it must stay shut was an answer.
  if (kept['open-port']?.value === true) delete kept['open-port'];
  const { storage } = kept;
  const former = `${found.contents.dir}/`;
  if (storage && String(storage.value).startsWith(former))
    kept.storage = { ...storage, value: join(dir, String(storage.value).slice(former.length)) };
  const answered = Object.entries(kept).filter(
    ([name, { value }]) => name !== 'user' || !Array.isArray(value) || value.length > 0,
  );
  return Object.fromEntries(answered.map(([name, answer]) => [name, { ...answer, last: true }]));
}

/** Returns the facts with the engine: the one that the user names, else the former one if it runs here, else what is here. */
async function factsFor(context: Context, dir: string, found: Found): Promise<Facts> {
  const { answers, host } = context;
  const said = answers.engine?.value as EngineChoice | undefined;
  const archive = answers['image-archive'] !== undefined;
  const former = (
    readYaml(fileIn(found, 'settings.yml') ?? '', 'settings.yml') as { engine?: EngineChoice } | null
  )?.engine;
  const first = said ?? (former && ENGINES.includes(former) ? former : 'auto');
  const facts = await gatherFacts(host, dir, first, archive);
  const here = said || facts.engine.state === 'ready' ? facts : await gatherFacts(host, dir, 'auto', archive);
  return decideEngine(context, here, answers, mayAsk(context) && !isOn(context, 'dry-run'));
}

const ENGINES: EngineChoice[] = ['docker', 'podman', 'native'];

async function settled(context: Context, dir: string, found: Found): Promise<ServerRequest> {
  const { answers: said, host } = context;
  const former = formerAnswers(found, context.operands[0] ?? '', dir);
  const { bind } = former;
  if (bind && !said.bind && !canListenOn(String(bind.value), host))
    throw new InputError([
      {
        where: bind.where,
        message: `this machine has no address ${bind.value} to listen on`,
        fix: commandLine('--bind 0.0.0.0'),
      },
    ]);
  const facts = await factsFor(context, dir, found);
  const text = fileIn(found, 'settings.yml');
  const kept = new Map<string, Buffer>(
    REGISTRY_FILES.flatMap((path) => {
      const file = found.files.get(memberOf(path));
      return file ? [[join(dir, path), file] as const] : [];
    }),
  );
  return settle(context, {
    answers: mergeAnswers(said, former),
    dir,
    passwords: new Map(),
    facts: { ...facts, settingsText: text },
    engine: readyInfo(facts.engine),
    keys: makeKeys(),
    interactive: mayAsk(context),
    kept,
  });
}

/** @throws CliError (exit 2) if images are in the way, or there is no room for those of the backup */
async function mustFit(context: Context, { settings }: ServerRequest, found: Found): Promise<void> {
  const { storage } = settings;
  const { host } = context;
  if (!withImages(context, found)) return;
  if (await host.stat(join(storage, 'docker')))
    throw new CliError(`Images are in ${storage} already, and those of a backup are not mixed with them.`, {
      fix: [
        `Restore into another directory:   ${commandLine('--storage DIR')}`,
        `Or move them away:                ${shellLine('mv', [join(storage, 'docker'), `${storage}/docker.before`])}`,
        `Or keep them:                     ${commandLine('--no-images')}`,
      ],
      exitCode: 2,
    });
  const { free } = await host.space(storage);
  const needed = totals(found.contents).bytes;
  if (needed < free) return;
  throw new CliError(`The images need ${bytes(needed)}, and ${bytes(free)} are free in ${storage}.`, {
    fix: commandLine('--storage DIR'),
    exitCode: 2,
  });
}

/** Returns the rows of the review that are about the backup. */
function backupLines(place: string, found: Found, storage: string, images: boolean): string[] {
  const { made } = found.contents;
  const row = (title: string, text: string) => `  ${title.padEnd(12)}${text}`;
  return [
    row('From', `${place}, of ${made.slice(0, 16).replace('T', ' ')} UTC`),
    row('Restores', images ? `${amount(found)}, into ${storage}` : `no images; what is in ${storage} stays`),
  ];
}

/** Returns what clients know of the registry that was backed up. */
function formerOf(found: Found): Former {
  const last = readYaml(fileIn(found, 'settings.yml') ?? '', 'settings.yml') as Record<string, unknown>;
  const former = publicAddress(addressedBy((word) => last[word]));
  return {
    auth: String(last.auth ?? 'none'),
    address: former.name,
    tls: former.tls,
    roots: splitPem(fileIn(found, 'certs/ca.crt') ?? ''),
  };
}

function tell(context: Context, request: ServerRequest, found: Found, outcome: Outcome): void {
  const { output } = context;
  const { settings } = request;
  const { site } = outcome.secrets;
  const news = clientNews(formerOf(found), settings, site);
  const { images, repositories, bytes: size } = totals(found.contents);
  output.json({
    ok: true,
    changed: changed(outcome.changes),
    registry: {
      address: publicAddress(settings).name,
      tls: settings.tls,
      auth: settings.auth,
      users: settings.users,
    },
    ...(withImages(context, found) && { images, repositories, imageBytes: size }),
    client: clientLine(settings, site),
    clients: news.map((line) => line.trim()),
    ...(site && { certificates: certificateFacts(site) }),
  });
  output.say(
    '',
    `  Your registry: ${output.paint('bold', publicAddress(settings).origin)}${withImages(context, found) ? `, with ${amount(found)}` : ''}`,
    '',
    ...(news.length > 0
      ? [...news, '  On each developer machine:', `    ${clientLine(settings, site)}`]
      : [
          `  Clients do nothing: address, certificate and passwords are the same. They find it here as soon as`,
          `  ${settings.host} leads to this machine.`,
          '  On a new developer machine:',
          `    ${clientLine(settings, site)}`,
        ]),
    '',
    `  See that all is well:   ${commandLine('status')}`,
  );
}
