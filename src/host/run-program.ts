// Runs a program to its end, and returns what it said.
import { type ChildProcess, spawn } from 'node:child_process';
import { constants as system } from 'node:os';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { Interrupted } from '../errors.ts';
import type { RunOptions, RunResult } from './host.ts';

/** Milliseconds. */
const TIMEOUT = 60_000;
/** How long a program that was asked to end has for it; milliseconds. */
const GRACE = 2_000;
/** How long the streams of a program that had to end may stay open after it; milliseconds. A process that it left behind can hold them. */
const LINGER = 200;
/** The most bytes of a stream; a program that writes more is ended. */
const MOST = 100_000_000;

/** The programs that run now: they end when this program ends. */
const running = new Set<ChildProcess>();
let isHeard = false;

function endWithUs(child: ChildProcess): void {
  if (child.pid === undefined) return;
  running.add(child);
  child.on('exit', () => running.delete(child));
  if (isHeard) return;
  isHeard = true;
  process.on('exit', () => {
    for (const one of running) one.kill();
  });
}

/** Returns what a stream holds when it ends, without its last line break. @param tooMuch called if it does not end */
function textOf(stream: Readable, tooMuch: () => void): () => string {
  const parts: Buffer[] = [];
  let size = 0;
  stream.on('data', (part: Buffer) => {
    size += part.length;
    if (size > MOST) tooMuch();
    else parts.push(part);
  });
  stream.on('error', () => {});
  return () =>
    Buffer.concat(parts)
      .toString()
      .replace(/\r?\n$/, '');
}

/** As Host.run. @throws Interrupted after Ctrl-C */
export async function runProgram(
  command: string,
  args: string[],
  { input, env, timeout = TIMEOUT, onLine }: Omit<RunOptions, 'question' | 'stranger'>,
  signal: AbortSignal | undefined,
): Promise<RunResult> {
  const cannot = (code: number, why: string) => ({ code, stdout: '', stderr: `${command}: ${why}` });
  let child: ChildProcess;
  try {
    child = spawn(command, args, {
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      ...(env && { env: { ...process.env, ...env } }),
    });
  } catch (error) {
    return cannot(126, (error as Error).message);
  }
  endWithUs(child);
  const streams = [child.stdout, child.stderr] as [Readable, Readable];
  const timers: NodeJS.Timeout[] = [];
  const after = (milliseconds: number, work: () => void) => timers.push(setTimeout(work, milliseconds));
  /** Waits no longer for who else holds the streams. */
  const leave = () =>
    after(LINGER, () => {
      for (const stream of streams) stream.destroy();
    });
  let mustEnd = false;
  const end = () => {
    if (mustEnd) return;
    mustEnd = true;
    child.kill();
    after(GRACE, () => child.kill('SIGKILL'));
    if (child.exitCode !== null || child.signalCode !== null) leave();
  };
  const [stdout, stderr] = streams.map((stream) => textOf(stream, end)) as [() => string, () => string];
  if (onLine) for (const stream of streams) createInterface({ input: stream }).on('line', onLine);
  let late = false;
  if (timeout > 0)
    after(timeout, () => {
      late = true;
      end();
    });
  signal?.addEventListener('abort', end);
  // A program that does not read has what it needs, or its exit code tells why.
  child.stdin?.on('error', () => {}).end(input);
  const ended = await new Promise<NodeJS.ErrnoException | number>((resolve) => {
    child.on('error', (error) => child.pid === undefined && resolve(error));
    child.on('exit', () => mustEnd && leave());
    child.on('close', (code, name) => resolve(code ?? 128 + (name ? system.signals[name] : 0)));
  });
  timers.forEach(clearTimeout);
  signal?.removeEventListener('abort', end);
  // Ctrl-C reaches a child directly, and the child may end before this process gets the signal.
  if (signal?.aborted || (signal && child.signalCode === 'SIGINT')) throw new Interrupted();
  if (typeof ended === 'number') return { code: late ? 124 : ended, stdout: stdout(), stderr: stderr() };
  return ended.code === 'ENOENT' ? cannot(127, 'not found') : cannot(126, ended.message);
}
