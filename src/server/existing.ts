// Loads the registry that exists on this machine, for status, rotate and other commands.
import { join } from 'node:path';
import { makeKeys, type Renew } from '../certificates/site.ts';
import { type Context, dirOf } from '../context.ts';
import { type EngineInfo, type EngineState, readyInfo } from '../engines/types.ts';
import { CliError, InputError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { carried } from '../program/bundled.ts';
import { readUnfinished } from '../reconcile/journal.ts';
import { lockHolder } from '../reconcile/lock.ts';
import type { Answers } from '../settings/answers.ts';
import { readAnswers } from '../settings/arguments.ts';
import { mergeAnswers, resolveSettings } from '../settings/resolve.ts';
import { DEFAULT_DIR, type EngineChoice, type Settings } from '../settings/settings.ts';
import { readYaml } from '../templates.ts';
import { commandIn, commandLine } from '../terminal/command.ts';
import { certificatesFor } from './certificates.ts';
import { elsewhereLines, registriesHere } from './elsewhere.ts';
import { gatherFacts } from './plan/facts.ts';
import type { ServerRequest } from './request.ts';

/**
 * Returns the request for the registry of --dir, from the settings of its last run.
 * @param change answers that differ from those of the last run
 * @param renew what to recreate although it still fits
 * @param engineOf what counts as the engine if it is not ready
 * @throws CliError if this directory holds no registry, or if the engine does not answer; InputError (exit 2) for a wrong answer
 */
export async function loadExisting(
  context: Context,
  change: Answers = {},
  renew: Renew = {},
  engineOf: (found: EngineState) => EngineInfo = readyInfo,
): Promise<ServerRequest> {
  const dir = dirOf(context.answers);
  const facts = await gatherFacts(context.host, dir, change.engine?.value as EngineChoice | undefined);
  if (!facts.last) throw await noRegistry(context.host, dir);
  const engine = engineOf(facts.engine);
  const defaults = { dir, engine: engine.kind };
  const result = resolveSettings(mergeAnswers(change, facts.last), defaults);
  if ('problems' in result) throw new InputError(result.problems);
  const { settings } = result;
  const certificates = await certificatesFor(context, settings, makeKeys(), renew);
  const archive = carried()?.file;
  return { settings, facts, engine, passwords: new Map(), archive, certificates };
}

/**
 * Returns the settings of the registry of --dir, without asking its engine, which may have ended.
 * @throws CliError if this directory holds no registry; InputError (exit 2) for a wrong setting
 */
export const settingsHere = ({ host, answers }: Context): Promise<Settings> =>
  settingsIn(host, dirOf(answers));

/** Returns the settings of the registry of a directory. @throws as settingsHere */
export async function settingsIn(host: Host, dir: string): Promise<Settings> {
  const file = join(dir, 'settings.yml');
  const text = (await host.read(file))?.toString();
  if (text === undefined) throw await noRegistry(host, dir);
  const last = readAnswers(file, readYaml(text, file));
  const result = resolveSettings(
    Object.fromEntries(Object.entries(last).map(([name, answer]) => [name, { ...answer, last: true }])),
    { dir },
  );
  if ('problems' in result) throw new InputError(result.problems);
  return result.settings;
}

/** Returns the error for a directory without a registry; it names the registries of other directories. */
async function noRegistry(host: Host, dir: string): Promise<CliError> {
  const [holder, left] = await Promise.all([lockHolder(host, dir), readUnfinished(host, dir)]);
  if (holder)
    return new CliError(`There is no registry in ${dir} yet: "${holder.command}" is at work there.`, {
      why: `Since ${holder.since}`,
      code: 'no registry',
    });
  const inDir = (words: string) => commandIn(dir === DEFAULT_DIR ? undefined : dir, words);
  if (left)
    return new CliError(`There is no registry in ${dir}: the run "${left.command}" was interrupted.`, {
      why: `It began ${left.since}. The next run undoes what it had done.`,
      fix: [`Undo it now:          ${inDir('doctor --fix')}`, `Set one up:           ${inDir('')}`],
      code: 'no registry',
    });
  const others = elsewhereLines(await registriesHere(host), dir, commandLine('status'));
  const elsewhere = others.length > 0 ? others : [`It is elsewhere:      ${commandLine('… --dir DIR')}`];
  return new CliError(`There is no registry in ${dir}.`, {
    fix: [`Set one up:           ${commandLine()}`, ...elsewhere],
    code: 'no registry',
  });
}
