// From flags, environment and files to settings, or every problem at once.
// Resolves the meaning of every answer into one value, from which the plan is made.
import { resolve } from 'node:path';
import type { Problem } from '../errors.ts';
import { acmeProblems } from './acme-conflicts.ts';
import type { Answers } from './answers.ts';
import {
  engineProblems,
  externalProblems,
  fileProblems,
  gatewayProblems,
  nameProblems,
  pruneProblems,
} from './conflicts.ts';
import {
  type Complete,
  FLAGS,
  type Flag,
  type FlagName,
  SETTING_NAMES,
  type SettingName,
  settingRow,
} from './flags.ts';
import { type Decided, type Given, usual } from './meaning.ts';
import { roleProblems } from './role-conflicts.ts';
import type { Defaults, Settings } from './settings.ts';
import { foreignRealm, hasDockerAuth } from './token-server.ts';
import { tokenServerProblems } from './token-server-conflicts.ts';
import type { Wrong } from './validation.ts';

/**
 * Returns the settings for some answers. Pure.
 * @param answers merged by precedence already; see `mergeAnswers`
 * @param defaults for what nobody said
 * @returns the settings, or every problem with the place of its answer; never both
 */
export function resolveSettings(
  answers: Answers,
  defaults: Defaults,
): { settings: Settings } | { problems: Problem[] } {
  const problems: Problem[] = [];
  const note = (name: FlagName, found: Wrong | undefined) => {
    if (found) problems.push({ where: answers[name]?.where ?? `--${name}`, ...found });
  };
  const dir = String(answers.dir?.value ?? defaults.dir);
  note('dir', FLAGS.dir.check(dir));
  const decided: Decided = { dir: resolve(dir) };
  for (const name of SETTING_NAMES) {
    const row = settingRow(name);
    const given = answers[name]?.value ?? usual(row, decided, defaults);
    if (given === undefined) continue;
    note(name, row.check?.(given));
    const value = meaning(row, given, decided, defaults);
    if (value !== undefined) Object.assign(decided, { [row.setting]: value });
  }
  // Every property has a row, and in it a default if it is not optional.
  const settings = decided as Complete;
  problems.push(...contradictions(answers, settings, defaults));
  return problems.length > 0 ? { problems } : { settings };
}

/** Returns problems of settings that do not go together, although each of them is fine. */
function contradictions(answers: Answers, settings: Settings, { archive }: Defaults): Problem[] {
  const { auth, users, tls, engine } = settings;
  const where = answers.user?.where ?? '--user';
  const nobody = { where, message: 'at least one user must be able to log in', fix: '--user admin' };
  return [
    ...(auth !== 'none' && users.length === 0 && !foreignRealm(settings) ? [nobody] : []),
    ...(foreignRealm(settings) ? [] : roleProblems(answers, settings)),
    ...tokenServerProblems(answers, settings),
    ...fileProblems(answers, tls),
    ...acmeProblems(answers, settings),
    ...engineProblems(answers, engine, hasDockerAuth(settings), archive),
    ...gatewayProblems(answers, settings),
    ...nameProblems(answers),
    ...externalProblems(answers),
    ...pruneProblems(answers),
  ];
}

/** Returns the setting that a value stands for; undefined if it stands for none. */
const meaning = ({ becomes }: Flag, value: Given, decided: Decided, defaults: Defaults) =>
  becomes ? becomes(value, decided, defaults) : value;

/** Tells whether a setting has the value that a run gives it by itself, on any machine. */
export function isUsual(name: SettingName, settings: Settings): boolean {
  const row = settingRow(name);
  const { dir } = settings;
  const value = row.on ? true : usual(row, settings, { dir });
  return value !== undefined && settings[row.setting] === meaning(row, value, settings, { dir });
}

/** Merges answers; earlier ones win: flags, then the environment, then an answers file, then the last run. */
export const mergeAnswers = (...sources: Answers[]): Answers =>
  Object.assign({}, ...sources.toReversed()) as Answers;
