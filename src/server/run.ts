// A registry on this machine: settle the settings, plan, lock, apply, prove.
// Does one run on a server, from settled settings to a machine that follows them: plan, lock, apply, prove, remember.
import { join } from 'node:path';
import type { Context } from '../context.ts';
import * as images from '../engines/images/store.ts';
import { type NativeInfo, ownProgram } from '../engines/native.ts';
import { askableHost, isPending } from '../engines/pending.ts';
import { InputError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { serviceManagerOf } from '../host/service-manager.ts';
import { readOldest } from '../reconcile/journal.ts';
import type { Step } from '../reconcile/progress.ts';
import {
  applyOrUndo,
  type Change,
  diff,
  keyOf as keyOfChange,
  orphans,
  stepsOf,
} from '../reconcile/reconcile.ts';
import { mustBeUnchanged } from '../reconcile/recover.ts';
import { hostBeforeKilledRun } from '../reconcile/recovered-host.ts';
import type { Removal } from '../reconcile/removal.ts';
import type { Run } from '../reconcile/run.ts';
import { textOfKey } from '../resources/key.ts';
import { keyOf, type Resource } from '../resources/resource.ts';
import type { Oldest } from '../resources/undo.ts';
import { hasGateway } from '../settings/gateway.ts';
import { hasDockerAuth } from '../settings/token-server.ts';
import { ownBlocks } from './auth/own-blocks.ts';
import { orderFindings } from './checks/acme.ts';
import { findingsError } from './checks/finding.ts';
import { mayReplaceTrust } from './checks/lost-trust.ts';
import { outsideSteps } from './checks/outside.ts';
import { liveChecks } from './checks/proof.ts';
import { readersKept } from './checks/readers.ts';
import { moved } from './checks/storage.ts';
import { renamed } from './checks/strangers.ts';
import { type Remember, traceOf } from './checks/test-image.ts';
import { gatewayFacts } from './gateway/facts.ts';
import { checkInstalledEngine } from './installed-engine.ts';
import { formerImages } from './notes.ts';
import { passwordFile, passwordSteps } from './password-file.ts';
import { LEGACY_KEYS } from './plan/docker-auth.ts';
import { engineResources } from './plan/engine.ts';
import { withKept } from './plan/kept.ts';
import { digestPath, type Native, nativeOf } from './plan/native.ts';
import { networkResources } from './plan/network.ts';
import { hasJobs, renewalFacts, renewLine } from './plan/renewal.ts';
import { loadSecrets } from './plan/secrets.ts';
import { seenHere } from './plan/seen.ts';
import { serverPlan } from './plan/server-plan.ts';
import type { Outcome, Prepared, ServerRequest } from './request.ts';
import { beginWithRoom, keepReserve } from './reserve.ts';

/** A plan, and what it was made from. */
export interface Plan {
  plan: Resource[];
  secrets: Prepared['secrets'];
  renewByHand: string | undefined;
}

/** Adds what is known of a program out of an image: the one that takes its place, or the digest of one that did. */
async function nativeHere(native: Native, { program, settings }: ServerRequest, host: Host): Promise<Native> {
  if (program) {
    const { package: _, ...rest } = native;
    const binary = ownProgram(settings.dir);
    return { ...rest, binary, fromImage: true, digest: program.sha256, staged: program };
  }
  if (!native.fromImage) return native;
  const digest = (await host.read(digestPath(native.binary)))?.toString().split(' ')[0];
  return { ...native, ...(digest && { digest }) };
}

/** Makes the plan. Reads only. @param readOnly of a registry that refuses pushes */
export async function makePlan(
  request: ServerRequest,
  context: Context,
  oldest: Oldest,
  readOnly = false,
): Promise<Plan> {
  const { settings, facts, engine, passwords, archive, certificates, kept } = request;
  const secrets = await loadSecrets(settings, certificates, passwords, withKept(context.host, kept));
  const { logDriver, userns } = engine;
  const { uid } = context.host.machine;
  const host = askableHost(context.host, engine);
  const native =
    engine.kind === 'native'
      ? await nativeHere(nativeOf(settings, engine as NativeInfo, uid), request, context.host)
      : undefined;
  const hasCertificate = certificates.site !== undefined;
  const renewal = hasJobs(settings) ? await renewalFacts(context.host, settings.dir) : undefined;
  const { settingsText } = facts;
  const registryMajor =
    settings.auth === 'token' && settings.engine !== 'native'
      ? await images.registryMajor(host, settings.image, settings.engine)
      : undefined;
  const gateway = hasGateway(settings) ? await gatewayFacts(settings, host) : undefined;
  if (registryMajor === 2 && secrets.tokenTrust?.certs.length === 0)
    throw new InputError([
      {
        where: `--token-cert ${settings.tokenCert}`,
        message: 'registry 2 takes no JWKS',
        fix: 'Give a certificate, or --image registry:3',
      },
    ]);
  const legacyTokens =
    (registryMajor ?? 0) >= 3 &&
    (request.legacyTokens ?? (await context.host.stat(join(settings.dir, LEGACY_KEYS))) !== undefined);
  const plan = serverPlan(settings, secrets, {
    logDriver,
    userns,
    archive,
    registryMajor,
    legacyTokens,
    renewal,
    settingsText,
    native,
    gateway,
    readOnly,
    ownBlocks: hasDockerAuth(settings)
      ? await ownBlocks(withKept(context.host, kept), settings.dir)
      : undefined,
    selinux: facts.selinux,
    networkResources: await networkResources(settings, engine, context.host, oldest),
    serviceManager: settings.engine === 'podman' ? await serviceManagerOf(context.host) : undefined,
  });
  const renewByHand =
    renewal?.schedule === 'none' && settings.renew && hasCertificate
      ? renewLine(settings, renewal)
      : undefined;
  return { plan, secrets, renewByHand };
}

/** Returns the plan of a registry as it is, or as it is while it refuses pushes. Reads only. */
export const planOf = async (
  request: ServerRequest,
  context: Context,
  oldest: Oldest,
  readOnly: boolean,
): Promise<Resource[]> => (await makePlan(request, context, oldest, readOnly)).plan;

/** Makes the plan and compares it with the machine. Reads only. */
async function prepare(
  request: ServerRequest,
  context: Context,
  oldest: Oldest,
): Promise<Prepared & { plan: Resource[] }> {
  const { engine } = request;
  const { plan, secrets, renewByHand } = await makePlan(request, context, oldest);
  const host = askableHost(context.host, engine);
  const former = request.former ?? (await formerImages(context.host, request.settings.dir));
  const stays = ({ of }: Removal) => of.kind === 'image' && former.includes(of.id);
  const going = orphans(plan, oldest).filter((removal) => !stays(removal));
  const [first, rest] = await Promise.all([
    diff(engineResources(engine), context.host),
    diff([...plan, ...going], host),
  ]);
  return { engine: first, changes: [...first, ...rest], secrets, renewByHand, plan };
}

/** Returns what a run would change, for the review and --dry-run. Takes no lock. Reads only. */
export async function preview(request: ServerRequest, context: Context): Promise<Prepared> {
  const { dir } = request.settings;
  const host = await hostBeforeKilledRun(context.host, dir);
  return prepare(request, { ...context, host }, await readOldest(host, dir));
}

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
