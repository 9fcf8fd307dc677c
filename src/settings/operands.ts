// The words that each command takes. Refuses a word that is not understood, before anything is changed.
import type { Problem } from '../errors.ts';
import { commandLine } from '../terminal/command.ts';
import { quoted } from '../terminal/shell.ts';
import type { Answer, Answers } from './answers.ts';
import { twice } from './contradictions.ts';
import {
  COMMANDS,
  type Command,
  FLAG_NAMES,
  type FlagName,
  flag,
  flagNamed,
  spelled,
  takes,
} from './flags.ts';
import { nearest } from './nearest.ts';

interface Operand {
  /** The name in the help. */
  name: string;
  /** The flag that the word stands for. */
  flag?: FlagName;
  /** The call is refused without it. */
  needed?: true;
  /** It may be followed by more of its kind. */
  many?: true;
}
type Operands = readonly Operand[];
interface Verbs {
  verbs: Record<string, Operands>;
  /** The verb of a call without one. */
  unsaid: string;
}

const NAME: Operands = [{ name: 'NAME' }];
const REF: Operand = { name: 'REF', needed: true };
const FILE: Operand = { name: 'FILE', needed: true };

/** The words that may follow each command. A command that is not built yet is missing: it is refused, whatever follows. */
export const OPERANDS: Partial<Record<Command, Operands | Verbs>> = {
  setup: [],
  client: [{ name: 'HOST', flag: 'host' }],
  rotate: [],
  user: { verbs: { list: [], add: NAME, remove: NAME, password: NAME }, unsaid: 'list' },
  image: {
    verbs: {
      list: [{ name: 'PATTERN' }],
      show: [REF],
      remove: [{ ...REF, many: true }],
      prune: [],
      gc: [],
      save: [REF, FILE],
      load: [FILE, { name: 'REF' }],
      copy: [
        { name: 'SRC', needed: true },
        { name: 'DST', needed: true },
      ],
    },
    unsaid: 'list',
  },
  status: [],
  upgrade: [],
  doctor: [],
  backup: [{ name: 'FILE' }],
  restore: [{ name: 'FILE', needed: true }],
  export: [{ name: 'WHAT', needed: true }, { name: 'FILE' }],
  csr: [{ name: 'FILE' }],
  bundle: [{ name: 'FILE' }],
  uninstall: [],
};

const hasVerbs = (row: Operands | Verbs): row is Verbs => 'verbs' in row;

/** Returns how to call a command: `registry-setup`, `registry-setup status`. */
export const callOf = (command: Command): string => commandLine(command === 'setup' ? '' : command);

/** One call, with its words. */
interface Call {
  /** `registry-setup user add` */
  text: string;
  verb?: string;
  operands: Operands;
  words: string[];
}

/** Reads one call; returns undefined if the command is not built yet, or has no such verb. */
function readCall(command: Command, words: string[]): Call | undefined {
  const row = OPERANDS[command];
  if (!row || !hasVerbs(row)) return row && { text: callOf(command), operands: row, words };
  const [verb = row.unsaid, ...rest] = words;
  if (!Object.hasOwn(row.verbs, verb)) return undefined;
  return { text: `${callOf(command)} ${verb}`, verb, operands: row.verbs[verb] ?? [], words: rest };
}

/**
 * Reads the words of a command.
 * @param words what follows the command
 * @param answers the flags of this call; an operand that stands for one is added
 * @returns a problem for every word that is not understood, and every flag that the verb does not take
 */
export function readWords(command: Command, words: string[], answers: Answers): Problem[] {
  const row = OPERANDS[command];
  const call = readCall(command, words);
  if (!call)
    return row && hasVerbs(row) ? [unknownVerb(command, words[0] ?? '', Object.keys(row.verbs))] : [];
  // A user who asks for help need not know what to type.
  const asks = answers.help?.value === true || answers.version?.value === true;
  const problems = [...strayWords(command, call), ...(asks ? [] : missingWord(call))];
  call.operands.forEach(({ name, flag: meant }, i) => {
    const word = call.words[i];
    if (!meant || word === undefined) return;
    if (word.trim() === '') problems.push({ where: name, message: 'is empty' });
    const answer: Answer = { value: word.trim(), where: name };
    problems.push(...twice(answers[meant], answer));
    answers[meant] = answer;
  });
  const { verb } = call;
  for (const name of verb ? FLAG_NAMES : []) {
    const { verbs } = flag(name);
    const where = answers[name]?.where;
    const mine = verbs?.[command];
    if (where && verb && mine && !mine.includes(verb))
      problems.push({
        where,
        message: `"${command} ${verb}" does not take this flag`,
        fix: `${callOf(command)} --help`,
      });
  }
  return problems;
}

