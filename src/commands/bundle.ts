// `registry-setup bundle FILE`: puts this program, the images and the answers into one file, for a server without network.
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fetchFromRegistry } from '../bundle/fetch.ts';
import { commonArchive, fetcher, fetchSteps, missingImages, wantedIn } from '../bundle/images.ts';
import { thisNode } from '../bundle/node.ts';
import { isBundle, packBundle } from '../bundle/pack.ts';
import { type Context, isOn } from '../context.ts';
import { archiveImages, chooseImage, listArchive } from '../engines/images/archive.ts';
import { CliError, InputError, Interrupted } from '../errors.ts';
import { sha256 } from '../host/sha256.ts';
import { VERSION } from '../package.ts';
import { programFiles } from '../program/files.ts';
import { runSteps, type Step } from '../reconcile/progress.ts';
import type { Answers } from '../settings/answers.ts';
import { answersFile } from '../settings/answers-file.ts';
import { FLAG_NAMES, flag } from '../settings/flags.ts';
import { imagesOf } from '../settings/gateway.ts';
import { mergeAnswers, resolveSettings } from '../settings/resolve.ts';
import { DEFAULT_DIR, type Program } from '../settings/settings.ts';
import { commandLine } from '../terminal/command.ts';
import { bytes } from '../terminal/output.ts';
import { quoted, shellLine } from '../terminal/shell.ts';

/** What goes into the file. */
interface BundleRequest {
  refs: string[];
  /** The answers that count on the server unless the user gives others there. */
  answers: Record<string, unknown>;
  archive: string | undefined;
  /** The node of this machine, if the user wants it. */
  node: Buffer | undefined;
}

interface Made {
  file: string;
  size: number;
  sha256: string;
  architecture: string;
}

export async function bundle(context: Context): Promise<void> {
  const { host, uninterruptible, output, signal } = context;
  const file = await target(context);
  const request = await readWish(context);
  const program = request.archive ? undefined : await fetcher(host);
  const absent = program ? await missingImages(host, request.refs, program) : request.refs;
  if (isOn(context, 'dry-run')) return showPlan(context, file, request, absent);

  await tryToWrite(context, file);
  // On disk, and not in memory as /tmp often is. Made without another program, so that no Ctrl-C comes before its name is known.
  const base = context.env.TMPDIR || ((await host.stat('/var/tmp')) ? '/var/tmp' : tmpdir());
  const folder = join(base, `registry-setup-${randomBytes(8).toString('hex')}`);
  await host.mkdir(folder, 0o700);
  const made: Made = { file, size: 0, sha256: '', architecture: '' };
  try {
    await runSteps(steps(context, request, made, { folder, program, absent }), output, signal);
  } finally {
    await uninterruptible.removeTree(folder);
  }
  tell(context, request, made);
}

interface From {
  folder: string;
  program: Program | undefined;
  absent: string[];
}

function steps(
  { host, signal, env }: Context,
  request: BundleRequest,
  made: Made,
  { folder, program, absent }: From,
): Step[] {
  const { refs, answers, archive, node } = request;
  const saved = join(folder, 'images.tar');
  const write: Step = {
    title: made.file,
    run: async () => {
      const { tar, architecture } = await commonArchive(host, archive ?? saved, refs);
      made.architecture = architecture;
      const contents = {
        version: VERSION,
        architecture,
        images: refs,
        answers,
        ...(node && { node: process.versions.node, nodeBinary: node }),
      };
      const all = await packBundle({ ...contents, program: await programFiles(host), archive: tar });
      if (signal.aborted) throw new Interrupted();
      await host.write(made.file, all, { mode: 0o755 });
      made.size = all.length;
      made.sha256 = sha256(all);
      return `${made.file}, ${bytes(all.length)}`;
    },
  };
  if (archive) return [write];
  const fetch = program
    ? fetchSteps(host, refs, absent, program, saved)
    : fetchFromRegistry(host, refs, env, folder, saved);
  return [...fetch, write];
}

/** Returns the path of the bundle: it may replace another bundle, and nothing else. @throws InputError */
async function target({ operands, host }: Context): Promise<string> {
  const [word] = operands;
  const bad = (message: string, fix?: string) => new InputError([{ where: word ?? 'bundle', message, fix }]);
  if (!word) throw bad('needs the name of the file to write', commandLine('bundle registry.run'));
  const file = resolve(word);
  const [there, parent] = await Promise.all([host.stat(file), host.stat(dirname(file))]);
  if (there?.type === 'dir')
    throw bad('is a directory', commandLine(`bundle ${quoted(join(word, 'registry.run'))}`));
  if (there && there.type !== 'file') throw bad('is not a file', commandLine('bundle registry.run'));
  if (parent?.type !== 'dir')
    throw bad(`there is no directory ${dirname(file)}`, `mkdir -p ${quoted(dirname(file))}`);
  const before = there?.size ? await host.read(file) : undefined;
  if (before && !isBundle(before))
    throw bad('is there and is not a bundle: it is not overwritten', 'Choose another name.');
  return file;
}

