// What the person said, and where: argv, the environment, an answers file. Types are checked here, meanings in settings.ts.
import { parseArgs } from 'node:util';
import { InputError, type Problem } from '../errors.ts';
import { commandLine } from '../terminal/command.ts';
import {
  COMMANDS,
  type Command,
  FLAG_NAMES,
  type FlagName,
  flag,
  flagNamed,
  shortFlag,
  spelled,
  takes,
} from './flags.ts';

export interface Answer {
  value: string | number | boolean | string[];
  /** `--port`, `REGISTRY_SETUP_PORT`, `answers.yml: port`: what an error names. */
  where: string;
  /** From the settings of the last run: carried over, and not said now. */
  last?: true;
}
export type Answers = Partial<Record<FlagName, Answer>>;

export interface Invocation {
  command: Command;
  /** The words after the command: `add NAME`. */
  operands: string[];
  answers: Answers;
}

/** How many single-character edits lie between two words (Levenshtein); small words, so the simple table will do. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The word of the list that was probably meant, if one is near. */
export function nearest(word: string, list: readonly string[]): string | undefined {
  const [best] = list.map((w) => ({ w, d: distance(word, w) })).sort((a, b) => a.d - b.d);
  const few = word.length > 3 ? Math.max(2, word.length / 3) : 1;
  return best && best.d <= few ? best.w : undefined;
}

const isFlagName = (name: string): name is FlagName => FLAG_NAMES.includes(name as FlagName);

/**
 * One value that was given for a flag, in the flag's own type.
 * @param given text from argv or the environment, or a YAML value
 * @returns the value, or what is wrong with it
 */
export function typed(name: FlagName, given: unknown): { value: Answer['value'] } | { wrong: string } {
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
    return { wrong: `is ${choices?.join(', ')}, not "${text}"` };
  if (kind === 'number') {
    if (!/^\d{1,9}$/.test(text)) return { wrong: `takes a whole number, not "${text}"` };
    return { value: Number(text) };
  }
  return { value: text };
}

/** The words of a command line, as the flags of this command read them. */
function split(argv: string[], command: Command) {
  const options: Record<string, { type: 'boolean' | 'string' }> = { client: { type: 'boolean' } };
  for (const name of FLAG_NAMES) {
    const word = flag(name).word ?? name;
    const meant = flagNamed(word, command) ?? name;
    options[word] = { type: flag(meant).kind === 'switch' ? 'boolean' : 'string' };
  }
  // `-yq` is `-y -q`; a letter that is no flag stays as it was typed, for the error.
  const args = argv.flatMap((word) =>
    /^-[a-zA-Z]+$/.test(word)
      ? [...word.slice(1)].map((letter) => (shortFlag(letter) ? `--${shortFlag(letter)}` : `-${letter}`))
      : word,
  );
  const { tokens } = parseArgs({
    args,
    options,
    strict: false,
    allowPositionals: true,
    allowNegative: true,
    tokens: true,
  });
  const words = tokens.flatMap((token) => (token.kind === 'positional' ? [token.value] : []));
  const given = tokens.flatMap((token) => (token.kind === 'option' ? [token] : []));
  return { words, given };
}

type Token = ReturnType<typeof split>['given'][number];

/** What one flag on the command line says, or what is wrong with it. */
function readFlag(token: Token, command: Command): { name: FlagName; answer: Answer } | { problem: Problem } {
  const raw = token.rawName;
  const off = raw.startsWith('--no-');
  const bad = (message: string, fix?: string) => ({ problem: { where: raw, message, fix } });
  const help = commandLine(command === 'setup' ? '--help' : `${command} --help`);
  const name = flagNamed(token.name, command) ?? (off ? flagNamed(token.name.slice(3), command) : undefined);
  if (!name || (off && flag(name).kind !== 'switch')) {
    const near = nearest(raw, FLAG_NAMES.filter((f) => takes(command, f)).map(spelled));
    return bad(`there is no such flag${near ? `; did you mean ${near}?` : ''}`, help);
  }
  const { kind, value: shown = 'VALUE' } = flag(name);
  if (!takes(command, name)) return bad(`"${command}" does not take it`, help);
  if (kind === 'switch') {
    if (token.inlineValue && token.value !== undefined) return bad(`takes no value, so not "${token.value}"`);
    return { name, answer: { value: !off, where: raw } };
  }
  if (token.value === undefined || (!token.inlineValue && /^--?[a-z]/.test(token.value)))
    return bad(`needs a value: ${raw} ${shown}`);
  const result = typed(name, token.value);
  return 'wrong' in result ? bad(result.wrong) : { name, answer: { value: result.value, where: raw } };
}

