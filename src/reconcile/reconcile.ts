// From a plan to a machine that follows it, with a way back: compare, journal, apply, undo, recover, lock.
// Compares a plan with the machine, groups the changes into steps, applies them, and undoes all of them if one fails.
import { CliError, Interrupted } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { type Key, textOfKey } from '../resources/key.ts';
import type { Drift, Provider } from '../resources/provider.ts';
import {
  keyOf as keyOfResource,
  providerOf as providerOfResource,
  type Resource,
} from '../resources/resource.ts';
import type { Oldest } from '../resources/undo.ts';
import type { Output, Report } from '../terminal/output.ts';
import { runSteps, type Step } from './progress.ts';
import { type Removal, removal } from './removal.ts';
import type { Run } from './run.ts';

/** An item of a plan, after the comparison of the plan with earlier runs. */
export type Planned = Resource | Removal;

/** One resource that is not as it should be, or that is to be removed. */
export interface Change {
  resource: Planned;
  title: string;
  drift: Drift;
}

/** Compares a plan with the machine. Reads only: --dry-run and status rest on it. */
export async function diff(plan: Planned[], host: Host): Promise<Change[]> {
  const found = await Promise.all(
    plan.map(async (resource) => {
      const provider = providerOf(resource);
      const drift = await provider.check(resource, host);
      return drift && { resource, title: provider.title(resource), drift };
    }),
  );
  return found.filter((change) => change !== undefined);
}

/** Returns the key of a resource; for a removal, the key of what it removes. */
export const keyOf = (resource: Planned): Key =>
  resource.kind === 'removal' ? resource.of : keyOfResource(resource);

const providerOf = (resource: Planned) =>
  (resource.kind === 'removal' ? removal : providerOfResource(resource)) as Pick<
    Provider<Planned>,
    'title' | 'check' | 'undo' | 'apply'
  >;

/** Returns the removals of what earlier runs made and the plan no longer contains, the last first. Skips `kept` resources. */
export function orphans(plan: Resource[], oldest: Oldest): Removal[] {
  const wanted = new Set(plan.map((resource) => textOfKey(keyOf(resource))));
  return wayBack(oldest).filter(({ of }) => !of.kept && !wanted.has(textOfKey(of)));
}

/** Returns the removals of everything that earlier runs made, the last first. */
export const wayBack = (oldest: Oldest): Removal[] =>
  [...oldest.values()].map(({ key, undo }): Removal => ({ kind: 'removal', of: key, undo })).toReversed();

type Group = [Change, ...Change[]];

/** Returns the steps of the changes; files that follow each other are one step, with one line of progress. */
export function stepsOf(changes: Change[], base: string, host: Host, run: Run): Step[] {
  const groups: Group[] = [];
  for (const change of portsFirst(changes)) {
    const last = groups.at(-1);
    if (last && isOneStep(last[0], change)) last.push(change);
    else groups.push([change]);
  }
  return groups.map((group) => {
    const title = isFile(group[0]) ? filesTitle(group, base) : sentence(group[0]);
    return stepOf(title, group, host, run);
  });
}

/** Returns some changes as one step, with one line of progress. */
export const stepOf = (title: string, changes: Change[], host: Host, run: Run): Step => ({
  title,
  run: async (report) => {
    for (const change of changes) await applyOne(change, host, run, report);
    return undefined;
  },
});

/** The kinds that hold a port. */
const SERVICES = ['container', 'unit', 'process'];
const isService = ({ resource: { kind } }: Change) => SERVICES.includes(kind);
const isRemoval = ({ resource: { kind } }: Change) => kind === 'removal';

/** Moves removals of services to before the first service, which may need their port. */
function portsFirst(changes: Change[]): Change[] {
  const holds = ({ resource }: Change) => [...SERVICES, 'owner'].includes(keyOf(resource).kind);
  const going = changes.filter((change) => isRemoval(change) && holds(change));
  const rest = changes.filter((change) => !going.includes(change));
  const at = rest.findIndex(isService);
  return at < 0 ? changes : [...rest.slice(0, at), ...going, ...rest.slice(at)];
}

const isFile = ({ resource }: Change) => ['dir', 'file'].includes(keyOf(resource).kind);

/** Tells whether two changes are one step: files that are both made, or both removed. */
const isOneStep = (a: Change, b: Change) => isFile(a) && isFile(b) && isRemoval(a) === isRemoval(b);

function filesTitle(group: Group, base: string): string {
  const removed = isRemoval(group[0]);
  const files = group.filter(({ resource }) => keyOf(resource).kind !== 'dir').length;
  const count = files || group.length;
  const noun = files > 0 ? (count === 1 ? 'file' : 'files') : count === 1 ? 'directory' : 'directories';
  return `${removed ? 'Removed ' : ''}${count} ${noun} in ${base}`;
}

function sentence({ title, drift }: Change): string {
  const verb = { create: '', change: 'Replaced ', start: 'Started ', remove: 'Removed ' }[drift.what];
  return verb ? verb + title : title.charAt(0).toUpperCase() + title.slice(1);
}

/** Writes the way back to disk, makes the change, checks the result. @throws CliError if the result is not as it should be */
async function applyOne({ resource, title }: Change, host: Host, run: Run, report: Report) {
  const provider = providerOf(resource);
  const goes = resource.kind === 'removal';
  await run.record(keyOf(resource), title, await provider.undo(resource, host, run), goes);
  await provider.apply(resource, host, report);
  // A directory that holds files of others stays, and that is no failure of a removal.
  const left = goes ? undefined : await provider.check(resource, host);
  // The proof reports a container that has ended already: it shows the container's last output.
  if (left && !(resource.kind === 'container' && left.what === 'start'))
    throw new CliError(`${title} is not as it should be after the change.`, { why: left.details.join('\n') });
}

export interface Apply {
  steps: Step[];
  /** Steps that are known only when the ones before them are done. */
  afterwards?: (() => Promise<Step[]>)[];
  run: Run;
  output: Output;
  signal: AbortSignal;
  /** The host without the abort signal: the same Ctrl-C must not interrupt the roll-back. */
  uninterruptible: Host;
}

/**
 * Does all steps, or nothing: if a step fails or the user presses Ctrl-C, undoes everything of this run.
 * @throws CliError with the step's error, and what was undone or must be undone by hand
 */
export async function applyOrUndo({
  steps,
  afterwards,
  run,
  output,
  signal,
  uninterruptible,
}: Apply): Promise<void> {
  try {
    await runSteps(steps, output, signal);
    for (const next of afterwards ?? []) await runSteps(await next(), output, signal);
    if (signal.aborted) throw new Interrupted();
    await run.commit(uninterruptible);
  } catch (error) {
    const cause = signal.aborted ? new Interrupted('Interrupted.') : error;
    output.say(output.paint('dim', 'Putting everything back …'));
    const failures = await run.rollBack(uninterruptible);
    throw withOutcome(cause, failures);
  }
}

function withOutcome(error: unknown, failures: string[]): CliError {
  const known = error instanceof CliError ? error : undefined;
  const bug = known ? [] : [`This is a bug in registry-setup: ${(error as Error).stack ?? error}`];
  const outcome =
    failures.length === 0
      ? ['Everything was put back as it was.']
      : ['Not everything could be put back. Left to do by hand:', ...failures.map((line) => `  ${line}`)];
  return new CliError(known?.message ?? 'Something went wrong.', {
    why: [known?.why, ...bug].filter(Boolean).join('\n') || undefined,
    fix: [...outcome, ...(known?.fix ?? [])],
    exitCode: known?.exitCode === 130 ? 130 : 1,
  });
}
