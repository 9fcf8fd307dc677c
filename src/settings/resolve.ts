// From flags, environment and files to settings, or every problem at once.
// Resolves the meaning of every answer into one value, from which the plan is made.
import { resolve } from 'node:path';
import type { Problem } from '../errors.ts';
import { acmeProblems } from './acme-conflicts.ts';
import type { Answer, Answers } from './answers.ts';
import { engineProblems, fileProblems, nameProblems, pruneProblems } from './conflicts.ts';
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
import { readersOf } from './readers.ts';
import { address, type Defaults, type Settings } from './settings.ts';
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
    ...(auth !== 'none' && users.length === 0 ? [nobody] : []),
    ...roleProblems(answers, settings),
    ...fileProblems(answers, tls),
    ...acmeProblems(answers, settings),
    ...engineProblems(answers, engine, auth, archive),
    ...nameProblems(answers),
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

const isGiven = (answer: Answer | undefined) =>
  Array.isArray(answer?.value) ? answer.value.length > 0 : Boolean(answer?.value);

/** Returns problems of roles. Answers of the last run are carried over: only what the user says now must fit the mode. */
function roleProblems(answers: Answers, { auth, users, readers, port, authPort }: Settings): Problem[] {
  const said = (name: FlagName) =>
    !answers[name]?.last && isGiven(answers[name]) ? answers[name] : undefined;
  const [reader, anonymous] = [answers.reader, answers['anonymous-pull']];
  const problems: Problem[] = [];
  const add = (answer: Answer | undefined, message: string, fix: string) =>
    problems.push({ where: answer?.where ?? '--reader', message, fix });
  const both = readersOf({ readers }).find(({ name }) => users.includes(name));
  if (both && auth === 'token')
    add(reader, `${both.name} is an administrator already (--user)`, 'Give each name one role.');
  if (auth !== 'token') {
    if (said('reader')) add(reader, `only --auth token has readers, not ${auth}`, '--auth token');
    if (said('anonymous-pull'))
      add(anonymous, `only --auth token has pulls without login, not ${auth}`, '--auth token');
    return problems;
  }
  const scoped = readersOf({ readers }).find(({ scopes }) => scopes.length > 0);
  if (anonymous?.value && scoped)
    add(
      anonymous,
      `then everybody may pull everything, also ${scoped.name}`,
      `${anonymous.last ? '--no-anonymous-pull' : 'Leave it out'}, or make it --reader ${scoped.name}.`,
    );
  if (port === authPort)
    add(
      answers['auth-port'] ?? answers.port,
      'the registry and its logins need a port each',
      `--auth-port ${port + 1}`,
    );
  return problems;
}

/** Merges answers; earlier ones win: flags, then the environment, then an answers file, then the last run. */
export const mergeAnswers = (...sources: Answers[]): Answers =>
  Object.assign({}, ...sources.toReversed()) as Answers;

/** Returns the flags with which a client calls the registry; its address says if it is plain HTTP. */
export const clientFlags = ({ host, port, tls }: Pick<Settings, 'host' | 'port' | 'tls'>): string[] =>
  tls === 'insecure'
    ? ['--host', `http://${address({ host, port })}`]
    : ['--host', host, ...(port === FLAGS.port.default ? [] : ['--port', String(port)])];
