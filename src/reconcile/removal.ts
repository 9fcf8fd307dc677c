// Removes what the set-up made and the plan no longer contains, and restores what was there before. Not in the table of kinds, because a
// removal consists of the oldest undo alone.
import type { Host } from '../host/host.ts';
import type { Key } from '../resources/key.ts';
import type { Drift, Vault } from '../resources/provider.ts';
import { providerNamed } from '../resources/resource.ts';
import type { Undo, UndoStep } from '../resources/undo.ts';
import { inverse, performReversibly, stepKindOf, wouldChange } from './undo.ts';

export interface Removal {
  kind: 'removal';
  of: Key;
  undo: Undo;
}

const stepsLeft = async ({ undo }: Removal, host: Host): Promise<UndoStep[]> => {
  const left: UndoStep[] = [];
  for (const step of undo.steps) if (await wouldChange(step, host)) left.push(step);
  return left;
};

const words = (step: UndoStep) => stepKindOf(step).words(step);
const deletes = (step: UndoStep) => stepKindOf(step).deletes === true;

export const removal = {
  title({ of: { kind, id, engine }, undo: { steps } }: Removal): string {
    const title = providerNamed(kind)?.removed(id, steps as never) ?? `${kind} ${id}`;
    return engine && engine !== 'docker' ? `${engine} ${title}` : title;
  },

  async check(resource: Removal, host: Host): Promise<Drift | undefined> {
    const left = await stepsLeft(resource, host);
    const [first] = left;
    if (!first) return undefined;
    const restarts = left.flatMap((step) => stepKindOf(step).restarts?.(step) ?? [])[0];
    return {
      what: 'remove',
      details: left.map(words),
      ...(restarts && { restarts }),
      ...(deletes(first) && { deletes: true }),
    };
  },

  async undo({ undo }: Removal, host: Host, vault: Vault): Promise<Undo> {
    const parts = [];
    for (const step of undo.steps) parts.push(await inverse(step, host, vault));
    return {
      steps: parts.flatMap((part) => part.steps).toReversed(),
      last: parts.flatMap((part) => part.last ?? []),
      cleanup: parts.flatMap((part) => part.cleanup ?? []),
    };
  },

  async apply({ undo }: Removal, host: Host): Promise<void> {
    for (const step of undo.steps) await performReversibly(step, host);
  },

  /** Returns the commands with which root removes it by hand; steps that are not shell commands start with `#`. */
  async byHand(resource: Removal, host: Host): Promise<string[]> {
    const left = await stepsLeft(resource, host);
    return left.map((step) => `${deletes(step) ? 'sudo' : '#'} ${words(step)}`);
  },
};
