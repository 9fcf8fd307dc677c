// What `status` and a set-up check, as checks of the doctor.
import { preflight } from '../server/checks/preflight.ts';
import { look } from '../server/status.ts';
import type { Check, Trouble } from './check.ts';

/** What the next run would refuse or warn of. */
const beforeRun: Check = {
  code: 'preflight',
  subject: 'machine',
  title: 'what a set-up checks before it begins',
  on: 'server',
  async look({ server, context }) {
    if (!server) return [];
    const found = await preflight(server.settings, server.facts, context.host);
    return found.map(({ level, message, why, fix }) => ({
      code: 'preflight',
      severity: level === 'error' ? 'broken' : 'risk',
      cause: message,
      ...(why !== undefined && { evidence: why }),
      mend: fix,
    }));
  },
};

/** What `status` tells. */
const asPlanned: Check = {
  code: 'status',
  subject: 'connection',
  title: 'the registry answers, its certificate and its files are as planned',
  on: 'server',
  async look({ server, context }) {
    if (!server) return [];
    const { findings, answer } = await look(context, server);
    return findings.flatMap(({ name, ok, cause, fix }): Trouble[] => {
      // Refused tokens are no news if nothing answers.
      if (ok || !cause || (name === 'tokens' && !answer.ok)) return [];
      return [
        { code: name, severity: name === 'record' ? 'risk' : 'broken', cause, mend: fix?.split('\n') ?? [] },
      ];
    });
  },
};

export const REGISTRY_HERE: Check[] = [asPlanned, beforeRun];
