// Reads what the user said, and where: argv, the environment, an answers file. Checks types; resolve.ts checks meanings.
import { parseArgs } from 'node:util';
import { InputError, type Problem } from '../errors.ts';
import type { Answer, Answers, Invocation } from './answers.ts';
import { apart, together, twice } from './contradictions.ts';
import {
  COMMANDS,
  type Command,
  FLAG_NAMES,
  type FlagName,
  flag,
  flagNamed,
  isSpoken,
  shortFlag,
  spelled,
  takes,
} from './flags.ts';
import { nearest } from './nearest.ts';
import { badClient, callOf, isClient, readWords, unknownCommand, withoutSecret } from './operands.ts';
import { negatedVariableOf, variableOf } from './variables.ts';

const isFlagName = (name: string): name is FlagName => FLAG_NAMES.includes(name as FlagName);

/**
 * Converts a value that was given for a flag to the flag's own type.
 * @param given text from argv or the environment, or a YAML value
 * @returns the value, or what is wrong with it
 */
function typed(name: FlagName, given: unknown): { value: Answer['value'] } | { wrong: string } {
  const { kind, choices } = flag(name);
  if (kind === 'switch') {
    if (given === true || given === 'true' || given === '1') return { value: true };
    if (given === false || given === 'false' || given === '0') return { value: false };
    return { wrong: `takes true or false, not ${JSON.stringify(given)}` };
  }
  if (kind === 'list') {
    const list = Array.isArray(given) ? given : typeof given === 'string' ? given.split(',') : [given];
    if (!list.every((item) => typeof item === 'string' || typeof item === 'number'))
      return { wrong: 'takes a list of words' };
    return { value: list.map((item) => String(item).trim()).filter((item) => item !== '') };
  }
  if (typeof given !== 'string' && typeof given !== 'number')
    return { wrong: `takes one value, not ${given === null ? 'nothing' : JSON.stringify(given)}` };
  const text = String(given).trim();
  if (kind === 'choice' && !choices?.includes(text))
    return { wrong: `takes ${choices?.join(', ')}, not "${text}"` };
  if (kind === 'number') {
    if (!/^\d{1,9}$/.test(text)) return { wrong: `takes a whole number, not "${text}"` };
    return { value: Number(text) };
  }
  return { value: text };
}

/** Splits a command line as the flags of this command read it; `secret`: the words that may be a password. */
function split(argv: string[], command: Command) {
  const options: Record<string, { type: 'boolean' | 'string' }> = { client: { type: 'boolean' } };
  for (const name of FLAG_NAMES) {
    const word = flag(name).word ?? name;
    const meant = flagNamed(word, command) ?? name;
    options[word] = { type: flag(meant).kind === 'switch' ? 'boolean' : 'string' };
  }
  const end = argv.indexOf('--');
  const args = argv.flatMap((word, i) => (end >= 0 && i > end ? word : letters(word)));
  const { tokens } = parseArgs({
    args,
    options,
    strict: false,
    allowPositionals: true,
    allowNegative: true,
    tokens: true,
  });
  const words: string[] = [];
  const secret: string[] = [];
  tokens.forEach((token, i) => {
    if (token.kind !== 'positional') return;
    const before = tokens[i - 1];
    const flagBefore =
      before?.kind === 'option' && !before.inlineValue ? before.name.replace(/^no-/, '') : '';
    const isCommand = COMMANDS.some((name) => name === token.value);
    // A word after a flag that does not exist is its value, unless it is a command: that flag is the error.
    if (flagBefore === '' || isCommand || Object.hasOwn(options, flagBefore)) words.push(token.value);
    if (flagBefore.startsWith('pass') && !isCommand) secret.push(token.value);
  });
  const given = tokens.flatMap((token) => (token.kind === 'option' ? [token] : []));
  return { words, given, secret };
}

/** Splits `-yq` into `-y -q`; an unknown letter stays as the user typed it, for the error. What follows `-p` may be a password. */
function letters(word: string): string[] {
  if (/^-p/.test(word) && !FLAG_NAMES.some((name) => `-${name}` === word)) return ['-p'];
  if (!/^-[a-zA-Z]+$/.test(word)) return [word];
  return [...word.slice(1)].map((letter) => (shortFlag(letter) ? `--${shortFlag(letter)}` : `-${letter}`));
}

type Token = ReturnType<typeof split>['given'][number];

/** Flags of other programs whose value would be a secret, and how to give it here. */
const SECRETS = [
  { flags: /^--?passphrase/, fix: 'A passphrase: it is asked for, or taken from REGISTRY_SETUP_PASSPHRASE.' },
  {
    flags: /^(-p|--?pass(w(or)?d)?)$/,
    fix: 'A password: --password-stdin < FILE, --password-file FILE, or REGISTRY_SETUP_PASSWORD.',
  },
];

