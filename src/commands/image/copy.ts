// `registry-setup image copy SRC DST`: an image from another registry, to another, or within this one.
import { type Context, isOn } from '../../context.ts';
import { InputError } from '../../errors.ts';
import { type ImageName, readImageName, shortName } from '../../images/name.ts';
import { attachedTo, nameOfAttached } from '../../images/transfer/attached.ts';
import { type CopyPlan, carryOutCopy, copyAttached, planCopy } from '../../images/transfer/copy.ts';
import { reading } from '../../images/transfer/trouble.ts';
import { platformsIn, sizeOf } from '../../images/transfer/whole.ts';
import { commandLine } from '../../terminal/command.ts';
import { bytes, count } from '../../terminal/output.ts';
import { type Ends, type OpenImage, withEnds } from './places.ts';
import { alongLines, attachedLines, endsWithSignal, sentText, withProgress } from './transfer.ts';

export const copy = (context: Context): Promise<void> =>
  endsWithSignal(context, async () => {
    const [from = '', to = ''] = context.operands;
    const source = readImageName(from);
    const target = readImageName(to);
    if (target.digest)
      throw new InputError([
        {
          where: to,
          message: 'a copy is named by a tag: its digest is that of the source',
          fix: commandLine(`image copy ${from} ${to.replace(/@.*/, '')}`),
        },
      ]);
    await withEnds(context, source, target, (ends) => copyBetween(context, source, ends));
  });

const nameIn = ({ session, ...image }: OpenImage): string => `${session.name}/${shortName(image)}`;

async function copyBetween(
  context: Context,
  said: ImageName,
  { source, target, taken, top }: Ends,
): Promise<void> {
  const { output } = context;
  if (taken === 'here') output.say(`${shortName(said)} is taken from ${source.session.name}.`);
  if (taken === 'hub') output.say(`${shortName(said)} is taken from Docker Hub: ${nameIn(source)}.`);
  const tag = target.tag ?? 'latest';
  const plan = await planCopy(source, top, { ...target, tag });
  const attached = await reading(source.session, source.repository, () => attachedTo(source, plan.image));
  const names = { from: nameIn(source), to: nameIn({ ...target, tag }) };
  if (isOn(context, 'dry-run')) {
    output.out(...planLines(plan, names), ...attachedLines(attached));
    return output.json({
      ok: true,
      dryRun: true,
      ...documentOf(plan, names),
      attached: attached.map(nameOfAttached),
    });
  }
  const along = async () => {
    const done = await copyAttached(plan, attached);
    return { attached: done.names, stay: done.stay };
  };
  if (plan.isThere) {
    const more = await along();
    output.json({ ok: true, changed: more.attached.length > 0, ...documentOf(plan, names), ...more });
    output.say(...alongLines(more));
    if (more.attached.length > 0) return;
    return output.say(`Nothing to do: ${names.to} is that image already.`, `  ${top.digest}`);
  }
  const sent = await withProgress(context, 'sent', (told) => carryOutCopy(plan, told));
  const more = await along();
  output.json({ ok: true, changed: true, ...documentOf(plan, names), sent, ...more });
  output.say(
    `Copied ${names.from} to ${names.to}.`,
    `  ${top.digest}   ${sentText(sent, plan.image.blobs.length - plan.missing.length)}`,
    ...alongLines(more),
  );
}

interface Names {
  from: string;
  to: string;
}

function planLines({ image, isThere, missing, mounts }: CopyPlan, { from, to }: Names): string[] {
  const row = (title: string, text: string) => `  ${title.padEnd(12)}${text}`;
  const rows = (title: string, texts: string[]) => texts.map((text, i) => row(i === 0 ? title : '', text));
  const there = image.blobs.length - missing.length;
  return [
    `${from} to ${to}`,
    row('Digest', image.top.digest),
    ...rows('Platforms', platformsIn(image)),
    ...(isThere
      ? [row('Nothing', 'to do: it is there already')]
      : [
          ...rows(
            mounts ? 'Takes over' : 'Sends',
            missing.map(({ digest, size }) => `${digest}   ${bytes(size)}`),
          ),
          row(
            'In all',
            `${count(missing.length, 'blob')}, ${bytes(sizeOf(missing))}; ${there} there already`,
          ),
          row('Manifests', `${image.documents.length}`),
        ]),
  ];
}

const documentOf = ({ image, source, target, isThere, missing }: CopyPlan, { from, to }: Names) => ({
  source: { name: from, registry: source.session.name, repository: source.repository },
  target: { name: to, registry: target.session.name, repository: target.repository, tag: target.tag },
  digest: image.top.digest,
  platforms: platformsIn(image),
  manifests: image.documents.length,
  blobs: image.blobs.length,
  isThere,
  missing: missing.map(({ digest, size }) => ({ digest, bytes: size })),
});
