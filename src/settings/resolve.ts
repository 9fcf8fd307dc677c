// From flags, environment and files to settings, or every problem at once.
// Resolves the meaning of every answer into one value, from which the plan is made.
import { resolve } from 'node:path';
import type { Problem } from '../errors.ts';
import { acmeProblems } from './acme-conflicts.ts';
import type { Answer, Answers } from './answers.ts';
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
import { hasAuthPort, hasRoles } from './gateway.ts';
import { type Decided, type Given, usual } from './meaning.ts';
import { readersOf } from './readers.ts';
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

const isGiven = (answer: Answer | undefined) =>
  Array.isArray(answer?.value) ? answer.value.length > 0 : Boolean(answer?.value);

/** Returns problems of roles. Answers of the last run are carried over: only what the user says now must fit the mode. */
function roleProblems(answers: Answers, settings: Settings): Problem[] {
  const { auth, users, readers, port, authPort } = settings;
  const said = (name: FlagName) =>
    !answers[name]?.last && isGiven(answers[name]) ? answers[name] : undefined;
  const [reader, anonymous] = [answers.reader, answers['anonymous-pull']];
  const problems: Problem[] = [];
  const add = (answer: Answer | undefined, message: string, fix: string) =>
    problems.push({ where: answer?.where ?? '--reader', message, fix });
  const both = readersOf({ readers }).find(({ name }) => users.includes(name));
  if (both && hasRoles(settings))
    add(reader, `${both.name} is an administrator already (--user)`, 'Give each name one role.');
  if (auth !== 'token') {
    problems.push(...readerProblems(answers, settings));
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
  if (port === authPort && hasAuthPort(settings))
    add(
      answers['auth-port'] ?? answers.port,
      'the registry and its logins need a port each',
      `--auth-port ${port + 1}`,
    );
  return problems;
}

/** Returns problems of readers without docker_auth: the gateway lets them pull alone, and from every repository. */
function readerProblems({ reader, auth: mode, gateway, ui }: Answers, settings: Settings): Problem[] {
  const { auth } = settings;
  if (!isGiven(reader)) return [];
  const problem = (where: string, message: string, fix: string) => [{ where, message, fix }];
  const where = reader?.where ?? '--reader';
  if (hasRoles(settings)) {
    const scoped = readersOf(settings).find(({ scopes }) => scopes.length > 0);
    return scoped && !reader?.last
      ? problem(
          where,
          `only --auth token has readers of some repositories, such as ${scoped.name}`,
          '--auth token',
        )
      : [];
  }
  if (!reader?.last)
    return auth === 'htpasswd'
      ? problem(where, 'with --auth htpasswd, readers need the gateway', '--gateway, or --auth token')
      : problem(where, `only --auth token and htpasswd have readers, not ${auth}`, '--auth token');
  // Without it they could push from now on.
  const off = [gateway, ui].find((answer) => answer && !answer.last && !answer.value);
  return off && mode?.last && auth === 'htpasswd'
    ? problem(
        off.where,
        `${readersOf(settings)[0]?.name} may only pull, and could push without the gateway`,
        'Keep it, or remove the readers first: registry-setup user remove NAME',
      )
    : [];
}

/** Merges answers; earlier ones win: flags, then the environment, then an answers file, then the last run. */
export const mergeAnswers = (...sources: Answers[]): Answers =>
  Object.assign({}, ...sources.toReversed()) as Answers;