/**
 * Reads the command line.
 * @param argv without node and the script
 * @throws InputError with every unknown flag (and the nearest one), missing value and surplus word
 */
export function readArguments(argv: string[]): Invocation {
  const first = split(argv, 'setup');
  const named = COMMANDS.find((c) => c === first.words[0]);
  const asClient = first.given.some(({ name }) => name === 'client');
  const command = named ?? (asClient ? 'client' : 'setup');
  const { words, given } = split(argv, command);

  const answers: Answers = {};
  const problems: Problem[] = [];
  for (const token of given) {
    if (token.name === 'client') continue;
    const read = readFlag(token, command);
    if ('problem' in read) {
      problems.push(read.problem);
      continue;
    }
    const before = answers[read.name]?.value;
    const { value, where } = read.answer;
    const more = Array.isArray(value) && Array.isArray(before) ? [...before, ...value] : value;
    answers[read.name] = { value: more, where };
  }
  // The value of a flag that does not exist is no command that does not exist.
  if (!named && words[0] !== undefined && problems.length === 0) {
    const near = nearest(words[0], COMMANDS);
    const message = `there is no such command${near ? `; did you mean "${near}"?` : ''}`;
    problems.push({ where: words[0], message, fix: commandLine('--help') });
  }
  if (problems.length > 0) throw new InputError(problems);
  return { command, operands: named ? words.slice(1) : words, answers };
}

/** Answers from `REGISTRY_SETUP_PORT` and its like; an empty variable is one that is not set. */
export function readEnvironment(command: Command, env: NodeJS.ProcessEnv): Answers {
  const answers: Answers = {};
  const problems: Problem[] = [];
  for (const name of FLAG_NAMES.filter((f) => takes(command, f))) {
    const where = `REGISTRY_SETUP_${name.toUpperCase().replaceAll('-', '_')}`;
    const given = env[where];
    if (given === undefined || given === '') continue;
    const result = typed(name, given);
    if ('wrong' in result) problems.push({ where, message: result.wrong });
    else answers[name] = { value: result.value, where };
  }
  if (problems.length > 0) throw new InputError(problems);
  return answers;
}

/**
 * Answers from a parsed YAML file: an answers file, or the settings of the last run.
 * @param file how errors call the file
 */
export function readAnswers(file: string, value: unknown): Answers {
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value))
    throw new InputError([
      { where: file, message: 'is a list of "name: value" lines, the names are those of the flags' },
    ]);
  const answers: Answers = {};
  const problems: Problem[] = [];
  const known = FLAG_NAMES.filter((name) => flag(name).setting || name === 'dir' || name === 'image-archive');
  for (const [key, given] of Object.entries(value)) {
    const where = `${file}: ${key}`;
    const negated = key.startsWith('no-') && isFlagName(key.slice(3));
    const name = negated ? key.slice(3) : key;
    if (!isFlagName(name) || !known.includes(name)) {
      const near = nearest(key, known);
      const hint = key.includes('password')
        ? ' (passwords: --password-file)'
        : near
          ? `; did you mean ${near}?`
          : '';
      problems.push({ where, message: `there is no such setting${hint}` });
      continue;
    }
    const result = typed(name, negated && typeof given === 'boolean' ? !given : given);
    if ('wrong' in result) problems.push({ where, message: result.wrong });
    else answers[name] = { value: result.value, where };
  }
  if (problems.length > 0) throw new InputError(problems);
  return answers;
}
