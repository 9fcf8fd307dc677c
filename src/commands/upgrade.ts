// `registry-setup upgrade`: a newer image, proven beside the one that runs before it takes its place.
import { resolve } from 'node:path';
import { type Context, dirOf, isOn } from '../context.ts';
import { InputError } from '../errors.ts';
import { carried } from '../program/bundled.ts';
import { changed, showDryRun } from '../reconcile/dry-run.ts';
import { awaitTurn } from '../reconcile/recover.ts';
import { loadExisting } from '../server/existing.ts';
import { type Candidate, fetchCandidates, heldIn } from '../server/maintenance/upgrade/fetch.ts';
import {
  imageText,
  mustBeFit,
  nothingNewer,
  type Upgrade,
  upgradesOf,
  upgradeTexts,
} from '../server/maintenance/upgrade/judge.ts';
import { type Running, runningHere, versionOf } from '../server/maintenance/upgrade/running.ts';
import { schemaOne } from '../server/maintenance/upgrade/schema-1.ts';
import { formerNames, swap } from '../server/maintenance/upgrade/swap.ts';
import { type PerRole, ROLES, TITLE, wantedOf } from '../server/maintenance/upgrade/wanted.ts';
import { preview } from '../server/make-plan.ts';
import { formerImages, readNotes } from '../server/notes.ts';
import type { ServerRequest } from '../server/request.ts';
import { schemaOneLines, wayBack } from '../server/screens/upgrade.ts';
import type { Answers } from '../settings/answers.ts';
import type { Settings } from '../settings/settings.ts';
import { hasDockerAuth } from '../settings/token-server.ts';
import { commandLine } from '../terminal/command.ts';
import { SYMBOL } from '../terminal/output.ts';
import { askable } from './consent.ts';
import { consentTo } from './upgrade-consent.ts';

export async function upgrade(context: Context): Promise<void> {
  const { answers, host } = context;
  const dry = isOn(context, 'dry-run');
  if (!dry) askable(context);
  const dir = dirOf(answers);
  await awaitTurn(context, dir);
  const now = await loadExisting(context);
  const { settings } = now;
  if (settings.engine === 'native') return (await import('./upgrade-native.ts')).upgradeNative(context, now);
  const { wanted, archive } = await wish(context, settings);
  const running = await runningHere(host, settings);
  if (dry) return dryRun(context, running, wanted, archive);
  const former = await formerImages(host, dir);
  const found = await fetchCandidates(context, settings, wanted, { archive, former });
  const upgrades = await withVersions(context, settings, upgradesOf(running, found));
  warnNotPulled(context, found);
  if (upgrades.length === 0) return nothing(context, running, found);
  for (const one of upgrades) mustBeFit(one, former);
  const toThree = upgrades.some(
    ({ role, from, to }) => role === 'registry' && from.major === 2 && to.major !== 2,
  );
  const old = toThree ? await schemaOne(host, settings.storage) : [];
  await consentTo(context, settings, upgrades, old);
  await carryOut(context, upgrades, { running, old, toThree });
}

/** Returns the images that the upgrade is about, and the file that they are in. @throws InputError if the flags do not fit */
async function wish({ answers, host }: Context, settings: Settings) {
  const { image, 'auth-image': authImage, 'image-archive': file } = answers;
  if (authImage && !hasDockerAuth(settings))
    throw new InputError([
      { where: authImage.where, message: 'this registry has no docker_auth', fix: commandLine('upgrade') },
    ]);
  const named = image !== undefined || authImage !== undefined;
  const archive = file ? resolve(String(file.value)) : named ? undefined : carried()?.file;
  const held = archive === undefined ? undefined : await heldIn(host, archive);
  const wanted = wantedOf(settings, {
    image: image && String(image.value),
    authImage: authImage && String(authImage.value),
    held,
  });
  return { wanted, archive };
}

async function withVersions({ host }: Context, { engine }: Settings, found: Upgrade[]): Promise<Upgrade[]> {
  const program = engine === 'podman' ? 'podman' : 'docker';
  return Promise.all(
    found.map(async (one) =>
      one.role === 'registry'
        ? { ...one, to: { ...one.to, ...(await versionOf(host, one.to.id, program)) } }
        : one,
    ),
  );
}

/** Says which image could not be pulled, so that the one that is here counts. */
function warnNotPulled({ output }: Context, found: Candidate[]): void {
  for (const { ref, notPulled } of found)
    if (notPulled !== undefined)
      output.say(
        `${output.paint('yellow', SYMBOL.warning)} ${ref} could not be pulled; the image of that name that is here counts.`,
        ...notPulled.split('\n').map((line) => `    ${line}`),
      );
}

function nothing({ output }: Context, running: PerRole<Running>, found: Candidate[]): void {
  output.json({ ok: true, upgraded: false, ...asJson(running) });
  output.say(...nothingNewer(running, found));
}

const asJson = (running: PerRole<Running>) =>
  Object.fromEntries(
    Object.entries(running).map(([role, { ref, id, version }]) => [
      role === 'auth' ? 'dockerAuth' : role,
      { image: ref, id, ...(version && { version }) },
    ]),
  );

/** Shows what is known without a pull. */
async function dryRun(
  context: Context,
  running: PerRole<Running>,
  wanted: PerRole<string>,
  archive: string | undefined,
): Promise<void> {
  const { host, output } = context;
  for (const role of ROLES) {
    const [now, ref] = [running[role], wanted[role]];
    if (!now || !ref) continue;
    output.say(
      `  ${TITLE[role].padEnd(14)}${imageText(now)} runs. ${archive ? `${archive} holds` : 'This would pull'} ${ref}, and try it if it is another image.`,
    );
  }
  const request = await requestFor(context, wanted);
  const toThree = running.registry?.major === 2 && wanted.registry !== undefined;
  const old = toThree ? await schemaOne(host, request.settings.storage) : [];
  output.say(...schemaOneLines(old), '');
  const former = Object.values(running).map(({ ref }) => ref);
  showDryRun(context, await preview({ ...request, former, archive: archive ?? request.archive }, context));
}

/** Returns the request for the registry with other images. */
async function requestFor(context: Context, { registry, auth }: PerRole<string>): Promise<ServerRequest> {
  const change: Answers = {
    ...(registry && { image: { value: registry, where: '--image' } }),
    ...(auth && { 'auth-image': { value: auth, where: '--auth-image' } }),
  };
  return loadExisting(context, change);
}

interface Known {
  running: PerRole<Running>;
  /** Images that the new registry cannot serve. */
  old: string[];
  toThree: boolean;
}

async function carryOut(
  context: Context,
  upgrades: Upgrade[],
  { running, old, toThree }: Known,
): Promise<void> {
  const { host, output } = context;
  const refs = Object.fromEntries(upgrades.map(({ role, to }) => [role, to.ref])) as PerRole<string>;
  const request = await requestFor(context, refs);
  const { upgraded } = await readNotes(host, request.settings.dir);
  const from = { ...upgraded?.from, ...(await formerNames(host, request.settings, upgrades)) };
  const outcome = await swap(context, request, { running, upgrades, from, old, toThree });
  output.json({
    ok: true,
    upgraded: true,
    from: asJson(running),
    to: asJson(await runningHere(host, request.settings)),
    changed: changed(outcome.changes),
    ...(toThree && { schema1: old }),
    back: wayBack(from),
  });
  output.say(
    '',
    ...upgrades.map((one) => `  ${upgradeTexts(one).toReversed().join(' runs in the place of ')}.`),
    `  To go back:   ${wayBack(await formerNames(host, request.settings, upgrades))}      (the former image stays here until the next upgrade)`,
  );
}
