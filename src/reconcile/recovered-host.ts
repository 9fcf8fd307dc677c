// The machine as it will be when a run that was killed has been put back: its files are not to be built upon.
import type { Host } from '../host/host.ts';
import { readUnfinished } from './journal.ts';

/** The same host; files that a killed run has replaced are read as they were before it. */
export async function asRecovered(host: Host, dir: string): Promise<Host> {
  const left = await readUnfinished(host, dir);
  if (!left || left.committed) return host;
  // Undone last first: of two ways back for one file, the older one counts.
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
