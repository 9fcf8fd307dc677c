// Shows how far a long look has come, in one line that goes away. Nothing within the first second, and nothing without a terminal.
import type { Output } from './output.ts';

/** Milliseconds before the line appears. */
const PATIENCE = 1_000;
/** Milliseconds between two states. */
const EVERY = 100;
const WIDTH = 24;

export interface ProgressLine {
  /** @param of 0 if the number is not known yet */
  show(done: number, of: number): void;
  /** Takes the line away. */
  end(): void;
}

/**
 * @param what what is counted: `tags`
 * @param text of a number; `bytes` of output.ts for bytes
 */
export function progressLine(
  { terminal, quiet, asJson, paint }: Output,
  what: string,
  text: (count: number) => string = String,
): ProgressLine {
  if (!terminal || quiet || asJson) return { show() {}, end() {} };
  const since = performance.now();
  let last = since;
  let shown = false;
  return {
    show(done, of) {
      const now = performance.now();
      if (now - since < PATIENCE || now - last < EVERY) return;
      last = now;
      shown = true;
      const filled = of > 0 ? Math.round((WIDTH * done) / of) : 0;
      const bar = `${'━'.repeat(filled)}${paint('dim', '─'.repeat(WIDTH - filled))}`;
      process.stderr.write(
        `\r\u001b[2K  ${of > 0 ? `${bar} ${text(done)} of ${text(of)} ${what}` : `${text(done)} ${what}`}`,
      );
    },
    end() {
      if (shown) process.stderr.write('\r\u001b[2K');
    },
  };
}
