// An opening in the firewall of this machine. A rule that was there before stays unchanged, and so does a firewall that is off.
import { closeCommand, openCommand, passageOf, placeOf, titleOf } from '../host/firewall/firewall.ts';
import { namedParts, shutParts, switchPort } from '../host/firewall/firewalld.ts';
import type { Opening, Part } from '../host/firewall/types.ts';
import { addRule, isUfwOn, ourRule, removeRule, ufwPassage } from '../host/firewall/ufw.ts';
import type { Host } from '../host/host.ts';
import type { Provider } from './provider.ts';

export type FirewallResource = { kind: 'firewall' } & Opening;

type FirewallStep = { do: 'firewall'; opening: Opening; present: boolean; parts?: Part[] };

export const firewall: Provider<FirewallResource, FirewallStep> = {
  title: titleOf,
  // Another zone or address is another rule.
  id: ({ kind: _, ...opening }) => Object.values(opening).join(':'),
  removed(id, steps) {
    const rule = steps.find((step) => step.do === 'firewall');
    return rule ? titleOf(rule.opening) : `rule ${id}`;
  },
  review: (changes) => changes.map(({ resource }) => `open ${placeOf(resource)}`),

  async check(resource, host) {
    if (resource.program === 'ufw' && !(await isUfwOn(host))) return undefined;
    // What a user's rule refuses stays refused.
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

  steps: {
    firewall: {
      perform: undoFirewall,
      isLeft: ruleLeft,
      inverse: async (step, host) => ({ steps: [await inverseFirewall(step, host)] }),
      words: ({ opening, present }) => (present ? openCommand(opening) : closeCommand(opening)),
    },
  },
};

async function undoFirewall({ opening, present, parts = [] }: FirewallStep, host: Host): Promise<void> {
  if (opening.program === 'firewalld') {
    const wrong = present ? parts : await namedParts(opening, parts, host);
    for (const part of wrong) await switchPort(opening, part, present, host);
    return;
  }
  if ((await ourRule(opening, host)) === present) return;
  await (present ? addRule : removeRule)(opening, host);
}

/** Tells whether the set-up's rule still exists. */
async function ruleLeft({ opening, parts = [] }: FirewallStep, host: Host): Promise<boolean> {
  if (opening.program === 'ufw') return ourRule(opening, host);
  return (await namedParts(opening, parts, host)).length > 0;
}

/** Returns the step that restores as much of the rule as exists now. */
async function inverseFirewall(step: FirewallStep, host: Host): Promise<FirewallStep> {
  const { opening, parts = [] } = step;
  if (opening.program === 'ufw') return { ...step, present: await ourRule(opening, host) };
  return { ...step, present: true, parts: await namedParts(opening, parts, host) };
}
