// What a set-up checks before it begins, as a check of the doctor.
import { isPending } from '../engines/pending.ts';
import { firewallFindings } from '../server/checks/firewall.ts';
import { bound } from '../server/checks/names.ts';
import { port } from '../server/checks/ports.ts';
import { CHECKS, preflight } from '../server/checks/preflight.ts';
import { moved, storage } from '../server/checks/storage.ts';
import type { Check } from './check.ts';
import { trouble } from './found.ts';

/** Those that no probe of the doctor makes. */
const ALONE = CHECKS.filter((check) => ![port, bound, storage, moved, firewallFindings].includes(check));

/** What the next run would refuse or warn of. */
const beforeRun: Check = {
  code: 'preflight',
  subject: 'machine',
  title: 'what a set-up checks before it begins',
  on: 'server',
  async look({ server, context }) {
    // A stopped engine is found by its own check, and most of the others ask it.
    if (!server || isPending(server.engine)) return [];
    const found = await preflight(server.settings, server.facts, context.host, ALONE);
    return found.map(({ level, message, why, fix }) =>
      trouble('preflight', message, {
        severity: level === 'error' ? 'broken' : 'risk',
        mend: fix,
        evidence: why,
      }),
    );
  },
};

export const REGISTRY_HERE: Check[] = [beforeRun];
