// `registry-setup image load FILE [REF]`: the images of an archive into a registry.
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { addAbortSignal } from 'node:stream';
import { type Context, isOn } from '../../context.ts';
import { InputError } from '../../errors.ts';
import { readImageName, shortName } from '../../images/name.ts';
import { readReference } from '../../images/pattern.ts';
import { judged, readImages } from '../../images/transfer/archive.ts';
import { blobsOfHeld, type Contents, type Held } from '../../images/transfer/archive-contents.ts';
import { nameOfAttached } from '../../images/transfer/attached.ts';
import { carryOutLoad, type LoadPlan, planLoad, type Wanted } from '../../images/transfer/load.ts';
import { platformsIn, sizeOf } from '../../images/transfer/whole.ts';
import type { Session } from '../../registry/session.ts';
import { commandLine } from '../../terminal/command.ts';
import { bytes, count } from '../../terminal/output.ts';
import { quoted } from '../../terminal/shell.ts';
import { shown } from '../../terminal/visible.ts';
import { withRegistry } from './registry.ts';
import { alongLines, attachedLines, endsWithSignal, sentText, withProgress } from './transfer.ts';

export const load = (context: Context): Promise<void> =>
  endsWithSignal(context, async () => {
    const [word = '', ref] = context.operands;
    await withFile(context, word, async (path) => {
      const shownAs = word === '-' ? 'Standard input' : word;
      // The archive is judged before a registry is asked anything.
      const contents = await judged(shownAs, () => readImages(context.host, path));
      await withRegistry(context, ({ session }) =>
        judged(shownAs, () => loadInto(context, session, path, contents, ref)),
      );
    });
  });

/** Does the work with the file; standard input is written to one first, because an archive is read more than once. */
async function withFile(
  context: Context,
  word: string,
  work: (path: string) => Promise<void>,
): Promise<void> {
  const { host, uninterruptible, env, answers, signal } = context;
  const bad = (message: string) => new InputError([{ where: quoted(word), message }]);
  if (word !== '-') {
    const path = resolve(word);
    const there = await host.stat(path);
    if (!there) throw bad('there is no such file');
    if (there.type !== 'file') throw bad(there.type === 'dir' ? 'is a directory' : 'is not a file');
    return work(path);
  }
  if (process.stdin.isTTY) throw bad('nothing is piped in');
  if (answers['password-stdin']) throw bad('standard input has the password already');
  const base = env.TMPDIR || ((await host.stat('/var/tmp')) ? '/var/tmp' : tmpdir());
  const path = join(base, `registry-setup-${randomBytes(8).toString('hex')}.tar`);
  try {
    await host.save(path, addAbortSignal(signal, process.stdin), 0o600);
    await work(path);
  } finally {
    await uninterruptible.remove(path);
  }
}

async function loadInto(
  context: Context,
  session: Session,
  path: string,
  contents: Contents,
  ref: string | undefined,
): Promise<void> {
  const { output, host } = context;
  const wanted =
    ref === undefined ? byTheirNames(contents.images) : [byThatName(session, contents.images, ref)];
  const unnamed = contents.images.filter((held) => !wanted.some((one) => one.held === held));
  const plan = await planLoad(session, wanted);
  const document = documentOf(session, plan);
  if (isOn(context, 'dry-run')) {
    output.json({ ok: true, dryRun: true, ...document });
    return output.out(
      ...wanted.flatMap((one) => [...imageLines(one), ...attachedLines(one.held.attached)]),
      planLine(plan),
    );
  }
  const { names, stay, ...sent } = await withProgress(context, 'sent', (told) =>
    carryOutLoad(host, path, session, contents, plan, told),
  );
  output.json({ ok: true, ...document, sent, attached: names, stay });
  output.say(
    `Loaded into ${session.name}:`,
    ...wanted.flatMap(imageLines),
    `  ${sentText(sent, allBlobs(plan) - plan.lacks.length)}`,
    ...alongLines({ attached: names, stay }),
    ...unnamed.map(({ image }) => `Left out, because it has no name: ${image.top.digest}`),
  );
}

