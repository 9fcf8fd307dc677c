// Runs a program between two streams: a decompressor.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants as system } from 'node:os';
import { Interrupted } from '../errors.ts';
import type { TransformOptions } from './host.ts';

/** How much of a program's standard error is kept, in characters. */
const TOLD = 2_000;

/** A program failed. */
export class ProgramFailed extends Error {
  readonly code: number;
  readonly stderr: string;

  /**
   * @param code as in RunResult: 127, there is no such program; 124, its time was up
   * @param stderr what the program said, unchanged
   */
  constructor(code: number, stderr: string) {
    super(`exit code ${code}: ${stderr}`);
    this.code = code;
    this.stderr = stderr;
  }
}

/**
 * Yields what a program makes of its input. Ends the program when the reader stops, when its time is up, and when the input fails; the
 * program has ended when this returns.
 * @throws ProgramFailed; Interrupted after Ctrl-C; what the input throws
 */
export async function* transform(
  command: string,
  args: string[],
  input: AsyncIterable<Buffer>,
  { timeout, env, signal }: TransformOptions & { signal?: AbortSignal | undefined },
): AsyncGenerator<Buffer> {
  if (signal?.aborted) throw new Interrupted();
  const child = spawn(command, args, { stdio: 'pipe', env: { ...process.env, ...env } });
  let ended = false;
  const end = () => {
    ended = true;
    child.kill('SIGKILL');
  };
  const closed = new Promise<number>((resolve) => {
    child.on('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'ENOENT' ? 127 : 126));
    child.on('close', (code, name) => resolve(code ?? 128 + (name ? system.signals[name] : 0)));
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    end();
  }, timeout);
  signal?.addEventListener('abort', end);
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr = (stderr + chunk).slice(0, TOLD);
  });
  // A program that stops reading has what it needs, or its exit code tells why.
  child.stdin.on('error', () => {});
  let failure: { error: unknown } | undefined;
  const feed = async () => {
    for await (const chunk of input) {
      if (ended || child.stdin.destroyed) return;
      if (child.stdin.write(chunk)) continue;
      await Promise.race([once(child.stdin, 'drain').catch(() => closed), closed]);
    }
    child.stdin.end();
  };
  const fed = feed().catch((error) => {
    failure = { error };
    end();
  });
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    const code = await closed;
    // A program can end well without reading all of its input: stop feeding it.
    ended = true;
    await fed;
    if (signal?.aborted) throw new Interrupted();
    if (failure) throw failure.error;
    if (late) throw new ProgramFailed(124, '');
    if (code !== 0) throw new ProgramFailed(code, stderr);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
    end();
    await closed;
    await fed;
  }
}
