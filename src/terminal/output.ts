// The terminal: output, prompts, words for a shell, diffs. This file writes the output: standard output carries what the user
// asked for, standard error everything else.
import { CliError } from '../errors.ts';
import { visibleLines } from './visible.ts';

/** Reports what a long step is doing: `pulling, 12 of 30 MB`. */
export type Report = (text: string) => void;

export interface Output {
  /** Progress, tables for reading, warnings: standard error. Nothing with --quiet or --json. */
  say(...lines: string[]): void;
  /** What the user asked for: standard output. Nothing with --json. */
  out(...lines: string[]): void;
  /** The one document of --json. Nothing without it. */
  json(document: Record<string, unknown>): void;
  /** An error, whatever the flags: standard error. */
  fail(error: unknown, verbose: boolean): void;
  readonly asJson: boolean;
  readonly quiet: boolean;
  /** Standard input and standard error are a terminal: the user can be asked. */
  readonly terminal: boolean;
  readonly paint: Paint;
}

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';
export type Paint = (style: Style, text: string) => string;

const CODES: Record<Style, [number, number]> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

/**
 * Tells whether to use colour (no-color.org; TERM=dumb). Decided here: `util.styleText` of Node 20.17 checks nothing.
 */
function colours(env: NodeJS.ProcessEnv, stream: NodeJS.WriteStream, wanted: boolean): boolean {
  if (!wanted || env.NO_COLOR || env.TERM === 'dumb') return false;
  return Boolean(env.FORCE_COLOR) || stream.isTTY === true;
}

export const SYMBOL = { done: '✔', failed: '✖', warning: '!' };

/** JSON leaves DEL and the C1 controls as they are, which a terminal may act on. (RFC 8259, 7) */
const unseenEscaped = (json: string): string =>
  json.replace(/[\u007f-\u009f]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Makes the output of this process. @param color false for --no-color */
export function makeOutput({ asJson = false, quiet = false, color = true }): Output {
  const painted = colours(process.env, process.stderr, color);
  // inquirer and listr2 decide for themselves, by this variable.
  if (!painted) process.env.NO_COLOR = '1';
  const paint: Paint = (style, text) =>
    painted ? `\u001b[${CODES[style][0]}m${text}\u001b[${CODES[style][1]}m` : text;
  const write = (lines: string[]) => process.stderr.write(`${lines.join('\n')}\n`);
  return {
    asJson,
    quiet,
    paint,
    terminal: process.stdin.isTTY === true && process.stderr.isTTY === true,
    say: (...lines) => void (quiet || asJson || write(lines)),
    out: (...lines) => void (asJson || process.stdout.write(`${lines.join('\n')}\n`)),
    json: (document) =>
      void (
        asJson &&
        process.stdout.write(`${unseenEscaped(JSON.stringify({ version: 1, ...document }, null, 2))}\n`)
      ),
    fail: (error, verbose) => write(errorLines(error, verbose, paint)),
  };
}

/** Returns an error as the user sees it: what is wrong, why, how to fix it. Anything but a CliError is shown as a bug. */
export function errorLines(error: unknown, verbose: boolean, paint: Paint): string[] {
  if (!(error instanceof CliError)) {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    return [
      `${paint('red', SYMBOL.failed)} This is a bug in registry-setup: ${visibleLines(message)}`,
      ...(verbose ? [stack ?? ''] : ['  Run it again with --verbose for the details.']),
    ];
  }
  // An error may hold words of others: a registry's, an archive's, a program's.
  const [first = '', ...more] = visibleLines(error.message).split('\n');
  return [
    `${paint('red', SYMBOL.failed)} ${first}`,
    ...more.map((line) => `${paint('red', SYMBOL.failed)} ${line}`),
    ...(error.why === undefined ? [] : visibleLines(error.why).split('\n')).map((line) =>
      paint('dim', `    ${line}`),
    ),
    ...error.fix.map((line) => `  ${visibleLines(line)}`),
  ];
}

/** Returns an error as the document of --json. */
export function errorDocument(error: unknown): Record<string, unknown> {
  const known = error instanceof CliError;
  return {
    ok: false,
    error: {
      message: error instanceof Error ? error.message : String(error),
      ...(known && error.why && { why: error.why }),
      ...(known && error.fix.length > 0 && { fix: error.fix }),
    },
  };
}

/** Returns a count of bytes in decimal units: `41 GB`, `3.2 MB`. */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** Returns `1 tag`, `3 tags`. */
export const count = (number: number, one: string, many = `${one}s`): string =>
  `${number} ${number === 1 ? one : many}`;
