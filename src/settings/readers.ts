// Who may do what in token mode: administrators, readers of everything or of some repositories, everybody.
import type { Settings } from './settings.ts';
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

/** A repository that a reader may pull, for the proof: a name of its own where there is room for one. */
export function sampleRepository({ scopes }: Reader, name: string): string {
  const below = scopes.find((scope) => scope.endsWith('/*'));
  return below ? `${below.slice(0, -2)}/${name}` : (scopes[0] ?? name);
}
