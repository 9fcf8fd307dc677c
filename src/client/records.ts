// The records of each registry that this machine was set up for: the way back. They are outside /etc, in one directory each.
import { dirname, join } from 'node:path';
import type { Host } from '../host/host.ts';
import { isLockLeft, readOldest, readUnfinished } from '../reconcile/journal.ts';
import type { Oldest } from '../resources/undo.ts';
import type { Person } from './target.ts';

export const ROOT_MEMORY = '/var/lib/registry-setup/client';

/** Returns the directory of all records: for root the machine's, for any other user their own. */
export const memoryBase = (person: Person, env: NodeJS.ProcessEnv): string =>
  person.uid === 0
    ? ROOT_MEMORY
    : join(env.XDG_DATA_HOME || join(person.home, '.local/share'), 'registry-setup/client');

/** Returns the directory of one registry. Replaces the colon, which not every system allows in a path. */
export const memoryOf = (base: string, address: string): string =>
  join(base, address.replace(/:(\d+)$/, '_$1'));

/** Returns the registries that this machine was set up for, as `host:port`; also those of a run that was killed at its very start. */
export async function remembered(host: Host, base: string): Promise<string[]> {
  const names = await host.list(base);
  const all = await Promise.all(
    names.map(async (name) => {
      const dir = join(base, name);
      const some =
        (await readOldest(host, dir)).size > 0 ||
        (await readUnfinished(host, dir)) !== undefined ||
        (await isLockLeft(host, dir));
      return some ? [name.replace(/_(\d+)$/, ':$1')] : [];
    }),
  );
  return all.flat();
}

/** Returns the name of a list of daemon.json among paths. */
export const listIn = (config: string, directive: string): string => `${config}#${directive}`;

/** Returns the paths that were made for other registries; the undo of the last registry removes them. */
export async function madeForOthers(host: Host, base: string, own: string): Promise<Set<string>> {
  const dirs = (await host.list(base)).map((name) => join(base, name)).filter((dir) => dir !== own);
  const all: Oldest[] = await Promise.all(dirs.map((dir) => readOldest(host, dir)));
  const steps = all.flatMap((oldest) => [...oldest.values()].flatMap(({ undo }) => undo.steps));
  return new Set(
    steps.flatMap((step) => {
      if (step.do === 'rmdir' || step.do === 'remove') return [step.path];
      if (step.do === 'daemonJson') {
        const { config } = step.daemon;
        return [...(step.made ? [config] : []), ...(step.madeKey ? [listIn(config, step.directive)] : [])];
      }
      return step.do === 'login' && step.made ? [step.path] : [];
    }),
  );
}

/** Removes the directories of the records if they are empty. */
export async function forgetEmpty(host: Host, base: string): Promise<void> {
  for (const path of [base, dirname(base)]) if (!(await host.rmdir(path))) return;
}
