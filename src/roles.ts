// Who may do what in token mode: administrators, readers of everything or of some repositories, everybody.
import type { Settings } from './settings.ts';
import type { Value } from './templates.ts';
import { checkUser, type Wrong, wrong } from './validation.ts';

export interface Reader {
  name: string;
  /** `team/*` (all below team) or `team/app`; none: every repository. */
  scopes: string[];
}

/** A part of a repository's name (distribution-spec: `<name>`). */
const PART = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;

/** What is wrong with one `--reader`: NAME, or NAME:PATTERN. */
export function checkReader(value: string): Wrong | undefined {
  const { name, scope } = split(value);
  const found = checkUser(name);
  if (found || scope === undefined) return found;
  const parts = scope.replace(/\/\*$/, '').split('/');
  if (parts.every((part) => PART.test(part))) return undefined;
  return wrong(
    `"${scope}" is not a repository: team/app, or team/* for all below team`,
    `--reader ${name}:team/*`,
  );
}

function split(value: string): { name: string; scope: string | undefined } {
  const colon = value.indexOf(':');
  return colon < 0
    ? { name: value, scope: undefined }
    : { name: value.slice(0, colon), scope: value.slice(colon + 1) };
}

/** Readers, each once, with all of its patterns; one that is also named without a pattern reads everything. */
export function readersOf({ readers }: Pick<Settings, 'readers'>): Reader[] {
  const found = new Map<string, (string | undefined)[]>();
  for (const { name, scope } of readers.map(split)) found.set(name, [...(found.get(name) ?? []), scope]);
  return [...found].map(([name, scopes]) => ({
    name,
    scopes: scopes.includes(undefined) ? [] : scopes.filter((scope) => scope !== undefined),
  }));
}

/** Everybody who has a password. */
export const everyone = (settings: Pick<Settings, 'users' | 'readers'>): string[] => [
  ...new Set([...settings.users, ...readersOf(settings).map(({ name }) => name)]),
];

const escaped = (text: string) => text.replaceAll('.', String.raw`\.`);

/** A pattern as docker_auth reads it: between slashes it is a regular expression, and must be anchored by hand. */
const matching = (scope: string) =>
  scope.endsWith('/*') ? `/^${escaped(scope.slice(0, -2))}/.+$/` : `/^${escaped(scope)}$/`;

/** The rules, in order; the first that fits decides. (github.com/cesanta/docker_auth: auth_server/authz/acl.go) */
export function aclOf(settings: Pick<Settings, 'users' | 'readers' | 'anonymousPull'>): Value[] {
  const rules: Value[] = settings.users.map((account) => ({ match: { account }, actions: ['*'] }));
  for (const { name: account, scopes } of readersOf(settings)) {
    if (scopes.length === 0)
      rules.push(
        { match: { account, type: 'repository' }, actions: ['pull'] },
        { match: { account, type: 'registry', name: 'catalog' }, actions: ['*'] },
      );
    // The catalog lists every repository, so it is not for one who may see some.
    for (const scope of scopes)
      rules.push({ match: { account, type: 'repository', name: matching(scope) }, actions: ['pull'] });
  }
  if (settings.anonymousPull) rules.push({ match: { type: 'repository' }, actions: ['pull'] });
  return rules;
}

/** A repository that a reader may pull, for the proof: a name of its own where there is room for one. */
export function sampleRepository({ scopes }: Reader, name: string): string {
  const below = scopes.find((scope) => scope.endsWith('/*'));
  return below ? `${below.slice(0, -2)}/${name}` : (scopes[0] ?? name);
}
