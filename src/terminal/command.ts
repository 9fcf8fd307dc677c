// This program's own command line, in a text that a user pastes.

let program = 'registry-setup';

/** Says once, at the start, by which words this program is called here: `sh /root/registry.run`. */
export function calledAs(words: string): void {
  program = words;
}

/**
 * A command of this program as it is called on this machine, for this user to paste: `registry-setup user add ci`. A command
 * that is for another machine is no such thing: nothing is known of how the program is called there.
 * @param words what follows the program's name; with none, the name alone
 */
export const commandLine = (words = ''): string => [program, words].filter(Boolean).join(' ');
