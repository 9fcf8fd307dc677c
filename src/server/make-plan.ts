// Makes the plan of a registry from its settings, and compares it with the machine. Reads only.
import { join } from 'node:path';
import type { Context } from '../context.ts';
import * as images from '../engines/images/store.ts';
import { type NativeInfo, ownProgram } from '../engines/native.ts';
import { askableHost } from '../engines/pending.ts';
import { InputError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { serviceManagerOf } from '../host/service-manager.ts';
import { readOldest } from '../reconcile/journal.ts';
import { diff, orphans } from '../reconcile/reconcile.ts';
import { hostBeforeKilledRun } from '../reconcile/recovered-host.ts';
import type { Removal } from '../reconcile/removal.ts';
import type { Resource } from '../resources/resource.ts';
import type { Oldest } from '../resources/undo.ts';
import { hasGateway } from '../settings/gateway.ts';
import { hasDockerAuth } from '../settings/token-server.ts';
import { ownBlocks } from './auth/own-blocks.ts';
import { gatewayFacts } from './gateway/facts.ts';
import { formerImages } from './notes.ts';
import { LEGACY_KEYS } from './plan/docker-auth.ts';
import { engineResources } from './plan/engine.ts';
import { withKept } from './plan/kept.ts';
import { digestPath, type Native, nativeOf } from './plan/native.ts';
import { networkResources } from './plan/network.ts';
import { hasJobs, renewalFacts, renewLine } from './plan/renewal.ts';
import { loadSecrets } from './plan/secrets.ts';
import { serverPlan } from './plan/server-plan.ts';
import type { Prepared, ServerRequest } from './request.ts';

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
export async function prepare(
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