const tagOf = (name: string) => {
  const { repository, tag } = readImageName(name);
  return { repository: repository.replace(/^library\//, ''), tag: tag ?? 'latest' };
};

/** Takes the names that the archive has, without their registries. @throws CliError (exit 2) if no image has a name */
function byTheirNames(images: Held[]): Wanted[] {
  const named = images.filter(({ names }) => names.length > 0);
  if (named.length === 0) {
    const [first] = images;
    throw new InputError([
      {
        where: 'image load',
        message: `the image in the file has no name${first?.tag ? ` but the tag ${shown(first.tag)}` : ''}; say which it gets`,
        fix: commandLine(
          `image load FILE team/app:${/^[\w.-]+$/.test(first?.tag ?? '') ? first?.tag : '1.0'}`,
        ),
      },
    ]);
  }
  return named.map((held) => {
    const targets = new Map(
      held.names.map((name) => {
        const target = tagOf(name);
        return [shortName(target), target];
      }),
    );
    return { held, targets: [...targets.values()] };
  });
}

/** Takes the name that the user gave. @throws InputError if there are several images */
function byThatName(session: Session, images: Held[], word: string): Wanted {
  const { repository, tag, digest } = readReference(word, session.name);
  if (digest !== undefined)
    throw new InputError([{ where: word, message: 'an image gets a tag; its digest is its own' }]);
  const [held, ...more] = images;
  if (!held || more.length > 0)
    throw new InputError([
      {
        where: word,
        message: `the file holds ${images.length} images, and one name is not enough: ${images
          .flatMap(({ names }) => names)
          .map(shown)
          .join(', ')}`,
        fix: commandLine('image load FILE'),
      },
    ]);
  return { held, targets: [{ repository, tag: tag ?? 'latest' }] };
}

/** Why an image has another digest than it may have elsewhere. */
const REMADE: Record<NonNullable<Held['remade']>, (held: Held) => string> = {
  platforms: ({ image }) =>
    `The file holds only ${platformsIn(image).join(', ')} of it: the index, and its digest, are new.`,
  manifest: () => 'The archive has no manifest. A new one was made, so the digest is new.',
};

function imageLines({ held, targets }: Wanted): string[] {
  const others = held.names.filter((name) => !targets.some((target) => shortName(target) === name));
  return [
    ...targets.map((target) => `  ${shortName(target)}   ${held.image.top.digest}`),
    ...(others.length > 0 ? [`    In the file: ${others.map(shown).join(', ')}`] : []),
    ...(held.remade ? [`    ${REMADE[held.remade](held)}`] : []),
  ];
}

const allBlobs = ({ wanted }: LoadPlan): number =>
  new Set(
    wanted.flatMap(({ held, targets }) =>
      targets.flatMap(({ repository }) => blobsOfHeld(held).map(({ digest }) => `${repository}@${digest}`)),
    ),
  ).size;

function planLine({ lacks, ...plan }: LoadPlan): string {
  const there = allBlobs({ lacks, ...plan }) - lacks.length;
  return `  Sends ${count(lacks.length, 'blob')}, ${bytes(sizeOf(lacks.map(({ blob }) => blob)))}; ${there} there already`;
}

const documentOf = ({ name }: Session, { wanted, lacks }: LoadPlan) => ({
  registry: name,
  images: wanted.map(({ held, targets }) => ({
    names: held.names,
    targets,
    digest: held.image.top.digest,
    newDigest: held.remade !== undefined,
    platforms: platformsIn(held.image),
    attached: held.attached.map(nameOfAttached),
  })),
  missing: lacks.map(({ repository, blob }) => ({ repository, digest: blob.digest, bytes: blob.size })),
});
