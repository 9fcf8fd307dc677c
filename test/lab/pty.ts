// A program on a pseudo-terminal, typed at and read as a person does. No native module: util-linux `script`
// makes the terminal, xterm (without a window) is its screen.
import { spawn, spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import xterm from '@xterm/headless';

const keys = {
  enter: '\r',
  up: '\x1b[A',
  down: '\x1b[B',
  right: '\x1b[C',
  left: '\x1b[D',
  space: ' ',
  tab: '\t',
  backspace: '\x7f',
  escape: '\x1b',
  'ctrl-c': '\x03',
  'ctrl-d': '\x04',
};

type Key = keyof typeof keys;

export interface PtyOptions {
  cwd?: string;
  env?: Record<string, string | undefined>;
  cols?: number;
  rows?: number;
}

export interface Pty {
  type(text: string): void;
  key(...names: Key[]): void;
  /** Waits until what is on the screen matches; gives the screen. */
  waitFor(pattern: RegExp, ms?: number): Promise<string>;
  /** What a person sees now, without the blank ends of lines and of the screen. */
  screen(): string;
  /** The same with everything that has scrolled away above it. */
  history(): string;
  /** 128 + the signal's number for one that died by a signal. */
  exitCode: Promise<number>;
  /** Ends what still runs, as a terminal that is closed does. */
  close(): Promise<void>;
}

/** Why there can be no pseudo-terminal here, if so: for `describe.skipIf`. */
export function ptyMissing(): string | undefined {
  const version = spawnSync('script', ['--version'], { encoding: 'utf8' });
  return version.stdout?.includes('util-linux') ? undefined : '`script` of util-linux is not installed';
}

// A program behind `docker exec` tells its exit code in this sequence, which a terminal does not show (see host.ts).
export const exitSequence = 777;

export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** `command` is a line for bash. */
export function openPty(command: string, options: PtyOptions = {}): Pty {
  const { cols = 80, rows = 24 } = options;
  const terminal = new xterm.Terminal({ cols, rows, scrollback: 5000, allowProposedApi: true });
  // `exec`, so that no shell of ours stands between ^C and the program.
  const line = `stty cols ${cols} rows ${rows}; exec bash -c ${shellWord(command)}`;
  const child = spawn('script', ['-qfec', line, '/dev/null'], {
    cwd: options.cwd,
    env: { ...process.env, TERM: 'xterm-256color', LANG: 'C.UTF-8', SHELL: '/bin/bash', ...options.env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdout.on('data', (data: Uint8Array) => terminal.write(data));
  // Programs ask a terminal for its cursor and its colours, and wait for the answer.
  terminal.onData((answer) => child.stdin.write(answer));
  // What is typed at a program that has just ended is lost, as on a real terminal.
  child.stdin.on('error', () => {});

  let code: number | undefined;
  const exitCode = new Promise<number>((resolve, reject) => {
    // Through the terminal's queue: when the code is known, all that was written is on the screen.
    const end = (value: number) =>
      terminal.write('', () => {
        code ??= value;
        resolve(code);
      });
    child.on('error', reject);
    child.on('close', (value) => end(value ?? 137));
    terminal.parser.registerOscHandler(exitSequence, (value) => {
      // An engine that has missed the end gets a moment to notice.
      setTimeout(() => child.kill('SIGKILL'), 300).unref();
      end(Number(value));
      return true;
    });
  });

  const lines = (from: number) => {
    const { active } = terminal.buffer;
    const found: string[] = [];
    for (let y = from; y < active.length; y++)
      found.push(active.getLine(y)?.translateToString(true).trimEnd() ?? '');
    return found.join('\n').trimEnd();
  };
  const screen = () => lines(terminal.buffer.active.baseY);

  return {
    type: (text) => void child.stdin.write(text),
    key: (...names) => void child.stdin.write(names.map((name) => keys[name]).join('')),
    screen,
    history: () => lines(0),
    exitCode,
    async waitFor(pattern, ms = 10_000) {
      const end = Date.now() + ms;
      for (;;) {
        // Ended before it is looked at: then the screen is final.
        const ended = code !== undefined;
        const now = screen();
        if (now.search(pattern) >= 0) return now;
        if (ended || Date.now() > end) {
          const why = ended ? `The program ended with ${code}` : `${ms} ms have passed`;
          throw new Error(`${why}, and the screen does not show ${pattern}:\n${now}`);
        }
        await sleep(15);
      }
    },
    async close() {
      // Not SIGTERM, on which `script` rests for two seconds. The program gets its SIGHUP from the kernel.
      child.kill('SIGKILL');
      await exitCode;
      terminal.dispose();
    },
  };
}
