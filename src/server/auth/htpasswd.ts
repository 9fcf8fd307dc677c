// Passwords and rights, as the registry and docker_auth read them.
// Reads and writes an htpasswd file. The only door to bcryptjs. (The registry takes only bcrypt, and re-reads the file when it changes.)
import { randomInt } from 'node:crypto';
import bcrypt from 'bcryptjs';
import { Secret } from '../../secret.ts';

/** The bcrypt cost of a chosen password. The registry pays it on every request: about 60 ms at 10, 3 ms at 5. */
const CHOSEN_COST = 10;
/** Enough for a password of 128 random bits, which nobody can guess. */
const GENERATED_COST = 5;

/** Leaves out letters and digits that look alike; each of the 31 signs has 4.95 bits. */
const SIGNS = 'abcdefghjkmnpqrstuvwxyz23456789';
const GROUPS = 4;
const GROUP_LENGTH = 7;

export interface Login {
  name: string;
  hash: string;
}

/** Returns a password of 138 random bits, in groups that can be read aloud. */
export function generatePassword(): Secret {
  const sign = () => SIGNS[randomInt(SIGNS.length)];
  const group = () => Array.from({ length: GROUP_LENGTH }, sign).join('');
  return new Secret(Array.from({ length: GROUPS }, group).join('-'));
}

/** Returns the bcrypt hash. @param generated the password is from `generatePassword`, not chosen by a user */
export async function hashPassword(password: Secret, generated: boolean): Promise<string> {
  return bcrypt.hash(password.reveal(), generated ? GENERATED_COST : CHOSEN_COST);
}

/** Tells whether a bcrypt hash is of this password. */
export const passwordFits = (password: Secret, hash: string): Promise<boolean> =>
  bcrypt.compare(password.reveal(), hash);

/** Returns the logins in a file. Ignores, as the registry does, blank lines, comments and lines without a bcrypt hash. */
export function readHtpasswd(text: string): Login[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const [, name, hash] = /^([^#:][^:]*):(\$2[aby]\$.+)$/.exec(line.trim()) ?? [];
    return name && hash ? [{ name, hash }] : [];
  });
}

export const htpasswdText = (logins: Login[]): string =>
  logins.map(({ name, hash }) => `${name}:${hash}\n`).join('');

/** Matches what follows the name, to mask it wherever the file is shown: also another kind of hash, or a password written there. */
export const HASHES = String.raw`(?<=^[^:\n]*:).+$`;
