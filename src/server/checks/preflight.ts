// Before anything is touched: every check runs, every failure is shown at once with its way out.
import type { Host } from '../../host/host.ts';
import { lockedBy, lockHolder } from '../../reconcile/lock.ts';
import type { Settings } from '../../settings/settings.ts';
import type { Facts } from '../plan/facts.ts';
import { boot, engine, name } from './engine.ts';
import { type Check, type Finding, fail } from './finding.ts';
import { firewallFindings } from './firewall.ts';
import { addressed, lineFindings, nameFindings } from './names.ts';
import { lowPort, port } from './ports.ts';
import { labels } from './selinux.ts';
import { moved, permission, storage } from './storage.ts';

/** A clock before this program was written is wrong. */
const WRITTEN = Date.UTC(2026, 0, 1);

const clock: Check = async () =>
  Date.now() > WRITTEN
    ? []
    : fail(`The clock of this machine says ${new Date().toISOString().slice(0, 10)}.`, [
        'timedatectl set-ntp true',
      ]);

const lock: Check = async ({ dir }, _, host) => {
  const holder = await lockHolder(host, dir);
  if (!holder) return [];
  const { message, fix } = lockedBy(holder);
  return fail(message, fix);
};

/** What only an engine that runs can tell. */
export const INSIDE: Check[] = [port, name, boot];
const OUTSIDE: Check[] = [storage, moved, labels, addressed, lineFindings, firewallFindings, nameFindings];
const CHECKS: Check[] = [engine, permission, lowPort, ...INSIDE, ...OUTSIDE, clock, lock];

/** Runs them all, side by side; the order of the findings is that of the checks. */
export async function preflight(
  settings: Settings,
  facts: Facts,
  host: Host,
  checks: Check[] = CHECKS,
): Promise<Finding[]> {
  return (await Promise.all(checks.map((check) => check(settings, facts, host)))).flat();
}
