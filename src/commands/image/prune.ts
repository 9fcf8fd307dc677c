// `registry-setup image prune`: removes old images by rules.
import { type Context, isOn } from '../../context.ts';
import { CliError, InputError } from '../../errors.ts';
import { readerOf } from '../../images/contents.ts';
import { repositoriesOf, takeStock } from '../../images/inventory.ts';
import { readPattern, readTagPatterns } from '../../images/pattern.ts';
import { planRemovals, type RemovalPlan } from '../../images/plan.ts';
import { judge, type Rules } from '../../images/rules.ts';
import type { Selected } from '../../images/select.ts';
import { tagTimes } from '../../server/maintenance/storage.ts';
import { ageOf } from '../../settings/validation.ts';
import { commandLine } from '../../terminal/command.ts';
import { progressLine } from '../../terminal/progress-line.ts';
import type { Chosen } from './registry.ts';
import { removeImages } from './removal.ts';

/** Reads the rules from the flags. @throws InputError if none says how old, or how many */
function rulesOf(context: Context, registry: string): Rules {
  const { answers } = context;
  const keepLast = answers['keep-last']?.value as number | undefined;
  const olderThan = answers['older-than'] && ageOf(String(answers['older-than'].value));
  const match = (answers.match?.value ?? []) as string[];
  const keep = (answers['keep-tags']?.value ?? []) as string[];
  if (keepLast === undefined && olderThan === undefined)
    throw new InputError([
      {
        where: commandLine('image prune'),
        message: 'needs a rule: --keep-last, --older-than, or both',
        fix: commandLine('image prune --keep-last 10 --older-than 30d --dry-run'),
      },
    ]);
  if (keepLast === 0 && olderThan === undefined && !isOn(context, 'yes') && !context.output.terminal)
    throw new InputError([
      {
        where: answers['keep-last']?.where ?? '--keep-last',
        message: '0 keeps nothing; with --yes it is done',
      },
    ]);
  const patterns = match.map((word) => readPattern(word, registry));
  return {
    keepLast,
    olderThan,
    matches: (repository, tag) =>
      patterns.length === 0 || patterns.some((one) => one.repository(repository) && one.tag(tag)),
    keeps: readTagPatterns(keep),
  };
}

/** Returns what the rules remove. Says what they would judge and cannot. */
async function plan(context: Context, { session, own }: Chosen): Promise<RemovalPlan> {
  const { output, host } = context;
  const rules = rulesOf(context, session.name);
  const reader = readerOf(session);
  const match = ((context.answers.match?.value ?? []) as string[]).map((word) =>
    readPattern(word, session.name),
  );
  const names = (await repositoriesOf(reader)).filter(
    (name) => match.length === 0 || match.some((one) => one.repository(name)),
  );
  if (match.length > 0 && names.length === 0)
    throw new CliError(`Nothing in ${session.name} matches ${match.map(({ text }) => text).join(', ')}.`, {
      fix: `All of them:   ${commandLine('image list')}`,
      exitCode: 2,
    });
  const progress = progressLine(output, 'tags');
  const { repositories } = await takeStock(reader, names, undefined, progress.show).finally(progress.end);
  const selected: Selected[] = [];
  const undated: string[] = [];
  for (const { name, tags } of repositories) {
    const pushed = own ? await tagTimes(host, own.settings.storage, name) : new Map<string, Date>();
    const dated = tags.flatMap(({ tag, manifest, description }) =>
      manifest
        ? [{ tag, digest: manifest.digest, created: description?.created, pushed: pushed.get(tag) }]
        : [],
    );
    const verdict = judge(name, dated, rules, Date.now());
    undated.push(...verdict.undated.map((tag) => `${name}:${tag}`));
    const leaves = await Promise.all(
      tags.map(async ({ tag, manifest }) => ({
        tag,
        family: manifest ? await reader.family(name, manifest) : [],
      })),
    );
    selected.push({
      wanted: { repository: name, tags: new Set(verdict.goes), digests: new Map() },
      leaves,
      whole: false,
    });
  }
  if (undated.length > 0)
    output.say(
      `${undated.length} tags stay because nothing tells how old they are: ${undated.slice(0, 3).join(', ')}${undated.length > 3 ? ', …' : ''}`,
    );
  return planRemovals(reader, selected);
}

export async function prune(context: Context): Promise<void> {
  await removeImages(context, {
    plan: (chosen) => plan(context, chosen),
    nothing: 'Nothing to remove: no image is that old.',
    clears: false,
  });
}
