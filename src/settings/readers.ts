// Who may do what in token mode: administrators, readers of everything or of some repositories, everybody.

import { PART } from '../registry/names.ts';
import type { Settings } from './settings.ts';
import { checkUser, type Wrong, wrong } from './validation.ts';

export interface Reader {
  name: string;
  /** `team/*` (all below team) or `team/app`; empty: every repository. */
  scopes: string[];
}

/** Accepts one `--reader`: NAME, or NAME:PATTERN. Returns what is wrong with another value. */
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

/** Returns each reader once, with all patterns; a reader that is also named without a pattern reads everything. */
export function readersOf({ readers }: Pick<Settings, 'readers'>): Reader[] {
  const found = new Map<string, (string | undefined)[]>();
  for (const { name, scope } of readers.map(split)) found.set(name, [...(found.get(name) ?? []), scope]);
  return [...found].map(([name, scopes]) => ({
    name,
    scopes: scopes.includes(undefined) ? [] : scopes.filter((scope) => scope !== undefined),
  }));
}

/** Returns everybody who has a password. */
export const everyone = (settings: Pick<Settings, 'users' | 'readers'>): string[] => [
  ...new Set([...settings.users, ...readersOf(settings).map(({ name }) => name)]),
];

/** Returns a repository that a reader may pull, for the proof: with its own name if a pattern has room for one. */
export function sampleRepository({ scopes }: Reader, name: string): string {
  const below = scopes.find((scope) => scope.endsWith('/*'));
  return below ? `${below.slice(0, -2)}/${name}` : (scopes[0] ?? name);
}
