// Writes commands that a user can paste.

/** Quotes a word for a POSIX shell, if it needs quotes. */
export const quoted = (word: string): string =>
  /^[A-Za-z0-9_@%+=:,./[\]-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/**
 * Returns a line of shellLine() for a crontab: `%` is the end of a line there, unless a backslash is before it, and two backslashes
 * may be read as one. (crontab(5)) A word with a backslash is in single quotes: these end and begin again between the two.
 */
export const cronLine = (line: string): string => line.replace(/\\(?=[\\%])/g, "\\''").replaceAll('%', '\\%');

/** Returns a command as one line to paste. Masks nothing: no secret is ever in an argv. */
export const shellLine = (command: string, args: string[]): string =>
  [command, ...args].map(quoted).join(' ');
