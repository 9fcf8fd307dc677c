// Finds what a user has added to the configuration of docker_auth: other sources of users, and rules with a comment.
import { join } from 'node:path';
import type { Host } from '../../host/host.ts';
import { readYaml, type Value, withKeys } from '../../templates.ts';
import { authConfigPath } from './docker-auth.ts';

/** The blocks that this program writes; every other one is the user's: `ldap_auth`, `github_auth`, `oidc_auth`, `mongo_auth`, … */
const OURS = ['server', 'token', 'users', 'acl'];

/** The last line, which changes with the certificates. */
const LAST_LINE = /^# with the certificates [0-9a-f]+\n?/m;

export interface OwnBlocks {
  /** The text with them, without the last line. */
  text: string;
  /** Their names. */
  blocks: string[];
  /** Rules that have a `comment`: this program writes none. */
  rules: Value[];
}

/**
 * Returns what the user has added; undefined if nothing, or if no docker_auth is here.
 * @throws CliError (exit 2) with line and column if a file with such a block cannot be read: it is not overwritten
 */
export async function ownBlocks(host: Host, dir: string): Promise<OwnBlocks | undefined> {
  const path = authConfigPath(dir);
  const text = (await host.read(path))?.toString();
  if (text === undefined) return undefined;
  const names = [...text.matchAll(/^([a-z]\w*):/gm)].map(([, name = '']) => name);
  // Only the user's own file is read so strictly: one without such a block is written anew.
  if (names.every((name) => OURS.includes(name)) && !/^\s+comment:|[{,]\s*comment:/m.test(text))
    return undefined;
  const found = readYaml(text, join(dir, 'auth/auth_config.yml')) as Record<string, unknown> | null;
  const blocks = Object.keys(found ?? {}).filter((name) => !OURS.includes(name));
  const acl = Array.isArray(found?.acl) ? (found.acl as Value[]) : [];
  const rules = acl.filter((rule) => typeof rule === 'object' && rule !== null && 'comment' in rule);
  return blocks.length + rules.length === 0
    ? undefined
    : { text: text.replace(LAST_LINE, ''), blocks, rules };
}

/** Returns the configuration with what the user has added, in its place. @param made as this program writes it */
export const withOwnBlocks = (made: string, own: OwnBlocks | undefined): string =>
  own ? withKeys(own.text, made, OURS) : made;

/** Returns what the user has added, in words: `ldap_auth, 2 rules`. */
export const ownBlocksText = ({ blocks, rules }: OwnBlocks): string =>
  [...blocks, ...(rules.length > 0 ? [`${rules.length} ${rules.length === 1 ? 'rule' : 'rules'}`] : [])].join(
    ', ',
  );
