// What the person said, and where: argv, the environment, an answers file. Types are checked here, meanings in settings.ts.
import { parseArgs } from 'node:util';
import { InputError, type Problem } from './errors.ts';
import {
  COMMANDS,
  type Command,
  FLAG_NAMES,
  type FlagName,
  flag,
  shortFlag,
  spelled,
  takes,
} from './flags.ts';

export interface Answer {
  value: string | number | boolean | string[];
  /** `--port`, `REGISTRY_SETUP_PORT`, `answers.yml: port`: what an error names. */
  where: string;
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
  return best && best.d <= Math.max(2, word.length / 3) ? best.w : undefined;
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
    const list = Array.isArray(given) ? given : String(given).split(',');
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

/**
 * Reads the command line.
 * @param argv without node and the script
 * @throws InputError with every unknown flag (and the nearest one), missing value and surplus word
 */
export function readArguments(argv: string[]): Invocation {
  const options = Object.fromEntries(
    FLAG_NAMES.map((name) => [name, { type: flag(name).kind === 'switch' ? 'boolean' : 'string' } as const]),
  );
  const expanded = argv.map((word) =>
    /^-[a-zA-Z]$/.test(word) ? `--${shortFlag(word[1] ?? '') ?? word}` : word,
  );
  const { tokens } = parseArgs({
    args: expanded,
    options: { ...options, client: { type: 'boolean' } },
    strict: false,
    allowPositionals: true,
    allowNegative: true,
    tokens: true,
  });

  const problems: Problem[] = [];
  const words = tokens.flatMap((token) => (token.kind === 'positional' ? [token.value] : []));
  const asClient = tokens.some((token) => token.kind === 'option' && token.name === 'client');
  const named = COMMANDS.find((c) => c === words[0]);
  const command = named ?? (asClient ? 'client' : 'setup');
  const answers: Answers = {};
  for (const token of tokens) {
    if (token.kind !== 'option' || token.name === 'client') continue;
    const negated = token.rawName.startsWith('--no-') && !isFlagName(token.name.slice(0));
    const name = negated ? token.name.replace(/^no-/, '') : token.name;
    const raw = token.rawName.replace(/^---?/, '--');
    if (!isFlagName(name) || (negated && flag(name).kind !== 'switch')) {
      const near = nearest(raw, FLAG_NAMES.filter((f) => takes(command, f)).map(spelled));
      problems.push({
        where: raw,
        message: `there is no such flag${near ? `; did you mean ${near}?` : ''}`,
        fix: 'registry-setup --help',
      });
      continue;
    }
    if (!takes(command, name)) {
      problems.push({
        where: raw,
        message: `"${command}" does not take it`,
        fix: `registry-setup ${command === 'setup' ? '' : `${command} `}--help`,
      });
      continue;
    }
    const off = token.rawName.startsWith('--no-');
    if (flag(name).kind === 'switch') {
      if (token.value !== undefined && token.inlineValue)
        problems.push({ where: raw, message: `takes no value, so not "${token.value}"` });
      answers[name] = { value: !off, where: raw };
      continue;
    }
    if (token.value === undefined || (!token.inlineValue && /^--?[a-z]/.test(token.value))) {
      problems.push({ where: raw, message: `needs a value: ${raw} ${flag(name).value ?? 'VALUE'}` });
      continue;
    }
    const result = typed(name, token.value);
    if ('wrong' in result) problems.push({ where: raw, message: result.wrong });
    else if (Array.isArray(result.value) && Array.isArray(answers[name]?.value))
      answers[name] = { value: [...answers[name].value, ...result.value], where: raw };
    else answers[name] = { value: result.value, where: raw };
  }
  // The value of a flag that does not exist is no command that does not exist.
  if (!named && words[0] !== undefined && problems.length === 0) {
    const near = nearest(words[0], COMMANDS);
    problems.push({
      where: words[0],
      message: `there is no such command${near ? `; did you mean "${near}"?` : ''}`,
      fix: 'registry-setup --help',
    });
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
