// The records of each registry that this machine was set up for: the way back. They are outside /etc, in one directory each.
import { dirname, join } from 'node:path';
import type { Context } from '../context.ts';
import type { Host } from '../host/host.ts';
import { isLockLeft, paths, readOldest, readUnfinished } from '../reconcile/journal.ts';
import { type LockHolder, takeLock, thisProcess } from '../reconcile/lock.ts';
import { makeDirectories } from '../reconcile/run.ts';
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

/** Returns the names of the directories of registries. The other one holds the lock of all of them. */
const registriesIn = async (host: Host, base: string): Promise<string[]> =>
  (await host.list(base)).filter((name) => !name.startsWith('.'));

/** Returns the registries that this machine was set up for, as `host:port`; also those of a run that was killed at its very start. */
export async function remembered(host: Host, base: string): Promise<string[]> {
  const all = await Promise.all(
    (await registriesIn(host, base)).map(async (name) => {
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
  const dirs = (await registriesIn(host, base)).map((name) => join(base, name)).filter((dir) => dir !== own);
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

/** How long a run waits for those for other registries; seconds. Each pulls an image at its end. */
const PATIENCE = 120;

/**
 * Does the work while no other run changes this machine for any registry: daemon.json, its trial copy and the reload of dockerd are
 * shared. Removes the directories of the records after it if they are empty.
 * @throws CliError that names the run that does not end in time; Interrupted
 */
export async function oneAtATime<T>(context: Context, base: string, work: () => Promise<T>): Promise<T> {
  const { host, uninterruptible, signal, output } = context;
  const { state, lock } = paths(base);
  const me = await thisProcess(host, context.line);
  const tell = ({ command, pid }: LockHolder) => output.say(`Waiting for "${command}" (pid ${pid}) …`);
  for (let held = false; !held; ) {
    await makeDirectories(host, state, 0o700, []);
    try {
      await takeLock(host, base, me, { seconds: PATIENCE, signal, tell });
      held = true;
    } catch (error) {
      // The other run has removed the directory at its end.
      if (await host.stat(state)) throw error;
    }
  }
  try {
    return await work();
  } finally {
    await uninterruptible.remove(lock);
    for (const path of [state, base, dirname(base)]) if (!(await uninterruptible.rmdir(path))) break;
  }
}
