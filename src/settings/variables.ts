// The names of environment variables: one for each flag.
import type { Answers } from './answers.ts';
import { type Command, FLAG_NAMES, type FlagName, flag, isSpoken, spelled, takes } from './flags.ts';
import { nearest } from './nearest.ts';

const PREFIX = 'REGISTRY_SETUP_';
/** Variables that are not flags; those of the tests begin with LAB. */
const OTHERS = /^(PASSWORD|PASSPHRASE|CARRIED_NODE|LAB_.*)$/;

const upper = (name: string) => name.toUpperCase().replaceAll('-', '_');

/** Returns `REGISTRY_SETUP_AUTH_PORT` for `auth-port`. */
export const variableOf = (name: FlagName): string => PREFIX + upper(name);

/** Returns `REGISTRY_SETUP_NO_DELETE` for a switch that is on by default; undefined for every other flag. */
export const negatedVariableOf = (name: FlagName): string | undefined =>
  flag(name).on ? `${PREFIX}NO_${upper(name)}` : undefined;

const isSet = (text: string | undefined): text is string => text !== undefined && text !== '';

/**
 * Finds variables that have no effect although the user expects one: misspelt ones, and those of flags that this command takes
 * from the command line alone.
 * @returns one line for each
 */
export function strayVariables(command: Command, env: NodeJS.ProcessEnv, said: Answers): string[] {
  const known = FLAG_NAMES.flatMap((name) => [variableOf(name), negatedVariableOf(name) ?? []].flat());
  const short = known.map((variable) => variable.slice(PREFIX.length));
  const strays = Object.keys(env).filter(
    (variable) =>
      variable.startsWith(PREFIX) &&
      isSet(env[variable]) &&
      !known.includes(variable) &&
      !OTHERS.test(variable.slice(PREFIX.length)),
  );
  const unheard = FLAG_NAMES.filter((name) => {
    const text = env[variableOf(name)];
    const isOff = !isSet(text) || ['0', 'false'].includes(text);
    return !isOff && !said[name] && takes(command, name) && isSpoken(command, name);
  });
  return [
    ...strays.map((variable) => {
      const near = nearest(variable.slice(PREFIX.length), short);
      return `${variable} is not known${near ? `; did you mean ${PREFIX}${near}?` : '.'}`;
    }),
    ...unheard.map(
      (name) =>
        `${variableOf(name)} is not taken from the environment: give ${spelled(name)} on the command line.`,
    ),
  ];
}
