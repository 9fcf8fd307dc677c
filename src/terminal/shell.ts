// Commands as a person can paste them.

/** A word as a POSIX shell reads it back. */
export const quoted = (word: string): string =>
  /^[A-Za-z0-9_@%+=:,./[\]-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/** One line that can be pasted; nothing secret is ever in an argv, so nothing is masked. */
export const shellLine = (command: string, args: string[]): string =>
  [command, ...args].map(quoted).join(' ');
