// One run on a server, from settings to a machine that follows them: plan, lock, apply, prove, remember.
import { join } from 'node:path';
import { around } from './around.ts';
import { brought, withoutEngine } from './bring.ts';
import type { Certificates } from './certificates.ts';
import { liveChecks } from './checks.ts';
import type { Context } from './context.ts';
import type { EngineInfo } from './engines/docker.ts';
import * as images from './engines/images.ts';
import { keeperOf, type NativeInfo } from './engines/native.ts';
import { CliError } from './errors.ts';
import type { Facts } from './facts.ts';
import { type Oldest, readOldest } from './journal.ts';
import { loadMaterial, type Material } from './material.ts';
import { nativeOf } from './native-plan.ts';
import { passwordFile, passwordSteps } from './password-file.ts';
import { serverPlan } from './plan.ts';
import { applyOrUndo, type Change, diff, orphans, type Step, stepsOf } from './reconcile.ts';
import { renewalFacts, renewLine } from './renewal.ts';
import type { Secret } from './secret.ts';
import type { Settings } from './settings.ts';
import { beginRun, type Run, recover } from './state.ts';
import { sweepLeftovers } from './test-image.ts';

/** What was wanted, and what it takes. */
export interface Wanted {
  settings: Settings;
  facts: Facts;
  engine: EngineInfo;
  /** By user; `new`: make one. */
  passwords: Map<string, Secret | 'new'>;
  archive?: string | undefined;
  certificates: Certificates;
}

export interface Prepared {
  changes: Change[];
  material: Material;
  /** What must be run every day by hand, where nothing on this machine can. */
  renewByHand?: string | undefined;
}

/** The plan, compared with the machine. Reads only. */
export async function prepare(wanted: Wanted, context: Context, oldest: Oldest): Promise<Prepared> {
  const { settings, facts, engine, passwords, archive, certificates } = wanted;
  const material = await loadMaterial(settings, certificates, passwords, context.host);
  const { logDriver, userns, bring = [], kind } = engine;
  const { uid } = context.host.machine;
  const host = bring.length > 0 && kind !== 'native' ? withoutEngine(context.host, kind) : context.host;
  const native = engine.kind === 'native' ? nativeOf(settings, engine as NativeInfo, uid) : undefined;
  const renewal =
    certificates.site && settings.renew ? await renewalFacts(context.host, settings.dir) : undefined;
  const { settingsText } = facts;
  const registryMajor =
    settings.auth === 'token' && settings.engine !== 'native'
      ? await images.registryMajor(host, settings.image, settings.engine)
      : undefined;
  const plan = serverPlan(settings, material, {
    logDriver,
    userns,
    archive,
    registryMajor,
    renewal,
    settingsText,
    native,
    selinux: facts.selinux,
    around: await around(settings, engine, context.host, oldest),
    keeper: settings.engine === 'podman' ? await keeperOf(context.host) : undefined,
  });
  const renewByHand = renewal?.schedule === 'none' ? renewLine(settings, renewal) : undefined;
  const [first, rest] = await Promise.all([
    diff(bring, context.host),
    diff([...plan, ...orphans(plan, oldest)], host),
  ]);
  return { changes: [...first, ...rest], material, renewByHand };
}

/** A look without the lock: for the review, and for --dry-run. */
export async function preview(wanted: Wanted, context: Context): Promise<Prepared> {
  return prepare(wanted, context, await readOldest(context.host, wanted.settings.dir));
}

export interface Outcome extends Prepared {
  /** Where a generated password was written, when no terminal showed it. */
  passwordFile?: string;
}

/** What a run that was killed left is ended first: this run builds on a machine that is in order. */
export async function recoverFirst(context: Context, dir: string, run: Run): Promise<void> {
  const left = run.unfinished;
  if (!left) return;
  const rest = left.committed ? 'It was done but for tidying up.' : 'Putting back what it had done …';
  context.output.say(`The run "${left.command}" of ${left.since} was cut off. ${rest}`);
  const failures = await recover(context.calm, dir, run, left);
  if (failures.length === 0) return;
  throw new CliError('What the run that was cut off had done could not be put back.', {
    why: failures.join('\n'),
    fix: ['Do that by hand, then let it be forgotten:', `  rm ${join(dir, '.state/journal')}`],
  });
}

/** Takes the lock, makes the machine follow the settings, and proves it; or leaves everything as it was. */
export async function carryOut(wanted: Wanted, context: Context): Promise<Outcome> {
  const { settings, passwords } = wanted;
  const { host, output, signal, calm } = context;
  const run = await beginRun(host, settings.dir, context.line);
  try {
    // First, so that the directory of the images can go again, if it was made by the run that was killed.
    if (run.unfinished) await sweepLeftovers(settings.storage, host);
    await recoverFirst(context, settings.dir, run);
    let now = wanted;
    // Nothing is done yet but the directory for the lock: an end here leaves none.
    let prepared = await prepare(now, context, run.oldest).catch(async (error) => {
      await run.rollBack(calm);
      throw error;
    });
    const { bring = [] } = now.engine;
    const engine = prepared.changes.filter(({ resource }) => bring.includes(resource));
    let images: Change[] = [];
    const fetch = async (): Promise<Step[]> => {
      // What was assumed of an engine that was not there is asked, now that it is.
      if (bring.length > 0) {
        now = { ...now, ...(await brought(host, settings, now.facts)) };
        prepared = await prepare(now, context, run.oldest);
      }
      images = prepared.changes.filter(({ resource }) => resource.kind === 'image');
      return stepsOf(images, settings.dir, host, run);
    };
    const others = async (): Promise<Step[]> => {
      // What docker_auth is told depends on the registry in the image: the plan is made anew when it is here.
      if (images.length > 0 && settings.auth === 'token') prepared = await prepare(now, context, run.oldest);
      const { changes, material } = prepared;
      const rest = changes.filter((change) => !images.includes(change));
      const proof = changes.length > 0 || engine.length > 0 || passwords.size > 0;
      return [
        ...stepsOf(rest, settings.dir, host, run),
        ...(proof ? liveChecks(settings, material, changes, host) : []),
        ...(await passwordSteps(wanted, material, context, run)),
      ];
    };
    const steps = stepsOf(engine, settings.dir, host, run);
    await applyOrUndo({ steps, afterwards: [fetch, others], run, output, signal, calm });
    const { changes, material, renewByHand } = prepared;
    const written = passwordFile(wanted, material, context);
    return {
      renewByHand,
      changes: [...new Set([...engine, ...images, ...changes])],
      material,
      ...(written && { passwordFile: written }),
    };
  } finally {
    await run.release();
  }
}
