// Turns users and readers into rules of docker_auth: who may do what. (github.com/cesanta/docker_auth/blob/main/docs/ACL.md)
import { readersOf } from '../../settings/readers.ts';
import type { Settings } from '../../settings/settings.ts';
import type { Value } from '../../templates.ts';

const escaped = (text: string) => text.replaceAll('.', String.raw`\.`);

/** Returns a pattern for docker_auth: between slashes it is a regular expression, and needs its own anchors. */
const matching = (scope: string) =>
  scope.endsWith('/*') ? `/^${escaped(scope.slice(0, -2))}/.+$/` : `/^${escaped(scope)}$/`;

/**
 * Returns the rules in order; the first that matches decides. (github.com/cesanta/docker_auth: auth_server/authz/acl.go)
 * @param own rules of the user: before the one that is about everybody
 */
export function aclOf(
  settings: Pick<Settings, 'users' | 'readers' | 'anonymousPull'>,
  own: Value[] = [],
): Value[] {
  const rules: Value[] = settings.users.map((account) => ({ match: { account }, actions: ['*'] }));
  for (const { name: account, scopes } of readersOf(settings)) {
    if (scopes.length === 0)
      rules.push(
        { match: { account, type: 'repository' }, actions: ['pull'] },
        { match: { account, type: 'registry', name: 'catalog' }, actions: ['*'] },
      );
    // The catalog lists every repository, so a reader of some repositories may not read it.
    for (const scope of scopes)
      rules.push({ match: { account, type: 'repository', name: matching(scope) }, actions: ['pull'] });
  }
  rules.push(...own);
  if (settings.anonymousPull) rules.push({ match: { type: 'repository' }, actions: ['pull'] });
  return rules;
}
