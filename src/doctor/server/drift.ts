// What differs from the plan, beside what is a trouble of its own; and whether the registry was left read-only.
import { join } from 'node:path';
import { isPending } from '../../engines/pending.ts';
import { lockPath } from '../../reconcile/lock.ts';
import { type Change, keyOf } from '../../reconcile/reconcile.ts';
import { writesPath } from '../../server/gateway/gateway.ts';
import { isReadOnly as refusesPushes } from '../../server/read-only.ts';
import type { ServerRequest } from '../../server/request.ts';
import type { CheckInput } from '../check.ts';
import { asked, statusOf } from '../found.ts';

/** Tells whether the registry was left read-only: no run is at work that needs that. */
export const isReadOnly = (input: CheckInput, { settings: { dir } }: ServerRequest): Promise<boolean> =>
  asked(input, 'read-only', async () => {
    const { host } = input.context;
    return !(await host.stat(lockPath(dir))) && (await refusesPushes(host, dir));
  });

const SERVICES = ['container', 'unit', 'process', 'reload'];

/** Returns the changes of the next run, without those that start the registry or make it take pushes again. */
export async function driftOf(input: CheckInput, server: ServerRequest): Promise<Change[]> {
  const [{ changes, outdated }, readOnly] = await Promise.all([
    statusOf(input, server),
    isReadOnly(input, server),
  ]);
  // What a stopped engine holds is unknown.
  if (outdated || isPending(server.engine)) return [];
  const { dir } = server.settings;
  const opens = [join(dir, 'config/config.yml'), writesPath(dir)];
  return changes.filter(({ drift, resource }) => {
    const runs = SERVICES.includes(resource.kind);
    if (runs && (drift.what === 'start' || drift.what === 'create')) return false;
    return !(readOnly && (runs || (resource.kind === 'file' && opens.includes(resource.path))));
  });
}

/** Kinds that every version of this program brings along. */
const OWN = ['program', 'timer'];

/** Tells whether the next run does nothing beside that: no change of a setting that somebody would have to want. */
export async function isHarmless(input: CheckInput, server: ServerRequest): Promise<boolean> {
  const [changes, { findings }] = await Promise.all([driftOf(input, server), statusOf(input, server)]);
  const wanted = changes.some(({ resource }) => !OWN.includes(keyOf(resource).kind));
  return !wanted && findings.every(({ name, ok }) => ok || !['trust', 'storage', 'record'].includes(name));
}
