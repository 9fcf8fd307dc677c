// Tries again what the network broke, or what a registry cannot do just now: with pauses, and not for ever.
import { CliError } from '../errors.ts';
import { Refused } from './contents.ts';
import type { Reply } from './http.ts';
import { isBroken } from './once-more.ts';

/** How often something fails, one time after the other, before it is given up. */
const TRIES = 6;
/** Milliseconds of the first pause; each one is twice as long as the one before. */
const PAUSE = 250;
/** The longest time that a registry may ask a client to wait, in milliseconds: longer ones are told to the user. */
const LONGEST_WAIT = 30_000;

/** What a connection ends with that comes from a registry that starts again, or from a link that is down for a moment. */
const PASSING = ['ECONNREFUSED', 'ECONNABORTED', 'EAI_AGAIN', 'ENETDOWN', 'ERR_STREAM_PREMATURE_CLOSE'];

/** It may work the next time. */
export class Passing extends Error {
  /** Milliseconds that the registry asks to wait. */
  readonly wait: number;

  constructor(message: string, wait = 0) {
    super(message);
    this.wait = wait;
  }
}

/** Tells whether an error may be gone the next time. */
const isPassing = (error: unknown): boolean =>
  error instanceof Passing ||
  (error instanceof Refused && waitOf(error) !== undefined) ||
  isBroken(error) ||
  PASSING.includes((error as NodeJS.ErrnoException).code ?? '');

/** Returns how long a registry that is overloaded wants to be left alone; undefined if the reply says nothing of that kind. (RFC 9110, 10.2.3) */
export function waitOf({
  status,
  headers = {},
}: {
  status: number;
  headers?: Reply['headers'];
}): number | undefined {
  if (![429, 500, 502, 503, 504].includes(status)) return undefined;
  const wait = Number(headers['retry-after'] ?? 0) * 1_000;
  if (status === 429 && !(wait > 0)) return undefined;
  return wait <= LONGEST_WAIT ? wait : undefined;
}

/** Counts failures, and waits between them. */
export interface Patience {
  /** Something went on: the count begins anew. */
  progress(): void;
  /** Waits, if there may be another try. @throws the error, if it will not pass; CliError if that happened too often */
  failed(error: unknown): Promise<void>;
}

/** @param name the registry, for the error */
export function patience(name: string, signal: AbortSignal | undefined): Patience {
  let failures = 0;
  return {
    progress() {
      failures = 0;
    },
    async failed(error) {
      if (signal?.aborted || !isPassing(error)) throw error;
      failures++;
      if (failures >= TRIES)
        throw new CliError(`${name} failed ${TRIES} times, one after the other.`, {
          why: error instanceof Refused ? error.why : (error as Error).message,
          fix: 'Run it again: what is there already is not sent again.',
        });
      const wait = error instanceof Passing ? error.wait : 0;
      await sleep(Math.max(wait, PAUSE * 2 ** (failures - 1)), signal);
    },
  };
}

/** Does the work until it succeeds. @throws as Patience */
export async function patiently<T>(
  name: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const patient = patience(name, signal);
  for (;;) {
    try {
      return await work();
    } catch (error) {
      await patient.failed(error);
    }
  }
}

/** Waits; ends at once when the signal comes. */
const sleep = (milliseconds: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal?.addEventListener('abort', end);
  });
