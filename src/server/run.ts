// Does one run on a server, from settled settings to a machine that follows them: plan, lock, apply, prove, remember.
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { isPending } from '../engines/pending.ts';
import type { Host } from '../host/host.ts';
import type { Step } from '../reconcile/progress.ts';
import { applyOrUndo, type Change, keyOf as keyOfChange, stepsOf } from '../reconcile/reconcile.ts';
import { mustBeUnchanged } from '../reconcile/recover.ts';
import type { Run } from '../reconcile/run.ts';
import { textOfKey } from '../resources/key.ts';
import { keyOf, type Resource } from '../resources/resource.ts';
import { hasGateway } from '../settings/gateway.ts';
import { orderFindings } from './checks/acme.ts';
import { findingsError } from './checks/finding.ts';
import { mayReplaceTrust } from './checks/lost-trust.ts';
import { outsideSteps } from './checks/outside.ts';
import { liveChecks } from './checks/proof.ts';
import { readersKept } from './checks/readers.ts';
import { moved } from './checks/storage.ts';
import { renamed } from './checks/strangers.ts';
import { type Remember, traceOf } from './checks/test-image.ts';
import { checkInstalledEngine } from './installed-engine.ts';
import { prepare } from './make-plan.ts';
import { passwordFile, passwordSteps } from './password-file.ts';
import { seenHere } from './plan/seen.ts';
import type { Outcome, ServerRequest } from './request.ts';
import { beginWithRoom, keepReserve } from './reserve.ts';

/** Verifies that no run, not even one of the timer, takes the images or the CA from the clients, or gives a right to somebody by the way. @throws CliError, Declined */
async function mayBegin(request: ServerRequest, context: Context): Promise<void> {
  const { settings, facts, certificates } = request;
  const found = await Promise.all([
    ...[moved, renamed, readersKept].map((check) => check(settings, facts, context.host)),
    orderFindings(settings, certificates.site, facts, context.host),
  ]);
  const failed = findingsError(found.flat());
  if (failed) throw failed;
  await mayReplaceTrust(request, context);
}

/**
 * Takes what is here and in the plan into the record again, if the record was lost: uninstall and later runs rest on it. What is not in
 * the plan stays out of it: a record would make this run remove it.
 * @returns whether it was lost
 */
async function rememberAgain(run: Run, plan: Resource[], host: Host, dir: string): Promise<boolean> {
  if (run.oldest.size > 0 || run.unfinished) return false;
  const planned = new Set(plan.map((resource) => textOfKey(keyOf(resource))));
  const seen = await seenHere(host, dir, run.oldest);
  const ours = [...seen].filter(([text, { key }]) => key.kept || planned.has(text));
  if (ours.length === 0) return false;
  for (const [text, entry] of ours) run.oldest.set(text, entry);
  // Nothing to undo: the entry makes the end of this run write the record.
  await run.record({ kind: 'dir', id: dir }, dir, { steps: [] }, false);
  return true;
}

/** What a run does beside its plan. */
export interface More {
  /** When the lock is held, and before anything is planned. */
  first?(run: Run): Promise<void>;
  /** When the directories are there, and before the registry starts. */
  beforeStart(run: Run): Step[];
  /** When the registry is proven. */
  afterProof(run: Run): Step[];
}

/** What runs a registry, and what gives its storage to the user that it runs as. */
const STARTS = ['owner', 'container', 'unit', 'process'];

/** Splits changes before the first one that starts the registry. */
function beforeStart(changes: Change[]): [Change[], Change[]] {
  const at = changes.findIndex(({ resource }) => STARTS.includes(keyOfChange(resource).kind));
  return at < 0 ? [changes, []] : [changes.slice(0, at), changes.slice(at)];
}

/** Takes the lock, makes the machine follow the settings, and proves it; undoes everything if a step fails. @throws as applyOrUndo */
export async function carryOut(request: ServerRequest, context: Context, more?: More): Promise<Outcome> {
  const { settings, passwords } = request;
  const { host, output, signal, uninterruptible } = context;
  await mustBeUnchanged(context, settings.dir, request.facts.seen);
  await mayBegin(request, context);
  const run = await beginWithRoom(context, settings.dir);
  try {
    let now = request;
    const begin = async () => {
      await mustBeUnchanged(context, settings.dir, request.facts.seen);
      return prepare(now, context, run.oldest);
    };
    // Only the directory for the lock exists so far: a failure here removes it.
    const ready = async () => {
      await more?.first?.(run);
      return begin();
    };
    let prepared = await ready().catch(async (error) => {
      await run.rollBack(uninterruptible);
      throw error;
    });
    if (await rememberAgain(run, prepared.plan, host, settings.dir))
      output.say(
        `The record in ${join(settings.dir, '.state')} was lost: what is here is remembered again, what was here before is not.`,
      );
    const { engine } = prepared;
    let images: Change[] = [];
    const ordering = request.certificates.site?.order
      ? (await import('./order.ts')).orderSteps(settings, request.certificates, context, (certificates) => {
          now = { ...now, certificates };
        })
      : [];
    const fetch = async (): Promise<Step[]> => {
      // The certificate is here now.
      if (ordering.length > 0) prepared = await prepare(now, context, run.oldest);
      // The engine runs now: replaces what the plan assumed about it.
      if (isPending(request.engine)) {
        now = { ...now, ...(await checkInstalledEngine(host, settings, now.facts)) };
        prepared = await prepare(now, context, run.oldest);
      }
      images = prepared.changes.filter(({ resource }) => resource.kind === 'image');
      return stepsOf(images, settings.dir, host, run);
    };
    const others = async (): Promise<Step[]> => {
      // The files of docker_auth and nginx depend on what is in the images: plans again with them.
      if (images.length > 0 && (settings.auth === 'token' || hasGateway(settings)))
        prepared = await prepare(now, context, run.oldest);
      const { changes, secrets } = prepared;
      const rest = changes.filter((change) => !images.includes(change));
      const [first, then] = more ? beforeStart(rest) : [rest, []];
      const proof = changes.length > 0 || engine.length > 0 || passwords.size > 0;
      // The proof removes its test image: only a roll-back, or the recovery of a killed run, needs this record.
      const remember: Remember = (image) => {
        const { repository } = image;
        const undo = { steps: [traceOf(settings.storage, image)] };
        return run.record({ kind: 'proof', id: repository }, `test image ${repository}`, undo, true);
      };
      return [
        ...stepsOf(first, settings.dir, host, run),
        ...(more?.beforeStart(run) ?? []),
        ...stepsOf(then, settings.dir, host, run),
        ...(proof ? liveChecks(settings, secrets, changes, host, remember) : []),
        ...(proof ? outsideSteps(settings, secrets, context, remember) : []),
        ...(more?.afterProof(run) ?? []),
        ...(await passwordSteps(request, secrets, context, run)),
      ];
    };
    // Orders first: what the CA refuses changes nothing here.
    const steps = [...ordering, ...stepsOf(engine, settings.dir, host, run)];
    await applyOrUndo({ steps, afterwards: [fetch, others], run, output, signal, uninterruptible });
    const { changes, secrets, renewByHand } = prepared;
    const written = passwordFile(request, secrets, context);
    await keepReserve(uninterruptible, settings.dir);
    return {
      renewByHand,
      changes: [...new Set([...engine, ...images, ...changes])],
      secrets,
      ...(written && { passwordFile: written }),
    };
  } finally {
    await run.release();
  }
}
