// Writes commands that a user can paste.

/** Quotes a word for a POSIX shell, if it needs quotes. */
export const quoted = (word: string): string =>
  /^[A-Za-z0-9_@%+=:,./[\]-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/** Returns a command as one line to paste. Masks nothing: no secret is ever in an argv. */
export const shellLine = (command: string, args: string[]): string =>
  [command, ...args].map(quoted).join(' ');
