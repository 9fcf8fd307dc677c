// Lines in htpasswd that let this program in while a command runs. A line names the process it is for: others see whether it has ended.
import { randomBytes } from 'node:crypto';

/** A process, as nobody else has it until the machine starts again: another one may have its number by then. */
export interface ProcessId {
  pid: number;
  /** Its start time, in clock ticks after boot (proc(5), field 22). */
  ticks: string;
}

/** No user has such a name: a user's name begins with a letter or a digit. It is in the log of the registry, too. */
const GUEST = /^_registry-setup-(\d+)-(\d*)-[0-9a-f]{8}$/;

/** Returns a new name: a process may be several guests. */
export const guestName = ({ pid, ticks }: ProcessId): string =>
  `_registry-setup-${pid}-${ticks}-${randomBytes(4).toString('hex')}`;

/** Returns the process of a guest; undefined for the name of a user. */
export function guestOf(name: string): ProcessId | undefined {
  const [, pid, ticks = ''] = GUEST.exec(name) ?? [];
  return pid === undefined ? undefined : { pid: Number(pid), ticks };
}

const nameIn = (line: string): string => line.split(':')[0] ?? '';

/** Returns the names of the guests in an htpasswd file. */
export const guestsIn = (text: string): string[] =>
  text
    .split('\n')
    .map(nameIn)
    .filter((name) => guestOf(name));

/** Returns an htpasswd file without some guests; by default, without all. */
export const withoutGuests = (text: string, names = guestsIn(text)): string =>
  names.length === 0
    ? text
    : text
        .split('\n')
        .filter((line) => !names.includes(nameIn(line)))
        .join('\n');

/** Returns an htpasswd file with one more line. */
export const withLine = (text: string, name: string, hash: string): string =>
  `${text}${text.endsWith('\n') || text === '' ? '' : '\n'}${name}:${hash}\n`;