/** Verifies that the file can be written, before a long download. @throws CliError (exit 2) if not */
async function tryToWrite({ host }: Context, file: string): Promise<void> {
  const probe = join(dirname(file), `.${basename(file)}.${randomBytes(4).toString('hex')}.tmp`);
  await host.create(probe, '').catch(({ message }: CliError) => {
    throw new CliError(message.replace(probe, file), { exitCode: 2 });
  });
  await host.remove(probe);
}

/** Reads the answers, and checks them here as the server would. @throws InputError with every problem */
async function readWish({ answers: said, host }: Context): Promise<BundleRequest> {
  const answers = mergeAnswers(said, await answersFile(said, host));
  const given = answers['image-archive'];
  const archive = given && resolve(String(given.value));
  const image =
    archive &&
    chooseImage(await archiveImages(host, archive), archive, answers.image?.value as string | undefined);
  // The server may ask for its address.
  const place = { dir: DEFAULT_DIR, host: 'registry.invalid', engine: 'docker' as const };
  const result = resolveSettings(answers, { ...place, image, archive: 'bundle' });
  if ('problems' in result) throw new InputError(result.problems);
  const { settings } = result;
  const refs = imagesOf(settings).map(({ ref }) => ref);
  refuseOthers(answers, refs);
  if (archive) wantedIn(await listArchive(host, archive), refs, archive);
  const node = answers['with-node']?.value === true ? await thisNode(host) : undefined;
  return { refs, archive, node, answers: { ...told(answers), image: settings.image } };
}

/** Refuses what a bundle cannot carry: images by digest, and --dir. @throws InputError */
function refuseOthers(answers: Answers, refs: string[]): void {
  const problems = refs
    .filter((ref) => ref.includes('@'))
    .map((ref) => ({
      where: ref,
      message: 'an image archive knows names, not digests',
      fix: `Give it a name first:   docker tag ${ref} registry:3`,
    }));
  const dir = answers.dir;
  if (dir)
    problems.push({
      where: dir.where,
      message: 'is given on the server',
      fix: shellLine('sh', ['FILE', '--dir', String(dir.value)]),
    });
  if (problems.length > 0) throw new InputError(problems);
}

/** Returns every given setting, under its name. */
const told = (answers: Answers): Record<string, unknown> =>
  Object.fromEntries(
    FLAG_NAMES.filter((name) => flag(name).setting && answers[name]).map((name) => [
      name,
      answers[name]?.value,
    ]),
  );

function showPlan(
  { output }: Context,
  file: string,
  { refs, answers, archive, node }: BundleRequest,
  absent: string[],
): void {
  const images = refs.map((ref) => ({ ref, here: !absent.includes(ref) }));
  output.json({ ok: true, dryRun: true, file, images, answers });
  const from = (here: boolean) => (archive ? `out of ${archive}` : here ? 'here already' : 'will be fetched');
  output.out(
    `${output.paint('bold', file)}   new`,
    `  registry-setup ${VERSION}${nodeText(node)}`,
    ...images.map(({ ref, here }) => `  image ${ref}   (${from(here)})`),
    ...Object.entries(answers).map(([name, value]) => `  ${name}: ${value}`),
    '',
    'Nothing was changed.',
  );
}

const nodeText = (node: Buffer | undefined) => (node ? `, node ${process.versions.node}` : '');

function tell({ output, operands }: Context, { refs, answers, node }: BundleRequest, made: Made): void {
  const { file, size, sha256, architecture } = made;
  output.json({ ok: true, file, bytes: size, sha256, architecture, images: refs, answers });
  const name = quoted(basename(operands[0] ?? file));
  const names = Object.keys(answers).filter((key) => key !== 'image');
  output.say(
    '',
    `  In it: registry-setup ${VERSION}${nodeText(node)}, ${refs.join(', ')} (linux/${architecture})${names.length > 0 ? `, answers: ${names.join(', ')}` : ''}. No password.`,
    '',
    `  Copy it to the server, which needs ${node ? 'nothing else' : 'Node 20.17'} and no network. There, as root:`,
    `    sh ${name}                 asks; with --yes it does not`,
    `    sh ${name} status          and every other command, also later: keep the file`,
    '  On a developer machine without network:',
    `    sh ${name} --client --host …   (the line that the server prints)`,
  );
}
