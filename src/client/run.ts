// One run on a developer machine: plan, lock, apply, log in, prove; or everything as it was.
import { dirname } from 'node:path';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { type Oldest, readOldest } from '../journal.ts';
import { applyOrUndo, type Change, diff, orphans, type Step, stepOf, wayBack } from '../reconcile.ts';
import { ask, type Credentials, type Endpoint } from '../registry.ts';
import type { Resource } from '../resource.ts';
import { keyOf } from '../resource-key.ts';
import { recoverFirst } from '../server.ts';
import { beginRun } from '../state.ts';
import type { Found } from './discover.ts';
import { forgetEmpty, memoryOf } from './memory.ts';
import { choosePull } from './proof.ts';
import { doneTitle } from './screens.ts';
import type { Target, TargetName } from './target.ts';
import type { Trust } from './trust.ts';
import type { Wish } from './wish.ts';

export interface Joining {
  wish: Wish;
  found: Found;
  trust: Trust;
  targets: Target[];
  credentials: Credentials | undefined;
  /** Where the ways back are. */
  base: string;
  blocked: Map<TargetName, string>;
  /** Paths that are there by our own doing, for other registries. */
  made: Set<string>;
  /** The hosts line, when one is needed. */
  hosts: Resource[];
}

/** The registry, as one who trusts it now. */
export function trusted({ at }: Found, trust: Trust): Endpoint {
  if (trust.kind === 'roots') return { ...at, ca: trust.roots.map(String) };
  return trust.kind === 'public' && trust.bundle ? { ...at, ca: [trust.bundle] } : at;
}

function loginResource(
  { login }: Target,
  { name }: Wish,
  { user, password }: Credentials,
  made: Set<string>,
): Resource[] {
  if (!login) return [];
  const ours = [login.file, dirname(login.file)].filter((path) => made.has(path));
  return [
    { kind: 'login', registry: name, user, password, ...login, ...(ours.length > 0 && { made: ours }) },
  ];
}

/** A part of the plan: what belongs together, and how its line reads when it is done. */
interface Part {
  title: string;
  resources: Resource[];
}

/** What should be, on this machine. */
export async function clientPlan({
  wish,
  found,
  trust,
  targets,
  credentials,
  hosts,
  made,
}: Joining): Promise<Part[]> {
  const parts: Part[] =
    hosts.length > 0 ? [{ title: `${wish.host} is in the hosts file`, resources: hosts }] : [];
  for (const target of targets)
    parts.push({ title: doneTitle(target, trust), resources: await target.resources(trust, found) });
  if (!credentials) return parts;
  for (const target of targets) {
    const resources = loginResource(target, wish, credentials, made);
    // Two engines may share one command line, and with it the login.
    const twice = parts.some((part) => JSON.stringify(part.resources) === JSON.stringify(resources));
    const title = `Logged in as ${credentials.user} (${target.login?.tool})`;
    if (resources.length > 0 && !twice) parts.push({ title, resources });
  }
  return parts;
}

export interface Prepared {
  parts: { title: string; changes: Change[] }[];
  changes: Change[];
}

/** The plan, compared with the machine; what is no longer served or wanted goes. Reads only. */
export async function prepare(joining: Joining, context: Context, oldest: Oldest): Promise<Prepared> {
  const plan = await clientPlan(joining);
  const owned = (key: string) =>
    joining.targets.some(({ owns }) => owns.some((path) => key.includes(`:${path}`)));
  const all = plan.flatMap(({ resources }) => resources);
  const old = orphans(all, oldest).filter((resource) => resource.kind === 'gone' && owned(resource.of));
  const parts = [...plan, { title: 'What is no longer needed is gone', resources: old }];
  const compared = await Promise.all(
    parts.map(async ({ title, resources }) => ({ title, changes: await diff(resources, context.host) })),
  );
  const filled = compared.filter(({ changes }) => changes.length > 0);
  return { parts: filled, changes: filled.flatMap(({ changes }) => changes) };
}

