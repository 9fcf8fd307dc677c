// Errors that the user is meant to read. Anything else that is thrown is a bug, and output.ts says so.

/** 1: failed, and undone · 2: usage or bad input, nothing changed · 130: interrupted, and undone. */
export type ExitCode = 1 | 2 | 130;

/**
 * What code asks about an error; nobody but code reads it. `not installed`: of a program; `forbidden`: this user may not use it;
 * `changed`: another run has changed the registry between the decision and the lock; `disk full`: there is no room for a file;
 * `no registry`: the directory holds none; `too many parts`: of an image, which nobody can list.
 */
export type ErrorCode =
  | 'not installed'
  | 'forbidden'
  | 'changed'
  | 'disk full'
  | 'no registry'
  | 'too many parts';

export interface ErrorParts {
  /** Why: the engine's own words, a log line, the owner of a port. Shown unchanged below the message. */
  why?: string | undefined;
  /** What to do: a command to paste, or one short sentence. One entry is one line. */
  fix?: string[] | string | undefined;
  exitCode?: ExitCode | undefined;
  code?: ErrorCode | undefined;
}

/**
 * @param message what is wrong, in the user's words, without "Error:" and without advice
 * @param parts why, what to do, the exit code (1 by default), and what code asks about the error
 */
export class CliError extends Error {
  readonly why: string | undefined;
  readonly fix: string[];
  readonly exitCode: ExitCode;
  readonly code: ErrorCode | undefined;

  constructor(message: string, { why, fix = [], exitCode = 1, code }: ErrorParts = {}) {
    super(message);
    this.name = 'CliError';
    this.why = why;
    this.fix = typeof fix === 'string' ? [fix] : fix;
    this.exitCode = exitCode;
    this.code = code;
  }
}

/** One thing that is wrong with the user's input. */
export interface Problem {
  /** Where the user gave it: `--port`, `REGISTRY_SETUP_PORT`, `answers.yml: port`. */
  where: string;
  message: string;
  fix?: string | undefined;
  /** An unknown word, and the call that it was given to: it may be the name of another registry. */
  stray?: { word: string; call: string } | undefined;
}

/** Bad input: reports every problem at once; exit 2, nothing changed. */
export class InputError extends CliError {
  readonly problems: Problem[];

  constructor(problems: Problem[]) {
    const lines = problems.map((p) => `${p.where}: ${p.message}`);
    super(lines.join('\n'), { fix: [...new Set(problems.flatMap((p) => p.fix ?? []))], exitCode: 2 });
    this.name = 'InputError';
    this.problems = problems;
  }
}

/** The user pressed Ctrl-C, or a signal told the process to end. */
export class Interrupted extends CliError {
  constructor(message = 'Interrupted.') {
    super(message, { exitCode: 130 });
    this.name = 'Interrupted';
  }
}

/** The user answered no: a menu can go on. */
export class Declined extends Interrupted {
  constructor() {
    super('Nothing was changed.');
    this.name = 'Declined';
  }
}