/** Reads one flag of the command line; returns what it says, or what is wrong with it. */
function readFlag(token: Token, command: Command): { name: FlagName; answer: Answer } | { problem: Problem } {
  const raw = token.rawName;
  const off = raw.startsWith('--no-');
  const bad = (message: string, fix?: string) => ({ problem: { where: raw, message, fix } });
  const help = `${callOf(command)} --help`;
  const name = flagNamed(token.name, command) ?? (off ? flagNamed(token.name.slice(3), command) : undefined);
  if (!name || (off && flag(name).kind !== 'switch')) {
    const secret = SECRETS.find(({ flags }) => flags.test(raw));
    if (secret) return bad('there is no such flag', secret.fix);
    const near = nearest(raw, FLAG_NAMES.filter((f) => takes(command, f)).map(spelled));
    return bad(`there is no such flag${near ? `; did you mean ${near}?` : ''}`, help);
  }
  const { kind, value: shown = 'VALUE' } = flag(name);
  if (!takes(command, name)) {
    const { value: word } = token;
    const isName = name === 'name' && word !== undefined && takes(command, 'dir');
    const stray = isName ? { word, call: callOf(command) } : undefined;
    const fix = isName ? `A registry elsewhere:   ${callOf(command)} --dir DIR` : help;
    return { problem: { where: raw, message: `"${command}" does not take this flag`, fix, stray } };
  }
  if (kind === 'switch') {
    if (token.inlineValue && token.value !== undefined)
      return bad(name === 'password-stdin' ? 'takes no value' : `takes no value, so not "${token.value}"`);
    return { name, answer: { value: !off, where: raw } };
  }
  if (token.value === undefined || (!token.inlineValue && /^--?[a-z]|^--$/i.test(token.value)))
    return bad(`needs a value: ${raw} ${shown}`);
  const result = typed(name, token.value);
  if (flag(name).filled && 'value' in result && String(result.value) === '')
    return bad(`needs a value, and it is empty: ${raw} ${shown}`);
  return 'wrong' in result ? bad(result.wrong) : { name, answer: { value: result.value, where: raw } };
}

/**
 * Reads the command line.
 * @param argv without node and the script
 * @throws InputError with every unknown flag (and the nearest one), missing value, contradiction and word that is not understood
 */
export function readArguments(argv: string[]): Invocation {
  const first = split(argv, 'setup');
  const asHelp = first.words[0] === 'help';
  const named = COMMANDS.find((c) => c === first.words[asHelp ? 1 : 0]);
  const command = named ?? (first.given.some(isClient) ? 'client' : 'setup');
  const { words: all, given, secret } = split(argv, command);
  const words = asHelp ? all.slice(1) : all;

  const answers: Answers = {};
  const problems: Problem[] = [];
  for (const token of given) {
    if (token.name === 'client') {
      problems.push(...badClient(token, named));
      continue;
    }
    const read = readFlag(token, command);
    if ('problem' in read) {
      problems.push(read.problem);
      continue;
    }
    const { name, answer } = read;
    problems.push(...twice(answers[name], answer));
    answers[name] = together(answers[name], answer);
  }
  if (asHelp) answers.help = { value: true, where: 'help' };
  const operands = named ? words.slice(1) : words;
  const [word] = words;
  if (!named && command === 'setup' && word !== undefined) problems.push(unknownCommand(word));
  else problems.push(...readWords(command, operands, answers));
  problems.push(...apart(answers));
  if (problems.length > 0) throw new InputError(problems.map((problem) => withoutSecret(problem, secret)));
  return { command, operands, answers };
}

/** Reads `REGISTRY_SETUP_PORT` and its like. Ignores empty variables, and flags that are `spoken`. @throws InputError with every problem */
export function readEnvironment(command: Command, env: NodeJS.ProcessEnv): Answers {
  const answers: Answers = {};
  const problems: Problem[] = [];
  for (const name of FLAG_NAMES.filter((f) => takes(command, f) && !isSpoken(command, f))) {
    const negated = negatedVariableOf(name);
    for (const where of [variableOf(name), ...(negated ? [negated] : [])]) {
      const given = env[where];
      if (given === undefined || given === '') continue;
      const result = typed(name, given);
      if ('wrong' in result) problems.push({ where, message: result.wrong });
      else answers[name] = { value: where === negated ? !result.value : result.value, where };
    }
  }
  if (problems.length > 0) throw new InputError(problems);
  return answers;
}

function settingHint(key: string, known: readonly FlagName[]): string {
  if (key.includes('password')) return ' (passwords: --password-file)';
  if (isFlagName(key) && flag(key).spoken === true) return ` (only on the command line: ${spelled(key)})`;
  const near = nearest(key, known);
  return near ? `; did you mean ${near}?` : '';
}

/**
 * Reads answers from a parsed YAML file: an answers file, or the settings of the last run.
 * @param file the file's name in errors
 * @throws InputError with every problem
 */
export function readAnswers(file: string, value: unknown): Answers {
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value))
    throw new InputError([
      { where: file, message: 'must be a list of "name: value" lines; the names are those of the flags' },
    ]);
  const answers: Answers = {};
  const problems: Problem[] = [];
  const known = FLAG_NAMES.filter((name) => flag(name).setting || name === 'dir' || name === 'image-archive');
  for (const [key, given] of Object.entries(value)) {
    const where = `${file}: ${key}`;
    const negated = key.startsWith('no-') && isFlagName(key.slice(3));
    const name = negated ? key.slice(3) : key;
    if (!isFlagName(name) || !known.includes(name)) {
      problems.push({ where, message: `there is no such setting${settingHint(key, known)}` });
      continue;
    }
    const result = typed(name, negated && typeof given === 'boolean' ? !given : given);
    if ('wrong' in result) problems.push({ where, message: result.wrong });
    else answers[name] = { value: result.value, where };
  }
  if (problems.length > 0) throw new InputError(problems);
  return answers;
}
