// `registry-setup image prune`: removes old images by rules, now, or every night.

import { type Context, isOn } from '../../context.ts';
import { CliError, InputError } from '../../errors.ts';
import { type Reader, readerOf } from '../../images/contents.ts';
import { repositoriesOf, takeStock } from '../../images/inventory.ts';
import { type Pattern, readPattern, readTagPatterns } from '../../images/pattern.ts';
import { planRemovals, type RemovalPlan } from '../../images/plan.ts';
import { judge, type Rules } from '../../images/rules.ts';
import type { Selected } from '../../images/select.ts';
import { loadExisting } from '../../server/existing.ts';
import { tagTimes } from '../../server/maintenance/storage.ts';
import { logRemoved, note } from '../../server/notes.ts';
import type { ServerRequest } from '../../server/request.ts';
import { carryOut } from '../../server/run.ts';
import { RULE_FLAGS } from '../../settings/conflicts.ts';
import { settingRow } from '../../settings/flags.ts';
import type { Settings } from '../../settings/settings.ts';
import { ageOf, checkAge } from '../../settings/validation.ts';
import { commandLine, imageCommand } from '../../terminal/command.ts';
import { count } from '../../terminal/output.ts';
import { progressLine } from '../../terminal/progress-line.ts';
import { type Chosen, ownRegistry } from './registry.ts';
import { removeImages } from './removal.ts';

/** The rules as they are in the settings. */
type Policy = Pick<Settings, 'keepLast' | 'olderThan' | 'match' | 'keepTags' | 'untagged'>;

/** Returns the rules of the flags; undefined if there are none. */
function spokenPolicy({ answers }: Context): Policy | undefined {
  const said = RULE_FLAGS.flatMap((name) => {
    const value = answers[name]?.value;
    return value === undefined || value === false ? [] : [[settingRow(name).setting, value]];
  });
  return said.length > 0 ? Object.fromEntries(said) : undefined;
}

/** @throws InputError if no rule says how old, or how many, or if an age is none */
function mustSay(policy: Policy | undefined, context: Context): Policy {
  const { answers } = context;
  const { keepLast, olderThan, untagged } = policy ?? {};
  const wrong = olderThan === undefined ? undefined : checkAge(olderThan);
  if (wrong) throw new InputError([{ where: answers['older-than']?.where ?? '--older-than', ...wrong }]);
  if (policy && keepLast === 0 && olderThan === undefined && !isOn(context, 'yes'))
    throw new InputError([
      {
        where: answers['keep-last']?.where ?? '--keep-last',
        message: '0 keeps no image at all',
        fix: 'If that is meant, add --yes.',
      },
    ]);
  if (policy && (keepLast !== undefined || olderThan !== undefined || untagged)) return policy;
  throw new InputError([
    {
      where: commandLine('image prune'),
      message: 'needs a rule: --keep-last, --older-than, or both',
      fix: imageCommand('prune --keep-last 10 --older-than 30d --dry-run'),
    },
  ]);
}

/** Without a number and without an age no tag goes: then only what has no tag does. */
function rulesOf({ keepLast, olderThan, keepTags = [] }: Policy, patterns: Pattern[]): Rules {
  const none = keepLast === undefined && olderThan === undefined;
  return {
    keepLast,
    olderThan: olderThan === undefined ? undefined : ageOf(olderThan),
    matches: (repository, tag) =>
      !none && (patterns.length === 0 || patterns.some((one) => one.repository(repository) && one.tag(tag))),
    keeps: readTagPatterns(keepTags),
  };
}

