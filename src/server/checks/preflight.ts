// What is checked before anything is touched, and the proof after it; one file a subject.
// Runs every check before the first change, and reports every failure at once with its fix.
import type { Host } from '../../host/host.ts';
import type { Settings } from '../../settings/settings.ts';
import type { Facts } from '../plan/facts.ts';
import { boot, engine, name } from './engine.ts';
import { type Check, type Finding, fail } from './finding.ts';
import { firewallFindings } from './firewall.ts';
import { addressed, bound, lineFindings, nameFindings } from './names.ts';
import { lowPort, port } from './ports.ts';
import { readersKept } from './readers.ts';
import { labels } from './selinux.ts';
import { loadable, moved, permission, storage } from './storage.ts';
import { formerUsers, renamed } from './strangers.ts';

/** A clock that is behind this date is wrong: this program was written later. */
const WRITTEN = Date.UTC(2026, 0, 1);

const clock: Check = async () =>
  Date.now() > WRITTEN
    ? []
    : fail(`The clock of this machine says ${new Date().toISOString().slice(0, 10)}.`, [
        'timedatectl set-ntp true',
      ]);

/** Checks that need a running engine. */
export const INSIDE: Check[] = [renamed, port, name, boot];
const OUTSIDE: Check[] = [
  storage,
  moved,
  formerUsers,
  readersKept,
  labels,
  addressed,
  bound,
  lineFindings,
  firewallFindings,
  nameFindings,
];
export const CHECKS: Check[] = [engine, permission, loadable, lowPort, ...INSIDE, ...OUTSIDE, clock];

/** Runs the checks side by side. Returns the findings in the order of the checks. */
export async function preflight(
  settings: Settings,
  facts: Facts,
  host: Host,
  checks: Check[] = CHECKS,
): Promise<Finding[]> {
  return (await Promise.all(checks.map((check) => check(settings, facts, host)))).flat();
}
