// The built program, as a person runs it, on this machine's files and ports; its `docker` is a script (fake-docker).
import { spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, onTestFinished } from 'vitest';
import { noRegistry, registryProgram } from './registry-program.ts';
import { temporaryDirectory } from './tmp.ts';

/** A copy of what was built: a build that goes on at the same time takes nothing away under a test that runs. */
function copyOfProgram(): string {
  const [root, copy] = [
    new URL('../../', import.meta.url).pathname,
    mkdtempSync(join(tmpdir(), 'registry-setup-test-')),
  ];
  afterAll(() => rmSync(copy, { recursive: true, force: true }));
  if (!existsSync(join(root, 'dist/cli.js'))) throw new Error('dist/cli.js is not there: npm run build');
  for (const name of ['dist', 'templates', 'package.json'])
    cpSync(join(root, name), join(copy, name), { recursive: true });
  // As npm installs it: a link on the PATH.
  chmodSync(join(copy, 'dist/cli.js'), 0o755);
  mkdirSync(join(copy, 'bin'));
  symlinkSync('../dist/cli.js', join(copy, 'bin/registry-setup'));
  return copy;
}
const COPY = copyOfProgram();
export const CLI = join(COPY, 'bin/registry-setup');
/** The script itself, which is nowhere on the PATH. */
export const SCRIPT = join(COPY, 'dist/cli.js');

export interface Machine {
  /** For --dir: there is nothing yet. */
  dir: string;
  /** The folder that holds it. */
  place: string;
  env: Record<string, string>;
  /** What the engine was told, a line each. */
  told(): string[];
  /** Names of its containers. */
  containers(): string[];
}

/** @param serves its containers are real registries */
export function temporaryMachine({ serves = false } = {}): Machine {
  const place = temporaryDirectory();
  const engine = join(place, 'engine');
  for (const folder of ['bin', 'home', 'engine/images', 'engine/containers'])
    mkdirSync(join(place, folder), { recursive: true });
  symlinkSync(new URL('fake-docker', import.meta.url).pathname, join(place, 'bin/docker'));
  writeFileSync(join(engine, 'images/registry:3'), `sha256:${'3'.repeat(64)}\n`);
  writeFileSync(join(engine, 'log'), '');
  const containers = () =>
    readdirSync(join(engine, 'containers')).map((id) => join(engine, 'containers', id));
  onTestFinished(() => {
    for (const container of containers()) {
      const pid = existsSync(join(container, 'pid')) && Number(readFileSync(join(container, 'pid'), 'utf8'));
      try {
        if (pid) process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
  });
  return {
    place,
    dir: join(place, 'srv/registry'),
    env: {
      // A run as root would put its timer on this machine.
      REGISTRY_SETUP_NO_RENEW: 'true',
      PATH: `${join(place, 'bin')}:${dirname(CLI)}:${process.env.PATH}`,
      HOME: join(place, 'home'),
      FAKE_DOCKER: engine,
      NO_COLOR: '1',
      ...(serves && !noRegistry && { FAKE_DOCKER_REGISTRY: registryProgram() }),
    },
    told: () => readFileSync(join(engine, 'log'), 'utf8').split('\n').filter(Boolean),
    containers: () => containers().map((path) => readFileSync(join(path, 'name'), 'utf8').trim()),
  };
}

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Running {
  pid: number;
  kill(signal: NodeJS.Signals): void;
  /** Standard error so far. */
  stderr(): string;
  result: Promise<Ran>;
}

/** Without a terminal; nothing of this machine's environment but the PATH is seen. */
export function startProgram(
  argv: string[],
  { env }: Pick<Machine, 'env'>,
  input = '',
  script = CLI,
): Running {
  const child = spawn(process.execPath, [script, ...argv], { env, stdio: 'pipe' });
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (part: string) => {
      text[name] += part;
    });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const result = new Promise<Ran>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...text }));
  });
  return {
    pid: child.pid ?? 0,
    kill: (signal) => void child.kill(signal),
    stderr: () => text.stderr,
    result,
  };
}

export const runProgram = (argv: string[], machine: Pick<Machine, 'env'>, input?: string): Promise<Ran> =>
  startProgram(argv, machine, input).result;
