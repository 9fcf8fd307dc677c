// Lines of an htpasswd file. The only door to bcryptjs. (The registry takes bcrypt alone, and re-reads the file when it changes.)
import { randomInt } from 'node:crypto';
import bcrypt from 'bcryptjs';
import { Secret } from '../../secret.ts';

/** What a password costs the registry on every request: about 60 ms at 10, 3 ms at 5. */
const CHOSEN_COST = 10;
/** Enough for a password of 128 random bits, which no number of guesses finds. */
const GENERATED_COST = 5;

/** No letters or digits that look like others; 31 signs are 4.95 bits each. */
const SIGNS = 'abcdefghjkmnpqrstuvwxyz23456789';
const GROUPS = 4;
const GROUP_LENGTH = 7;

export interface Login {
  name: string;
  hash: string;
}

/** A password of 138 random bits, in groups that can be read out. */
export function generatePassword(): Secret {
  const sign = () => SIGNS[randomInt(SIGNS.length)];
  const group = () => Array.from({ length: GROUP_LENGTH }, sign).join('');
  return new Secret(Array.from({ length: GROUPS }, group).join('-'));
}

/** @param generated made by `generatePassword`, and not chosen by a person */
export async function hashPassword(password: Secret, generated: boolean): Promise<string> {
  return bcrypt.hash(password.reveal(), generated ? GENERATED_COST : CHOSEN_COST);
}

export const passwordFits = (password: Secret, hash: string): Promise<boolean> =>
  bcrypt.compare(password.reveal(), hash);

/** The lines of a file; blank lines, comments and lines without a bcrypt hash say nothing to the registry. */
export function readHtpasswd(text: string): Login[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const [, name, hash] = /^([^#:][^:]*):(\$2[aby]\$.+)$/.exec(line.trim()) ?? [];
    return name && hash ? [{ name, hash }] : [];
  });
}

export const htpasswdText = (logins: Login[]): string =>
  logins.map(({ name, hash }) => `${name}:${hash}\n`).join('');

/** Hides what follows the name wherever the file is shown: also a hash of another kind, or a password that somebody wrote there. */
export const HASHES = String.raw`(?<=^[^:\n]*:).+$`;
