// A way through the firewall of this machine. A rule that was there before us is left alone, and so is a firewall that is off.
import { openCommand, passageOf, titleOf } from '../host/firewall/firewall.ts';
import { namedParts, shutParts, switchPort } from '../host/firewall/firewalld.ts';
import { addRule, isUfwOn, ourRule, removeRule, ufwPassage } from '../host/firewall/ufw.ts';
import type { Host } from '../host/host.ts';
import type { Provider, ResourceOf } from './resource.ts';
import type { UndoStep } from './undo.ts';

type Step = UndoStep & { do: 'firewall' };

export const firewall: Provider<ResourceOf<'firewall'>> = {
  title: titleOf,

  async check(resource, host) {
    if (resource.program === 'ufw' && !(await isUfwOn(host))) return undefined;
    // What somebody made it refuse stays refused.
    if ((await passageOf(resource, host)) !== 'shut') return undefined;
    return { what: 'create', details: [openCommand(resource)] };
  },

  async undo({ kind: _, ...opening }, host) {
    const parts = opening.program === 'ufw' ? undefined : ((await shutParts(opening, host)) ?? []);
    return { steps: [{ do: 'firewall', opening, present: false, ...(parts && { parts }) }] };
  },

  async apply(resource, host) {
    if (resource.program === 'ufw')
      return (await ufwPassage(resource, host)) === 'shut' ? addRule(resource, host) : undefined;
    for (const part of (await shutParts(resource, host)) ?? []) await switchPort(resource, part, true, host);
  },
};

export async function undoFirewall({ opening, present, parts = [] }: Step, host: Host): Promise<void> {
  if (opening.program === 'firewalld') {
    const wrong = present ? parts : await namedParts(opening, parts, host);
    for (const part of wrong) await switchPort(opening, part, present, host);
    return;
  }
  if ((await ourRule(opening, host)) === present) return;
  await (present ? addRule : removeRule)(opening, host);
}

/** Whether our rule is there still. */
export async function ruleLeft({ opening, parts = [] }: Step, host: Host): Promise<boolean> {
  if (opening.program === 'ufw') return ourRule(opening, host);
  return (await namedParts(opening, parts, host)).length > 0;
}

/** What takes the step back: as much of it as is there now. */
export async function inverseFirewall(step: Step, host: Host): Promise<Step> {
  const { opening, parts = [] } = step;
  if (opening.program === 'ufw') return { ...step, present: await ourRule(opening, host) };
  return { ...step, present: true, parts: await namedParts(opening, parts, host) };
}
