// Finds roles that do not go together, or that the way of logging in does not have.
import type { Problem } from '../errors.ts';
import { type Answer, type Answers, said } from './answers.ts';
import { hasAuthPort, hasRoles } from './gateway.ts';
import { readersOf } from './readers.ts';
import type { Settings } from './settings.ts';

/** Returns problems of roles. Answers of the last run are carried over: only what the user says now must fit the mode. */
export function roleProblems(answers: Answers, settings: Settings): Problem[] {
  const { auth, users, readers, port, authPort } = settings;
  const [reader, anonymous] = [answers.reader, answers['anonymous-pull']];
  const problems: Problem[] = [];
  const add = (answer: Answer | undefined, message: string, fix: string) =>
    problems.push({ where: answer?.where ?? '--reader', message, fix });
  const both = readersOf({ readers }).find(({ name }) => users.includes(name));
  if (both && hasRoles(settings))
    add(reader, `${both.name} is an administrator already (--user)`, 'Give each name one role.');
  const scoped = readersOf({ readers }).find(({ scopes }) => scopes.length > 0);
  if (auth !== 'token') {
    // Kept from token mode, too: the gateway would let them pull everything.
    if (scoped && hasRoles(settings))
      add(
        reader,
        `only --auth token has readers of some repositories, such as ${scoped.name}`,
        `--auth token; or --reader ${scoped.name}, who then pulls everything`,
      );
    if (said(answers, 'reader') && !hasRoles(settings)) add(reader, ...withoutRoles(auth));
    if (said(answers, 'anonymous-pull'))
      add(anonymous, `only --auth token has pulls without login, not ${auth}`, '--auth token');
    return problems;
  }
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

const withoutRoles = (auth: Settings['auth']): [message: string, fix: string] =>
  auth === 'htpasswd'
    ? ['with --auth htpasswd, readers need the gateway', '--gateway, or --auth token']
    : [`only --auth token and htpasswd have readers, not ${auth}`, '--auth token'];