/** Returns what the rules remove. Says what they would judge and cannot. */
async function plan(context: Context, { session, own }: Chosen): Promise<RemovalPlan> {
  const { output } = context;
  const stored = own?.settings.prune ? own.settings : undefined;
  const policy = mustSay(spokenPolicy(context) ?? stored, context);
  if (policy.untagged && !own)
    throw new InputError([
      {
        where: '--untagged',
        message: 'only the server knows what no tag leads to',
        fix: 'On the server:   registry-setup image prune --untagged',
      },
    ]);
  const patterns = (policy.match ?? []).map((word) => readPattern(word, session.name));
  const reader = readerOf(session);
  const all = await repositoriesOf(reader);
  const names = all.filter((name) => patterns.length === 0 || patterns.some((one) => one.repository(name)));
  if (patterns.length > 0 && names.length === 0 && spokenPolicy(context))
    throw new CliError(`Nothing in ${session.name} matches ${patterns.map(({ text }) => text).join(', ')}.`, {
      fix: `All of them:   ${imageCommand('list')}`,
      exitCode: 2,
    });
  const progress = progressLine(output, 'tags');
  const { selected, undated } = await selectBy(
    context,
    reader,
    names,
    rulesOf(policy, patterns),
    own,
    progress.show,
  ).finally(progress.end);
  if (own && policy.untagged) await addUntagged(context, own, reader, selected, names);
  if (undated.length > 0)
    output.say(
      `${count(undated.length, 'tag')} ${undated.length === 1 ? 'stays' : 'stay'}, of unknown age: ${undated.slice(0, 3).join(', ')}${undated.length > 3 ? ', …' : ''}`,
    );
  return planRemovals(reader, selected);
}

async function selectBy(
  { host }: Context,
  reader: Reader,
  names: string[],
  rules: Rules,
  own: ServerRequest | undefined,
  told: (done: number, of: number) => void,
) {
  const { repositories } = await takeStock(reader, names, undefined, told);
  const selected: Selected[] = [];
  const undated: string[] = [];
  for (const { name, tags } of repositories) {
    // What it shares with others is not known: nothing of that repository goes.
    if (tags.some(({ manifest, description }) => manifest && !description)) {
      undated.push(...tags.map(({ tag }) => `${name}:${tag}`));
      continue;
    }
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
      wanted: { repository: name, tags: new Set(verdict.goes), digests: new Map(), spares: true },
      leaves,
      whole: false,
    });
  }
  return { selected, undated };
}

async function addUntagged(
  context: Context,
  own: ServerRequest,
  reader: Reader,
  selected: Selected[],
  names: string[],
): Promise<void> {
  const { findUntagged } = await import('./untagged.ts');
  for (const { repository, manifests } of await findUntagged(context, own, reader.session)) {
    if (!names.includes(repository)) continue;
    const there = selected.find(({ wanted }) => wanted.repository === repository);
    for (const manifest of manifests) there?.wanted.digests.set(manifest.digest, [manifest]);
  }
}

export async function prune(context: Context): Promise<void> {
  const nightly = context.answers.nightly?.value;
  if (nightly !== undefined) await mustBeHere(context);
  if (nightly === false) return setPolicy(context, undefined);
  if (nightly) mustSay(spokenPolicy(context), context);
  await removeImages(context, {
    plan: (chosen) => plan(context, chosen),
    nothing: 'Nothing to remove: by these rules every image stays.',
    named: false,
    async removed({ removals }, { settings: { dir } }) {
      const gone = removals.flatMap(({ repository, tags, along }) =>
        [...tags, ...along].map(({ tag, digest }) => `${repository}:${tag} ${digest ?? '-'}`),
      );
      await logRemoved(context.host, dir, gone);
      await note(context.host, dir, { pruned: { at: new Date().toISOString(), tags: gone.length } });
    },
  });
  if (nightly && !isOn(context, 'dry-run')) await setPolicy(context, spokenPolicy(context));
}

/** @throws InputError, CliError if the registry is another one than that of this machine: what runs every night runs on the server */
async function mustBeHere(context: Context): Promise<void> {
  if (context.answers.host)
    throw new InputError([
      { where: '--nightly', message: 'works on the server itself', fix: 'On the server, without --host.' },
    ]);
  // A machine that has joined one registry uses that one: nothing may be removed there before this fails.
  await ownRegistry(context);
}

/** Makes a timer remove images by these rules every night; without rules, takes the timer away. */
async function setPolicy(context: Context, policy: Policy | undefined): Promise<void> {
  const request = await loadExisting(context);
  const { prune: _, keepLast, olderThan, match, keepTags, untagged, ...rest } = request.settings;
  const settings: Settings = policy ? { ...rest, prune: true, ...policy } : rest;
  const { changes } = await carryOut({ ...request, settings }, context);
  const { output } = context;
  if (policy)
    return output.say(
      `From now on old images are removed every night. The rules are in settings.yml.   End it: ${imageCommand('prune --no-nightly')}`,
    );
  output.json({ ok: true, changed: changes.map(({ title }) => title) });
  output.say('No image is removed by itself any more.');
}
