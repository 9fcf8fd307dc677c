// `registry-setup image save REF FILE`: an image in one file, which other registries and engines load.
import { dirname, join, resolve } from 'node:path';
import { type Context, isOn } from '../../context.ts';
import { CliError, InputError } from '../../errors.ts';
import { besides } from '../../host/beside.ts';
import { shortName } from '../../images/name.ts';
import { type Reference, readReference } from '../../images/pattern.ts';
import { attachedTo, nameOfAttached } from '../../images/transfer/attached.ts';
import { forDocker, membersOf, savedImage } from '../../images/transfer/layout.ts';
import { reading } from '../../images/transfer/trouble.ts';
import { platformsIn, sizeOf, type WholeImage, wholeImage } from '../../images/transfer/whole.ts';
import type { Session } from '../../registry/session.ts';
import { commandLine } from '../../terminal/command.ts';
import { bytes, count } from '../../terminal/output.ts';
import { quoted } from '../../terminal/shell.ts';
import { toStandardOutput } from '../../terminal/standard-output.ts';
import { withRegistry } from './registry.ts';
import { alongLines, attachedLines, endsWithSignal, foundImage, withProgress } from './transfer.ts';

export const save = (context: Context): Promise<void> =>
  endsWithSignal(context, async () => {
    const [word = '', to = ''] = context.operands;
    const file = await target(context, to);
    await withRegistry(context, ({ session }) => saveFrom(context, session, word, file));
  });

/** Returns the path of the file; undefined for standard output. @throws InputError if it must not be written */
async function target(context: Context, word: string): Promise<string | undefined> {
  const { host, output } = context;
  const bad = (message: string, fix?: string) => new InputError([{ where: quoted(word), message, fix }]);
  if (word === '-') {
    if (output.asJson) throw bad('standard output carries the image, and no document of --json');
    if (process.stdout.isTTY && !isOn(context, 'dry-run'))
      throw bad('an archive is not written to a terminal', `${commandLine('image save REF -')} > FILE`);
    return undefined;
  }
  const file = resolve(word);
  const [there, parent] = await Promise.all([host.stat(file), host.stat(dirname(file))]);
  if (there?.type === 'dir') throw bad('is a directory', quoted(join(word, 'image.tar')));
  if (there && there.type !== 'file') throw bad('is not a file');
  if (parent?.type !== 'dir')
    throw bad(`there is no directory ${dirname(file)}`, `mkdir -p ${quoted(dirname(file))}`);
  if (there && !isOn(context, 'yes') && !isOn(context, 'dry-run'))
    throw bad('is there already', 'With --yes it is replaced.');
  return file;
}

async function saveFrom(
  context: Context,
  session: Session,
  word: string,
  file: string | undefined,
): Promise<void> {
  const { output } = context;
  const reference = readReference(word, session.name);
  const { repository } = reference;
  const top = await foundImage(session, reference);
  const [image, attached] = await reading(session, repository, async () => {
    const whole = await wholeImage(session, repository, top);
    return [whole, await attachedTo({ session, repository }, whole)] as const;
  });
  const saved = { image, attached, named: named(session, reference) };
  const { blobs, documents } = membersOf(saved);
  const name = `${session.name}/${shortName(reference)}`;
  const platform = forDocker(image) && platformOf(image);
  const about = {
    file: file ?? '-',
    name,
    digest: top.digest,
    platforms: platformsIn(image),
    blobs: blobs.length,
    bytes: sizeOf([...blobs, ...documents.map(({ body }) => ({ size: body.length }))]),
    attached: attached.map(nameOfAttached),
  };
  if (isOn(context, 'dry-run')) {
    output.json({ ok: true, dryRun: true, ...about });
    return output.out(
      `${name} to ${about.file}`,
      `  ${top.digest}   ${count(about.blobs, 'blob')}, ${bytes(about.bytes)}`,
      ...attachedLines(attached),
    );
  }
  await withProgress(context, 'saved', async (told) => {
    const archive = savedImage({ session, repository }, saved, told);
    await (file ? intoFile(context, file, archive) : toStandardOutput(archive, context.signal));
  });
  output.json({ ok: true, ...about });
  output.say(
    `Saved ${name} in ${file ?? 'standard output'}.`,
    `  ${top.digest}   ${count(about.blobs, 'blob')}, ${bytes(about.bytes)}`,
    ...alongLines({ attached: about.attached, stay: [] }),
    ...(platform && about.platforms.length > 1
      ? [`  Podman, and a docker without containerd's image store, load ${platform} of it.`]
      : []),
  );
}

const named = ({ name }: Session, { repository, tag, digest }: Reference) =>
  tag !== undefined || digest === undefined
    ? { name: `${name}/${repository}:${tag ?? 'latest'}`, tag: tag ?? 'latest' }
    : undefined;

/** Returns the platform that a docker loads which takes one only. */
function platformOf(image: WholeImage): string | undefined {
  const chosen = forDocker(image)?.digest;
  return image.documents.flatMap(({ manifest }) => manifest.children).find(({ digest }) => digest === chosen)
    ?.platform;
}

/** Writes beside the file first: nothing is left of an archive that is cut short. @throws CliError */
async function intoFile(
  { host, uninterruptible }: Context,
  file: string,
  archive: AsyncIterable<Buffer>,
): Promise<void> {
  const temporary = besides(file);
  try {
    await host.save(temporary, archive, 0o644);
    await host.rename(temporary, file);
  } catch (error) {
    await uninterruptible.remove(temporary);
    throw error instanceof CliError ? renamed(error, temporary, file) : error;
  }
}

/** Names the file that the user knows. */
const renamed = (error: CliError, temporary: string, file: string): CliError =>
  error.message.includes(temporary)
    ? new CliError(error.message.replace(temporary, file), {
        why: error.why,
        fix: error.fix,
        exitCode: error.exitCode,
        code: error.code,
      })
    : error;