/** A dash of any length: what word processors and web pages make of two hyphens. */
const DASHES = /^[-\u2010-\u2015\u2212]+/;

function strayWords(command: Command, call: Call): Problem[] {
  const { text, verb, operands, words } = call;
  const surplus = operands.at(-1)?.many
    ? words.filter((word) => word.trim() === '' || DASHES.test(word))
    : words.slice(operands.length);
  if (surplus.length === 0 || !verb || !flag('password-stdin').verbs?.[command]?.includes(verb))
    return surplus.map((word) => stray(command, call, word));
  // A surplus word may be a password, which no error shows.
  const message = 'takes one name; a password is never given on the command line';
  return [{ where: text, message, fix: `${text} NAME --password-stdin < FILE` }];
}

function missingWord({ text, operands, words }: Call): Problem[] {
  const missing = operands.find(({ needed }, i) => needed && words[i] === undefined);
  if (!missing) return [];
  const all = operands.map(({ name, needed, many }) => `${needed ? name : `[${name}]`}${many ? '…' : ''}`);
  return [{ where: text, message: `needs ${missing.name}`, fix: [text, ...all].join(' ') }];
}

function stray(command: Command, { text, verb, operands }: Call, word: string): Problem {
  const plain = word.replace(DASHES, '');
  const meant = flagNamed(plain, command);
  const near = meant && takes(command, meant) ? `; did you mean ${spelled(meant)}?` : '';
  const [first] = operands;
  const taken = !first
    ? 'no further word'
    : first.many
      ? `words like ${first.name}`
      : operands.length === 1
        ? `one word, ${first.name}`
        : `${operands.length} words at most, ${operands.map(({ name }) => name).join(' and ')}`;
  const all = [text, ...operands.map(({ name }) => name)].join(' ');
  const elsewhere = `A registry elsewhere:   ${all} --dir ${word.includes('/') ? quoted(word) : 'DIR'}`;
  return {
    where: quoted(word),
    message: `"${verb ? `${command} ${verb}` : command}" takes ${taken}${near}`,
    fix: takes(command, 'dir') && near === '' ? elsewhere : `${callOf(command)} --help`,
    stray: { word, call: all },
  };
}

function unknownVerb(command: Command, verb: string, verbs: string[]): Problem {
  const near = nearest(verb.toLowerCase(), verbs);
  return {
    where: quoted(verb),
    message: `"${command}" takes ${verbs.join(', ')}${near ? `; did you mean "${near}"?` : ''}`,
    fix: `${callOf(command)} --help`,
    stray: { word: verb, call: callOf(command) },
  };
}

/** What other programs call a set-up. */
const SET_UP = ['install', 'init', 'create', 'deploy', 'new', 'start', 'up'];

/** Returns the problem of a first word that is no command. Names `uninstall` only to a user who began to type it. */
export function unknownCommand(word: string): Problem {
  const where = quoted(word);
  const small = word.toLowerCase();
  if (SET_UP.includes(small))
    return { where, message: 'there is no such command; to set up, give none', fix: commandLine() };
  const near = nearest(
    small,
    COMMANDS.filter((command) => command !== 'uninstall' || small.startsWith('un')),
  );
  const message = `there is no such command${near ? `; did you mean "${near}"?` : ''}`;
  const stray = near ? undefined : { word, call: commandLine() };
  return { where, message, fix: commandLine('--help'), stray };
}

/** Returns the problem without the word, if that may be a password. */
export function withoutSecret(problem: Problem, secret: string[]): Problem {
  const { where, message, fix, stray } = problem;
  if (!secret.some((word) => word === stray?.word || quoted(word) === where)) return problem;
  return { where: 'the word after the password flag', message, fix };
}

/** A flag as the user typed it, with its value if that is behind an equals sign. */
interface Typed {
  rawName: string;
  inlineValue?: boolean | undefined;
  value?: string | undefined;
}

/** Tells whether a flag is `--client`, a command that looks like a flag. */
export const isClient = ({ rawName }: Typed): boolean => rawName === '--client';

/** Returns what is wrong with the use of `--client`. @param named the command that the user gave as a word */
export function badClient(typed: Typed, named: Command | undefined): Problem[] {
  const where = typed.rawName;
  if (!isClient(typed)) return [{ where, message: 'there is no such flag', fix: commandLine('--help') }];
  if (typed.inlineValue)
    return [{ where, message: 'takes no value', fix: commandLine(`--client ${quoted(typed.value ?? '')}`) }];
  if (named && named !== 'client')
    return [{ where, message: `"${named}" does not take this flag`, fix: `${callOf(named)} --help` }];
  return [];
}
