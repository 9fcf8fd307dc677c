// Reads the facts about this machine: once, side by side, before the first question.
import { isAbsolute, join } from 'node:path';
import { findEngine } from '../../engines/engine.ts';
import type { Supply } from '../../engines/native.ts';
import type { EngineState } from '../../engines/types.ts';
import { InputError } from '../../errors.ts';
import { ownAddresses } from '../../host/addresses.ts';
import type { Host } from '../../host/host.ts';
import { bracketed } from '../../host/names.ts';
import { listeningPorts } from '../../host/ports.ts';
import { carried } from '../../program/bundled.ts';
import { digestOfFiles } from '../../reconcile/digest.ts';
import { hostBeforeKilledRun } from '../../reconcile/recovered-host.ts';
import type { Answers } from '../../settings/answers.ts';
import { readAnswers } from '../../settings/arguments.ts';
import type { EngineChoice } from '../../settings/settings.ts';
import { readYaml } from '../../templates.ts';
import { type OwnBlocks, ownBlocks } from '../auth/own-blocks.ts';
import { mayBeNew } from './known.ts';

/**
 * Returns the answers in the bundle. They count only if no registry is set up yet: on a later run the settings of this server are
 * newer, and a run without flags must remove nothing, least of all a user.
 */
export function carriedAnswers(): Answers {
  const bundle = carried();
  return bundle ? readAnswers(bundle.file, bundle.about.answers) : {};
}

export interface Facts {
  /** `Debian GNU/Linux 13 (trixie)` */
  system: string;
  /** Addresses that clients may use, the likeliest first. */
  addresses: { host: string; note: string }[];
  engine: EngineState;
  /** TCP ports that something listens on. */
  listening: Set<number>;
  /** The answers of the last run; undefined if this directory holds no set-up. */
  last: Answers | undefined;
  settingsText: string | undefined;
  /** The digest of the files that the decisions rest on; empty if this user may not read them, and so changes nothing. */
  seen: string;
  /** What the user has added to the configuration of docker_auth. */
  ownBlocks?: OwnBlocks | undefined;
  /** SELinux is on, enforcing or not: a change of its mode must not recreate the containers. */
  selinux: boolean;
  /** Sources of the registry's program if it runs without an engine. */
  supply?: Supply;
}

/**
 * Reads the facts, and the files of the set-up as they are in force: without what a killed run has changed. Changes nothing.
 * @param dir the directory of the set-up, with the settings of the last run
 * @param choice the engine that the user asked for; by default that of the last run
 * @param archive images come out of a file, and without an engine the registry's program does
 * @throws CliError (exit 2) if the settings file cannot be read; CliError if it is gone or empty while a registry is here
 */
export async function gatherFacts(
  machine: Host,
  dir: string,
  choice?: EngineChoice,
  archive = false,
): Promise<Facts> {
  const host = await hostBeforeKilledRun(machine, dir);
  const file = join(dir, 'settings.yml');
  const settingsText = (await host.read(file))?.toString();
  const last =
    settingsText === undefined
      ? undefined
      : lastAnswers(readAnswers(file, readYaml(settingsText, file)), file);
  if (Object.keys(last ?? {}).length === 0) await mayBeNew(host, dir, file);
  const before = (last ?? carriedAnswers()).engine?.value as EngineChoice | undefined;
  // A program that runs here already is not replaced by the one in the bundle.
  const kept = last?.engine?.value === 'native';
  const first = archive || (carried() !== undefined && !kept);
  const supply: Supply = { dir, archive: first ? 'first' : carried() && 'last' };
  const [seen, release, engine, listening, addresses, enforce, own] = await Promise.all([
    digestOfFiles(host, dir).catch(() => ''),
    host.read('/etc/os-release'),
    findEngine(host, choice ?? before ?? 'auto', supply),
    listeningPorts(host),
    reachableAs(host),
    host.read('/sys/fs/selinux/enforce'),
    last?.auth?.value === 'token' ? ownBlocks(host, dir) : undefined,
  ]);
  return {
    system: /^PRETTY_NAME="?([^"\n]+)/m.exec(release?.toString() ?? '')?.[1] ?? process.platform,
    engine,
    listening,
    addresses,
    settingsText,
    seen,
    last,
    selinux: enforce !== undefined,
    ownBlocks: own,
    supply,
  };
}

/**
 * Marks answers as those of the last run. Drops an empty list of users: it does not answer who may log in once logins are on again.
 * @throws InputError if the directory of the images is not a path from the root: it would depend on where the program is called
 */
function lastAnswers(answers: Answers, file: string): Answers {
  const { storage } = answers;
  if (storage && !isAbsolute(String(storage.value)))
    throw new InputError([
      { where: `${file}: storage`, message: `takes a path that begins with /, not "${storage.value}"` },
    ]);
  const kept = Object.entries(answers).filter(
    ([name, { value }]) => name !== 'user' || !Array.isArray(value) || value.length > 0,
  );
  return Object.fromEntries(kept.map(([name, answer]) => [name, { ...answer, last: true }]));
}

async function reachableAs(host: Host): Promise<Facts['addresses']> {
  const { hostname, addresses } = host.machine;
  const [own, resolved] = await Promise.all([
    ownAddresses(host),
    hostname.includes('.') ? host.lookup(hostname).catch(() => undefined) : undefined,
  ]);
  const list = own.map(({ address, interface: name }) => ({
    host: bracketed(address),
    note: name,
  }));
  if (addresses.some(({ address }) => address === resolved))
    list.splice(1, 0, {
      host: hostname.toLowerCase(),
      note: `this machine's name, resolves to ${resolved}`,
    });
  return list;
}
