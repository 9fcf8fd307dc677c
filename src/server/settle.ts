// Turns the answers into settings that fit this machine, with every warning that goes with them.
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import type { Keys } from '../certificates/site.ts';
import type { Context } from '../context.ts';
import { archiveImages, chooseImage } from '../engines/images/archive.ts';
import { otherImage } from '../engines/images/bundled.ts';
import type { NativeInfo } from '../engines/native.ts';
import { askableHost } from '../engines/pending.ts';
import { type EngineInfo, TITLE } from '../engines/types.ts';
import { InputError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { serviceManagerOf } from '../host/service-manager.ts';
import { carried } from '../program/bundled.ts';
import type { Answers } from '../settings/answers.ts';
import { inClear } from '../settings/in-clear.ts';
import { resolveSettings } from '../settings/resolve.ts';
import type { Settings } from '../settings/settings.ts';
import { foreignRealm } from '../settings/token-server.ts';
import { commandLine } from '../terminal/command.ts';
import { SYMBOL } from '../terminal/output.ts';
import { certificatesFor } from './certificates.ts';
import { orderFindings } from './checks/acme.ts';
import { findingsError } from './checks/finding.ts';
import { preflight } from './checks/preflight.ts';
import { type Kept, withKept } from './plan/kept.ts';
import { networkDefaults } from './plan/network.ts';
import type { ServerRequest } from './request.ts';

/** The user's answers, and what is known of the machine. */
export interface Answered extends Pick<ServerRequest, 'passwords' | 'facts' | 'engine'> {
  answers: Answers;
  /** The directory of the set-up. */
  dir: string;
  /** New keys, in case they are needed: the wizard begins them while the user reads. */
  keys: Keys;
  /** The files of a backup, if it is restored. */
  kept?: Kept;
  /** The user answered questions, and so knows about a pending engine. */
  interactive: boolean;
}

/**
 * Returns the request from the answers, after every check that is possible before a change. Prints the warnings.
 * @throws InputError (exit 2) with every problem of the answers; CliError if a check fails, or if the CA made here is out of date
 */
export async function settle(
  context: Context,
  { answers, dir, passwords, facts, engine, keys, interactive, kept }: Answered,
): Promise<ServerRequest> {
  const { host, output } = context;
  const source = await imageSource(context, answers);
  const { archive } = source;
  const result = resolveSettings(answers, {
    ...source,
    host: facts.addresses[0]?.host,
    dir,
    engine: engine.kind,
  });
  if ('problems' in result) throw new InputError(result.problems);
  const settings = { ...result.settings, ...(await networkDefaults(result.settings, engine, facts, host)) };
  const findings = await preflight(settings, facts, askableHost(host, engine));
  const failed = findingsError(findings);
  if (failed) throw failed;
  const certificates = await certificatesFor({ ...context, host: withKept(host, kept) }, settings, keys, {});
  if (certificates.site?.outdated) throw certificates.site.outdated;
  const inTheWay = await orderFindings(settings, certificates.site, facts, host);
  const cannotOrder = findingsError(inTheWay);
  if (cannotOrder) throw cannotOrder;
  const warnings = [
    ...[...findings, ...inTheWay].map(({ message, fix }) => [message, ...fix].join('   ')),
    ...(certificates.site?.warnings ?? []),
    ...otherImage(settings, facts.last),
    ...(interactive ? [] : pendingWarnings(engine)),
    ...(await engineWarnings(engine, answers, host)),
    ...inClearWarnings(settings),
  ];
  for (const warning of warnings) output.say(`${output.paint('yellow', SYMBOL.warning)} ${warning}`);
  return { settings, facts, engine, passwords, archive, certificates, ...(kept && { kept }) };
}

function inClearWarnings(settings: Settings): string[] {
  const where = inClear(settings);
  const realm = foreignRealm(settings);
  if (realm?.startsWith('http:') && where === undefined)
    return [`Passwords travel in clear to ${realm}: everyone on the network path can read them.`];
  if (where === 'clients') return ['Passwords travel in clear: everyone on the network path can read them.'];
  if (where === undefined) return [];
  return [
    `Passwords travel in clear between the proxy and this machine, and port ${settings.port} takes them from everybody.   If the proxy is on this machine: ${commandLine('--bind 127.0.0.1')}`,
  ];
}

/** Returns warnings of what the user may not expect of the engine. */
async function engineWarnings(engine: EngineInfo, answers: Answers, host: Host): Promise<string[]> {
  if (engine.kind === 'docker') return [];
  const serviceManager = await serviceManagerOf(host);
  const { package: pack, fromImage } = engine as NativeInfo;
  const chosen = answers.engine !== undefined && answers.engine.value !== 'auto';
  const from = pack ? `, from the package ${pack.name}` : fromImage ? ', out of the image' : '';
  const warnings: string[] = [];
  if (engine.kind === 'native' && !chosen)
    warnings.push(`No container engine is here: the registry runs as a program of this machine${from}.`);
  if (serviceManager === 'script')
    warnings.push(
      `There is no systemd: the registry does not come back after a restart of the machine. To start it:   ${commandLine('--yes')}`,
    );
  if (
    serviceManager === 'own systemd' &&
    !(await host.stat(`/var/lib/systemd/linger/${userInfo().username}`))
  )
    warnings.push(
      'The registry stops when you log out and starts when you log in, unless:   loginctl enable-linger',
    );
  return warnings;
}

/** Returns warnings that the engine will be installed or started, for a user who was not asked: `--engine NAME` requests it. */
function pendingWarnings({ install, start }: EngineInfo): string[] {
  if (install)
    return [
      `${TITLE[install.program]} is not here: it is installed from the package ${install.name}, and stays when the registry is removed.`,
    ];
  if (!start) return [];
  return ['Docker is not running: it is started, now and with the machine. Its contents are checked then.'];
}

async function imageSource(
  { host }: Context,
  answers: Answers,
): Promise<{ archive?: string | undefined; image?: string }> {
  const given = answers['image-archive']?.value;
  // What a bundle holds is known without reading its archive.
  if (given === undefined) return { archive: carried()?.file };
  const archive = resolve(String(given));
  const names = await archiveImages(host, archive);
  return { archive, image: chooseImage(names, archive, answers.image?.value as string | undefined) };
}
