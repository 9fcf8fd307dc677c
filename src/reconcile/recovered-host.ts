// The machine as it will be when a killed run is undone: this run must not build upon the files of that run.
import type { Host } from '../host/host.ts';
import { readUnfinished } from './journal.ts';

/** Returns a host that reads files as they were before a killed run. @throws CliError if a newer version wrote the journal */
export async function hostBeforeKilledRun(host: Host, dir: string): Promise<Host> {
  const left = await readUnfinished(host, dir);
  if (!left || left.committed) return host;
  // The last entry is undone first: of two ways back for one file, the older one counts.
  const before = new Map<string, string | undefined>();
  for (const step of left.entries.toReversed().flatMap(({ undo }) => undo.steps)) {
    if (step.do === 'restore') before.set(step.path, step.copy);
    if (step.do === 'remove') before.set(step.path, undefined);
  }
  const there = (path: string) => (before.has(path) ? before.get(path) : path);
  return {
    ...host,
    read: async (path) => {
      const found = there(path);
      return found === undefined ? undefined : host.read(found);
    },
    stat: async (path) => {
      const found = there(path);
      return found === undefined ? undefined : host.stat(found);
    },
  };
}
