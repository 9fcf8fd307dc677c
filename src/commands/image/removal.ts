// Shows a removal of images, asks, and carries it out: for `image remove` and `image prune`.
import { type Context, isOn } from '../../context.ts';
import { CliError } from '../../errors.ts';
import { carryOutRemoval } from '../../images/delete.ts';
import { isSame, type RemovalPlan } from '../../images/plan.ts';
import { freedText, removalLines, tagCount } from '../../images/screens.ts';
import type { Session } from '../../registry/session.ts';
import type { Whole } from '../../server/maintenance/collect.ts';
import type { ServerRequest } from '../../server/request.ts';
import { commandAgain, imageCommand } from '../../terminal/command.ts';
import { progressLine } from '../../terminal/progress-line.ts';
import { quoted } from '../../terminal/shell.ts';
import { agree } from '../consent.ts';
import { type Chosen, withRegistry } from './registry.ts';

/** Lines of a removal that are shown before a question; --dry-run shows all. */
const MOST = 40;

interface Wish {
  /** Makes the plan; called again after the question, because the registry goes on meanwhile. */
  plan(chosen: Chosen): Promise<RemovalPlan>;
  /** Said if nothing is to go. */
  nothing: string;
  /**
   * The user has named what goes, and hears of what cannot go as of an error. Repositories that were named go as a whole, with their
   * directory: on the server, while nobody can push.
   */
  named: boolean;
  /** Told what was removed from the registry of this machine. */
  removed?(found: RemovalPlan, own: ServerRequest): Promise<void>;
}

/** Removes images, or shows what would go. @throws CliError; as Reader */
export async function removeImages(
  context: Context,
  { plan, nothing, named, removed = async () => {} }: Wish,
): Promise<void> {
  const { output } = context;
  const dry = isOn(context, 'dry-run');
  const asks = !isOn(context, 'yes');
  const since = new Date();
  let own: ServerRequest | undefined;
  let whole: string[] = [];
  const look = async (chosen: Chosen): Promise<RemovalPlan> => {
    own = chosen.own;
    const found = await plan(chosen);
    whole = own && named ? found.whole : [];
    return found;
  };
  const carry = (found: RemovalPlan, session: Session) => {
    if (!asks) refuseUnnamed(found);
    return deleteAll(context, found, session);
  };
  let found: RemovalPlan;
  if (dry || asks) {
    found = await withRegistry(context, look);
    if (isNothing(found, whole)) return none(context, named ? found.removals : [], nothing, own);
    const lines = removalLines(found);
    output.out(...(dry ? lines : shortened(lines)));
    if (dry) return output.json({ ok: true, dryRun: true, ...documentOf(found) });
    if (whole.length > 0) output.say('', ...windowLines());
    await agree(context, `Remove ${tagCount(found)}?`, false);
    await withRegistry(
      context,
      async (chosen) => {
        if (!isSame(await look(chosen), found)) throw changedMeanwhile(context);
        await carry(found, chosen.session);
      },
      'alone',
    );
  } else {
    found = await withRegistry(
      context,
      async (chosen) => {
        const planned = await look(chosen);
        if (!isNothing(planned, whole)) await carry(planned, chosen.session);
        return planned;
      },
      'alone',
    );
    if (isNothing(found, whole)) return none(context, named ? found.removals : [], nothing, own);
  }
  output.say(`Removed ${tagCount(found)}.`);
  if (own) await removed(found, own);
  const freed = await collected(context, own, { names: whole, since });
  output.json({ ok: true, ...documentOf(found), ...(freed && { freed: freed.bytes }) });
  if (!freed) output.say(...afterLines(found, own !== undefined));
}

/** Frees the space, if that was asked for or a whole repository is to go. @returns undefined if it is not freed now */
async function collected(context: Context, own: ServerRequest | undefined, whole?: Whole) {
  if (!own || !(isOn(context, 'gc') || whole?.names.length)) return undefined;
  return (await import('./gc.ts')).collect(context, { whole });
}

const isNothing = ({ removals }: RemovalPlan, whole: string[]): boolean =>
  whole.length === 0 && removals.every(({ manifests, untag }) => manifests.length + untag.length === 0);

