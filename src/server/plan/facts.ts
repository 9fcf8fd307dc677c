// What this machine is: read once, side by side, before the first question.
import { join } from 'node:path';
import { findEngine } from '../../engines/engine.ts';
import type { Supply } from '../../engines/native.ts';
import type { EngineState } from '../../engines/types.ts';
import { ownAddresses } from '../../host/addresses.ts';
import type { Host } from '../../host/host.ts';
import { listeningPorts } from '../../host/ports.ts';
import { carried } from '../../program/bundled.ts';
import type { Answers } from '../../settings/answers.ts';
import { readAnswers } from '../../settings/arguments.ts';
import type { EngineWish } from '../../settings/settings.ts';
import { readYaml } from '../../templates.ts';

/**
 * Answers that came with the bundle. They count where no registry is set up yet: on a later run the settings of this server are the
 * newer ones, and a run that says nothing must take nothing back, least of all a user.
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
  /** Ports that something listens on, TCP. */
  listening: Set<number>;
  /** What was answered in the last run; undefined where this directory holds no set-up. */
  last: Answers | undefined;
  settingsText: string | undefined;
  /** SELinux is on. Not only while it is enforcing: a change of its mode must not start the containers anew. */
  selinux: boolean;
  /** Where the registry's program can come from, without an engine. */
  supply?: Supply;
}

/**
 * @param dir the directory of the set-up, for what the last run left there
 * @param wish the engine that was asked for; that of the last run unless said
 * @param archive images come out of a file: without an engine the registry's program does
 */
export async function gatherFacts(
  host: Host,
  dir: string,
  wish?: EngineWish,
  archive = false,
): Promise<Facts> {
  const file = join(dir, 'settings.yml');
  const settingsText = (await host.read(file))?.toString();
  const last =
    settingsText === undefined ? undefined : lastAnswers(readAnswers(file, readYaml(settingsText, file)));
  const before = (last ?? carriedAnswers()).engine?.value as EngineWish | undefined;
  // A program that runs here already is not changed for one that is carried along.
  const kept = last?.engine?.value === 'native';
  const first = archive || (carried() !== undefined && !kept);
  const supply: Supply = { dir, archive: first ? 'first' : carried() && 'last' };
  const [release, engine, listening, addresses, enforce] = await Promise.all([
    host.read('/etc/os-release'),
    findEngine(host, wish ?? before ?? 'auto', supply),
    listeningPorts(host),
    reachableAs(host),
    host.read('/sys/fs/selinux/enforce'),
  ]);
  return {
    system: /^PRETTY_NAME="?([^"\n]+)/m.exec(release?.toString() ?? '')?.[1] ?? process.platform,
    engine,
    listening,
    addresses,
    settingsText,
    last,
    selinux: enforce !== undefined,
    supply,
  };
}

/** A registry without logins has no users: that is no answer to who may log in, when somebody may again. */
function lastAnswers(answers: Answers): Answers {
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
  const list = own.map(({ address, family, interface: name }) => ({
    host: family === 6 ? `[${address}]` : address,
    note: name,
  }));
  if (addresses.some(({ address }) => address === resolved))
    list.splice(1, 0, {
      host: hostname.toLowerCase(),
      note: `this machine's name, resolves to ${resolved}`,
    });
  return list;
}
