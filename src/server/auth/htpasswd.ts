// Passwords and rights, as the registry and docker_auth read them.
// Reads and writes an htpasswd file. (The registry takes only bcrypt, and re-reads the file when it changes.)
import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { guestOf } from '../../resources/guest.ts';
import { Secret } from '../../secret.ts';
import type { Job } from './bcrypt.ts';

/** Loaded when a password is hashed: most commands hash none. */
const bcrypt = () => import('./bcrypt.ts');

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

/** Returns the bcrypt hash of a password from `generatePassword`. */
export const hashGenerated = async (password: Secret): Promise<string> =>
  (await bcrypt()).hash(password.reveal(), GENERATED_COST);

/** The lowest cost that bcrypt has: the registry pays it on each of some thousand requests. */
const LOWEST_COST = 4;

/** Returns the hash of a password from `generatePassword` that lives no longer than one command. */
export const hashForAMoment = async (password: Secret): Promise<string> =>
  (await bcrypt()).hash(password.reveal(), LOWEST_COST);

/** Tells whether a bcrypt hash is of this password. */
export const passwordFits = async (password: Secret, hash: string): Promise<boolean> =>
  (await bcrypt()).compare(password.reveal(), hash);

/** A chosen password, and the hash that its user has already. */
export interface Chosen {
  password: Secret;
  before?: string | undefined;
}

/** So many are faster in this thread than a thread's start. */
const FEW = 8;

const made = new WeakMap<Secret, { before: string | undefined; hash: string }>();

/**
 * Returns a bcrypt hash for each chosen password: that of before if it fits, so that a run that changes nothing writes nothing.
 * Each takes about 0.1 s, so many are spread over the processors. The same password object gets the same hash again.
 */
export async function hashesOf(chosen: Chosen[]): Promise<string[]> {
  const open = chosen.filter(({ password, before }) => {
    const known = made.get(password);
    return !known || known.before !== before;
  });
  if (open.length > 0) await hashed(open);
  return chosen.map(({ password }) => made.get(password)?.hash as string);
}

async function hashed(open: Chosen[]): Promise<void> {
  const { hashAll, hashInThread } = await bcrypt();
  const threads = Math.max(1, Math.min(availableParallelism(), Math.ceil(open.length / FEW)));
  const slices = Array.from({ length: threads }, (_, i) => open.filter((_, at) => at % threads === i));
  await Promise.all(
    slices.map(async (slice) => {
      const jobs = slice.map(({ password, before }): Job => [password.reveal(), before, CHOSEN_COST]);
      const hashes = await (threads === 1 ? hashAll(jobs) : hashInThread(jobs).catch(() => hashAll(jobs)));
      slice.forEach(({ password, before }, i) => {
        made.set(password, { before, hash: hashes[i] as string });
      });
    }),
  );
}

/** Returns the guests of commands that run just now, as they are in the file. */
export const readGuests = (text: string): Login[] => loginsIn(text).filter(({ name }) => guestOf(name));

/** Returns the logins in a file. Ignores, as the registry does, blank lines, comments and lines without a bcrypt hash; and guests. */
export const readHtpasswd = (text: string): Login[] => loginsIn(text).filter(({ name }) => !guestOf(name));

function loginsIn(text: string): Login[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const [, name, hash] = /^([^#:][^:]*):(\$2[aby]\$.+)$/.exec(line.trim()) ?? [];
    return name && hash ? [{ name, hash }] : [];
  });
}

export const htpasswdText = (logins: Login[]): string =>
  logins.map(({ name, hash }) => `${name}:${hash}\n`).join('');

/** Matches what follows the name, to mask it wherever the file is shown: also another kind of hash, or a password written there. */
export const HASHES = String.raw`(?<=^[^:\n]*:).+$`;