/** Ends without a removal. @throws CliError (exit 2) if what was named cannot go */
async function none(
  context: Context,
  named: RemovalPlan['removals'],
  text: string,
  own: ServerRequest | undefined,
): Promise<void> {
  const { output } = context;
  for (const { repository, stays } of named) {
    const [first] = stays;
    if (first) throw cannotGo(repository, first);
  }
  output.say(text);
  const freed = await collected(context, own);
  output.json({ ok: true, removals: [], freed: freed?.bytes ?? 0 });
}

function cannotGo(
  repository: string,
  { tag, for: needed }: RemovalPlan['removals'][number]['stays'][number],
): CliError {
  const [holder] = needed;
  return new CliError(
    holder === undefined
      ? `${repository}:${tag} leads nowhere, and this registry deletes no tag without its image.`
      : `${repository}:${tag} is a part of ${repository}:${holder}, and would be taken out of it.`,
    {
      why: 'This registry deletes no tag by itself: only an image with all its tags. Registry 3 does.',
      fix:
        holder === undefined
          ? []
          : [`Both:   ${imageCommand(`remove ${repository}:${tag} ${repository}:${holder}`)}`],
      exitCode: 2,
    },
  );
}

async function deleteAll({ output }: Context, { removals }: RemovalPlan, session: Session): Promise<void> {
  const progress = progressLine(output, 'deleted');
  const all = removals.reduce((sum, { manifests, untag }) => sum + manifests.length + untag.length, 0);
  let before = 0;
  try {
    for (const removal of removals) {
      await carryOutRemoval(session, removal, (done) => progress.show(before + done, all));
      before += removal.manifests.length + removal.untag.length;
    }
  } finally {
    progress.end();
  }
}

/** Nobody is asked: what was not named stays. @throws CliError (exit 2) */
function refuseUnnamed({ removals }: RemovalPlan): void {
  for (const { repository, along, tags } of removals) {
    const hit = along.find(({ unnamed }) => unnamed);
    if (!hit) continue;
    const same = tags.find(({ digest }) => digest === hit.digest)?.tag ?? '';
    throw new CliError(
      `${repository}:${hit.tag} is the same image as ${repository}:${same}, and would go with it.`,
      {
        why: 'This registry deletes no tag by itself: only an image with all its tags.',
        fix: [
          'Name both, or the image:',
          `  ${imageCommand(`remove ${[same, hit.tag].map((tag) => quoted(`${repository}:${tag}`)).join(' ')}`)}`,
          `  ${imageCommand(`remove ${repository}@${hit.digest}`)}`,
        ],
        exitCode: 2,
      },
    );
  }
}

function shortened(lines: string[]): string[] {
  if (lines.length <= MOST) return lines;
  return [...lines.slice(0, MOST), `  … and ${lines.length - MOST} lines more (--dry-run shows all)`];
}

const windowLines = () => ['The registry restarts twice for it, and refuses pushes in between; pulls go on.'];

function changedMeanwhile({ line }: Context): CliError {
  return new CliError('The registry has changed meanwhile. Nothing was removed.', {
    fix: ['Look at it, and start again:', `  ${commandAgain(line)}`],
  });
}

function afterLines({ removals, freed }: RemovalPlan, own: boolean): string[] {
  const empty = removals.filter(({ empties }) => empties).map(({ repository }) => repository);
  const gc = own ? imageCommand('gc') : 'on the server, registry-setup image gc';
  return [
    ...(freed.bytes > 0 ? [`${upper(freedText(freed))} come back with:   ${gc}`] : []),
    ...(empty.length > 0
      ? [
          `${empty.join(', ')} ${empty.length === 1 ? 'holds nothing now; the name stays' : 'hold nothing now; the names stay'} in the list until then.`,
        ]
      : []),
  ];
}

const upper = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

const documentOf = ({ removals, freed, whole }: RemovalPlan) => ({
  removals: removals.map(({ repository, manifests, tags, untag, along, stays }) => ({
    repository,
    whole: whole.includes(repository),
    tags: tags.map(({ tag, digest }) => ({ tag, digest: digest ?? null, tagOnly: untag.includes(tag) })),
    along: along.map(({ tag, digest }) => ({ tag, digest })),
    stays: stays.map(({ tag }) => tag),
    manifests: manifests.map(({ digest }) => digest),
  })),
  frees: freed.bytes,
  exact: freed.exact,
});
