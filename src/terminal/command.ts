// Writes this program's own commands, for the user to paste.
import { shellLine } from './shell.ts';

let program = 'registry-setup';

/** Sets, once at the start, the words that call this program on this machine: `sh /root/registry.run`. */
export function calledAs(words: string): void {
  program = words;
}

let setUp = '';

/** Sets what a set-up is called in this run, if it is a part of another command: `restore FILE`. Its flags follow that. */
export function setUpCalledAs(words: string): void {
  setUp = words;
}

/** Tells whether words are flags of a set-up, and not another command. */
const ofSetUp = (words: string) => words.startsWith('--') && !/^--client\b/.test(words);

/**
 * Returns a command of this program for the user to paste on this machine: `registry-setup user add ci`. Not for commands on
 * another machine: how the program is called there is unknown.
 * @param words what follows the program's name; the name alone without them
 */
export const commandLine = (words = ''): string =>
  [program, ofSetUp(words) ? setUp : '', words].filter(Boolean).join(' ');

/** Returns the command of a run, from its line in Context, as the user can paste it here. */
export const commandAgain = (line: string): string => commandLine(line.replace(/^registry-setup ?/, ''));

/** Returns a command for the registry in the directory that the user named; without one, for that of the default directory. */
export const commandIn = (dir: string | undefined, words: string): string =>
  commandLine([words, dir === undefined ? '' : shellLine('--dir', [dir])].filter(Boolean).join(' '));

let place = '';

/** Sets, once at the start, the flags that lead an image command to its registry: `--host 10.0.3.17`, `--dir /srv/registry`. */
export function imagesAt(flags: string): void {
  place = flags;
}

/** Returns an image command for the registry that this run is about: `registry-setup image list team/app --host 10.0.3.17`. */
export const imageCommand = (words: string): string =>
  [commandLine(`image ${words}`), place].filter(Boolean).join(' ');