export async function preview(joining: Joining, context: Context): Promise<Prepared> {
  return prepare(joining, context, await readOldest(context.host, memoryOf(joining.base, joining.wish.name)));
}

/** A pull by every target that can be asked now. */
function proofSteps(
  { wish, found, trust, targets, credentials, blocked }: Joining,
  proven: string[],
): Step[] {
  const at = trusted(found, trust);
  const answers: Step = {
    title: 'The registry answers, over what is trusted now',
    run: async () => {
      const { status } = await ask(at, 'GET', '/v2/', {}).catch((error) => {
        throw new CliError(`${wish.name} is not trusted.`, { why: (error as Error).message });
      });
      return `${wish.name} answers${at.tls ? ' over TLS' : ''}${status === 401 ? ', and asks for a login' : ''}`;
    },
  };
  // Without a login there is nothing that may be pulled.
  if (found.login.kind !== 'none' && !credentials) return [answers];
  return targets.flatMap(({ name, label, prove }): Step[] => {
    if (!prove || blocked.has(name)) return [];
    return [
      {
        title: `${label}: a pull`,
        run: async (report) => {
          report('asking what there is');
          const pull = await choosePull(at, wish, credentials);
          report(`pulling ${pull.image}`);
          await prove(pull);
          proven.push(label);
          return pull.exists
            ? `${label}: pulled ${pull.image}`
            : `${label}: may pull (nothing small is there yet)`;
        },
      },
    ];
  });
}

/** Takes the lock, makes the machine follow, and proves it; or leaves everything as it was. */
export async function join(
  joining: Joining,
  context: Context,
): Promise<{ changes: Change[]; proven: string[] }> {
  const { host, output, signal, calm } = context;
  const dir = memoryOf(joining.base, joining.wish.name);
  const proven: string[] = [];
  const run = await beginRun(host, dir, context.line);
  try {
    await recoverFirst(context, dir, run);
    const { parts, changes } = await prepare(joining, context, run.oldest);
    const steps = [
      ...parts.map(({ title, changes: own }) => stepOf(title, own, host, run)),
      ...proofSteps(joining, proven),
    ];
    await applyOrUndo({ steps, run, output, signal, calm });
    return { changes, proven };
  } finally {
    await run.release();
    await forgetEmpty(host, joining.base);
  }
}

export async function previewLeave(context: Context, base: string, address: string): Promise<Change[]> {
  return diff(wayBack(await readOldest(context.host, memoryOf(base, address))), context.host);
}

/** A directory goes with what was in it, and has no line of its own. */
function grouped(changes: Change[]): Change[][] {
  const groups: Change[][] = [];
  for (const change of changes) {
    const isDir = change.resource.kind === 'gone' && change.resource.of.startsWith('dir:');
    const last = groups.at(-1);
    if (isDir && last) last.push(change);
    else groups.push([change]);
  }
  return groups;
}

const removalTitle = ({ title, drift, resource }: Change) =>
  keyOf(resource).startsWith('moved:')
    ? 'Flags of Docker are where they were, and it was restarted'
    : /^(rm|rmdir) /.test(drift.details[0] ?? '')
      ? `Removed ${title}`
      : (drift.details[0] ?? title);

/** Takes back what was done for that registry, the last first. */
export async function leave(context: Context, base: string, address: string): Promise<void> {
  const { host, output, signal, calm } = context;
  const dir = memoryOf(base, address);
  const run = await beginRun(host, dir, context.line);
  try {
    await recoverFirst(context, dir, run);
    const changes = await diff(wayBack(run.oldest), host);
    const steps = grouped(changes).map(([first, ...rest]) =>
      stepOf(removalTitle(first as Change), [first as Change, ...rest], host, run),
    );
    await applyOrUndo({ steps, run, output, signal, calm });
    // What went without our doing needs no way back any more.
    run.oldest.clear();
  } finally {
    await run.release();
    await forgetEmpty(host, base);
  }
}
