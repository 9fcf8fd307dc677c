// Makes this machine trust a registry and log in to it; `targets/` has one file for each program that pulls.
// Does one run on a developer machine: plan, lock, apply, log in, prove; or everything as it was.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { readOldest } from '../reconcile/journal.ts';
import type { Step } from '../reconcile/progress.ts';
import { applyOrUndo, type Change, diff, orphans, type Planned, stepOf } from '../reconcile/reconcile.ts';
import { openRun } from '../reconcile/recover.ts';
import { ask } from '../registry/http.ts';
import type { Oldest } from '../resources/undo.ts';
import { rememberWay } from './former.ts';
import { clientPlan, type JoinInputs, trusted } from './plan.ts';
import { choosePull } from './proof.ts';
import { madeForOthers, memoryOf, oneAtATime } from './records.ts';

export interface Prepared {
  parts: { title: string; changes: Change[] }[];
  changes: Change[];
}

/** Compares the plan with the machine; what is no longer served or wanted is to be removed. Reads only. */
export async function prepare(inputs: JoinInputs, context: Context, oldest: Oldest): Promise<Prepared> {
  const plan = await clientPlan(inputs);
  const owned = (id: string) => inputs.targets.some(({ owns }) => owns.some((path) => id.startsWith(path)));
  const all = plan.flatMap(({ resources }) => resources);
  const old = orphans(all, oldest).filter(({ of }) => owned(of.id));
  const removals: { title: string; resources: Planned[] } = {
    title: 'Removed what is no longer needed',
    resources: old,
  };
  // Logins are last: a program that an older run allowed to go without TLS gets no password before that is removed.
  const logins = plan.filter(({ resources }) => resources.some(({ kind }) => kind === 'login'));
  const parts = [...plan.filter((part) => !logins.includes(part)), removals, ...logins];
  const compared = await Promise.all(
    parts.map(async ({ title, resources }) => ({ title, changes: await diff(resources, context.host) })),
  );
  const filled = compared.filter(({ changes }) => changes.length > 0);
  return { parts: filled, changes: filled.flatMap(({ changes }) => changes) };
}

/** Returns what `join` would change. Reads only. */
export async function preview(inputs: JoinInputs, context: Context): Promise<Prepared> {
  return prepare(inputs, context, await readOldest(context.host, memoryOf(inputs.base, inputs.request.name)));
}

/** How long a program in Go, such as dockerd, goes on with a hosts file that it has read (package net, hosts.go); milliseconds. */
const HOSTS_FILE_LIVES = 5_000;

/** Returns the step with a second try, after every program has read the hosts file. */
const triedAgain = ({ title, run }: Step, signal: AbortSignal): Step => ({
  title,
  run: (report) =>
    run(report).catch(async () => {
      report('waiting until the new line of the hosts file is read');
      await sleep(HOSTS_FILE_LIVES, undefined, { signal });
      return run(report);
    }),
});

/** Returns a pull by every target that can pull now; without a login, only a request to the registry. */
function proofSteps(
  { request, found, trust, targets, credentials, blocked }: JoinInputs,
  proven: string[],
): Step[] {
  const at = trusted(found, trust);
  const answers: Step = {
    title: 'The registry answers over a trusted connection',
    run: async () => {
      const { status } = await ask(at, 'GET', '/v2/', {}).catch((error) => {
        throw new CliError(`${request.name} is not trusted.`, { why: (error as Error).message });
      });
      return `${request.name} answers${at.tls ? ' over TLS' : ''}${status === 401 ? ', and asks for a login' : ''}`;
    },
  };
  // Without a login nothing may be pulled.
  if (found.login.kind !== 'none' && !credentials) return [answers];
  return targets.flatMap(({ name, label, prove }): Step[] => {
    if (!prove || blocked.has(name)) return [];
    return [
      {
        title: `${label}: a pull`,
        run: async (report) => {
          report('looking for a small image');
          const pull = await choosePull(at, request, credentials);
          report(`pulling ${pull.name}`);
          await prove(pull);
          proven.push(label);
          return pull.exists
            ? `${label}: pulled ${pull.name}`
            : `${label}: may pull (no small image is there yet)`;
        },
      },
    ];
  });
}

/** Takes the lock, applies the plan and proves it, or restores everything. Returns the changes, and the labels of targets that pulled. */
export const join = (inputs: JoinInputs, context: Context): Promise<Joined> =>
  oneAtATime(context, inputs.base, () => joinAlone(inputs, context));

interface Joined {
  changes: Change[];
  proven: string[];
}

async function joinAlone(inputs: JoinInputs, context: Context): Promise<Joined> {
  const { host, output, signal, uninterruptible } = context;
  const dir = memoryOf(inputs.base, inputs.request.name);
  const proven: string[] = [];
  const run = await openRun(context, dir);
  try {
    // Another run may have made some of it, or taken it back, since the targets were found.
    const made = await madeForOthers(host, inputs.base, dir);
    inputs.made.clear();
    for (const path of made) inputs.made.add(path);
    const { parts, changes } = await prepare(inputs, context, run.oldest);
    const done = parts.map(({ title, changes: own }) => ({ own, step: stepOf(title, own, host, run) }));
    const isLogin = (own: Change[]) => own.some(({ resource }) => resource.kind === 'login');
    // Programs ask for the new name in these steps.
    const named = changes.some(({ resource }) => resource.kind === 'hosts');
    const asking = [
      ...done.filter(({ own }) => isLogin(own)).map(({ step }) => step),
      ...proofSteps(inputs, proven),
    ];
    const steps = [
      ...done.filter(({ own }) => !isLogin(own)).map(({ step }) => step),
      ...(named ? asking.map((step) => triedAgain(step, signal)) : asking),
    ];
    const remembered = async () => {
      await rememberWay(run, inputs.trust.kind === 'http' ? 'http' : 'tls');
      return [];
    };
    await applyOrUndo({ steps, afterwards: [remembered], run, output, signal, uninterruptible });
    return { changes, proven };
  } finally {
    await run.release();
  }
}
