// Whole machines for tests: containers with systemd and an engine of their own. lab.sh starts and removes them;
// this is the handle that a test holds.
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { execa } from 'execa';
import { exitSequence, openPty, type Pty, type PtyOptions, shellWord } from './pty.ts';

export type Flavour =
  | 'bookworm' // Docker 20.10
  | 'trixie' // Docker 26.1
  | 'forky' // Docker 28.5
  | 'bookworm-bare' // no engine
  | 'trixie-bare'
  | 'bookworm-podman'
  | 'trixie-podman';

export type LabImage =
  | 'registry:3'
  | 'registry:2'
  | 'cesanta/docker_auth:1'
  | 'joxit/docker-registry-ui:2'
  | 'lab/hello:1';

export interface HostOptions {
  flavour: Flavour;
  /** What the other hosts of its network call it. */
  name?: string;
  /** From createNetwork(). */
  network: string;
  /** Docker's containerd image store instead of the classic one. */
  containerdStore?: boolean;
  /** Loaded into its engine. */
  images?: LabImage[];
  /** No init at all, as in a plain container; `changes` and `reset` do not work there. */
  noSystemd?: boolean;
}

export interface ExecOptions {
  input?: string | Uint8Array;
  env?: Record<string, string>;
  cwd?: string;
  user?: string;
  /** false: a non-zero exit is a result, not an error. */
  check?: boolean;
  seconds?: number;
}

export interface ExecResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface Host {
  readonly name: string;
  readonly flavour: Flavour;
  /** Its name in the engine of this machine. */
  readonly container: string;
  /** May be another one after a reboot. */
  ip: string;
  exec(argv: string[], options?: ExecOptions): Promise<ExecResult>;
  /** A bash script which ends at its first failure. */
  sh(script: string, options?: ExecOptions): Promise<ExecResult>;
  /** A file to a file, or what is in a folder into a folder. */
  copyIn(source: string, target: string): Promise<void>;
  read(path: string): Promise<string>;
  write(path: string, content: string, mode?: number): Promise<void>;
  /** What differs from the state after its start: files below /etc /root /opt /srv, containers, image names. */
  changes(): Promise<string[]>;
  /** Back to that state, without the paths in `also`. Packages that were installed stay. */
  reset(...also: string[]): Promise<void>;
  reboot(): Promise<void>;
  stop(): Promise<void>;
  remove(): Promise<void>;
}

const lab = `${import.meta.dirname}/lab.sh`;
const owner = ['--owner-pid', String(process.pid)];

async function runLab(args: string[], seconds = 90): Promise<string> {
  const result = await execa(lab, args, { reject: false, timeout: seconds * 1000 });
  if (result.failed) throw new Error(`lab.sh ${args.join(' ')}\n${result.stderr || result.shortMessage}`);
  return result.stdout;
}

/** Before the first host: seconds when all is there, minutes when not. */
export async function buildImages(flavours: Flavour[] = []): Promise<void> {
  await execa(`${import.meta.dirname}/images.sh`, flavours, { stdout: 'inherit', stderr: 'inherit' });
}

/** Removes what killed runs left. */
export async function sweep(): Promise<void> {
  await runLab(['sweep']);
}

/** Removes all that this process has made. */
export async function removeAll(): Promise<void> {
  await runLab(['down', ...owner]);
}

/** `internal`: no way out of it; `ipv6`: with addresses of both kinds. Gives the name for startHost(). */
export function createNetwork(
  name: string,
  options: { internal?: boolean; ipv6?: boolean } = {},
): Promise<string> {
  const flags = [...(options.internal ? ['--internal'] : []), ...(options.ipv6 ? ['--ipv6'] : [])];
  return runLab(['network', name, ...owner, ...flags]);
}

let unnamed = 0;

export async function startHost(options: HostOptions): Promise<Host> {
  const { flavour, name = `host${++unnamed}`, network, images = [] } = options;
  const flags = images.flatMap((image) => ['--image', image]);
  if (options.containerdStore) flags.push('--containerd-store');
  if (options.noSystemd) flags.push('--no-systemd');
  // A missing image is built, which takes its time.
  const started = await runLab(['up', flavour, name, '--network', network, ...owner, ...flags], 600);
  const [container = '', ip = '', pid = ''] = started.trim().split(' ');
  return hostHandle(name, flavour, container, ip, options.noSystemd ? undefined : pid);
}

function hostHandle(
  name: string,
  flavour: Flavour,
  container: string,
  ip: string,
  firstPid: string | undefined,
): Host {
  let pid = firstPid;
  const exec: Host['exec'] = (argv, options = {}) =>
    execIn(way(container, pid, options), container, argv, options);
  const host: Host = {
    name,
    flavour,
    container,
    ip,
    exec,
    sh: (script, options) => exec(['bash', '-euo', 'pipefail', '-c', script], options),
    read: async (path) => (await exec(['cat', path])).stdout,
    write: (path, content, mode = 0o644) => put(exec, path, content, mode),
    copyIn: (source, target) => copyIn(exec, source, target),
    changes: async () => (await runLab(['changes', container])).split('\n').filter(Boolean),
    reset: async (...also) => void (await runLab(['reset', container, ...also])),
    async reboot() {
      [, host.ip = '', pid] = (await runLab(['reboot', container])).trim().split(' ');
    },
    stop: async () => void (await runLab(['stop', container])),
    remove: async () => void (await runLab(['down', container])),
  };
  return host;
}

// `docker exec` takes twenty times as long as nsenter, most of it processor time. It is needed where the process has to
// be in the cgroup of the container, or be another user; nsenter needs root, and an engine on this machine.
const mayEnter = process.getuid?.() === 0;

/** The start of a command line that runs the rest of it in a host. */
function way(
  container: string,
  pid: string | undefined,
  { env = {}, cwd, user, input }: ExecOptions,
): string[] {
  if (mayEnter && pid && !user && existsSync(`/proc/${pid}/ns`)) {
    const all = { PATH, HOME: '/root', container: 'docker', ...env };
    const words = Object.entries(all).map(([name, value]) => `${name}=${value}`);
    return ['nsenter', '--target', pid, '--all', `--wdns=${cwd ?? '/'}`, 'env', '-i', ...words];
  }
  const flags = Object.entries(env).flatMap(envFlag);
  if (cwd) flags.push('-w', cwd);
  if (user) flags.push('-u', user);
  if (input !== undefined) flags.push('-i');
  return ['docker', 'exec', ...flags, container];
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function envFlag([name, value]: [string, string | undefined]): string[] {
  return value === undefined ? [] : ['-e', `${name}=${value}`];
}

// What a command prints goes through files: a child that it leaves behind would hold a pipe open, and a 20.10 engine
// then sees the end of no later command in this host. It misses one now and then even so: therefore the exit code is
// told at the end of stderr, and a client that stays after it is ended. Standard input is no socket: with one, bash takes itself for
// a remote shell and reads its startup files.
const marker = /<<lab-exit (\d+)>>/;
const runner = `
  out=$(mktemp /tmp/lab-out.XXXXXX) err=$(mktemp /tmp/lab-err.XXXXXX)
  if [ "$1" = input ]; then shift; cat | timeout -k 5 "$0" "$@" >"$out" 2>"$err"
  else shift; timeout -k 5 "$0" "$@" </dev/null >"$out" 2>"$err"; fi
  code=$?
  cat "$out"
  cat "$err" >&2
  rm -f "$out" "$err"
  printf "<<lab-exit %d>>" "$code" >&2
  exit "$code"`;

async function execIn(
  [program = '', ...words]: string[],
  container: string,
  argv: string[],
  { input, check = true, seconds = 120 }: ExecOptions,
): Promise<ExecResult> {
  const child = execa(
    program,
    [...words, 'sh', '-c', runner, String(seconds), input === undefined ? 'none' : 'input', ...argv],
    {
      input: input ?? '',
      reject: false,
      stripFinalNewline: false,
      timeout: (seconds + 15) * 1000,
    },
  );
  let tail = '';
  child.stderr.on('data', (data: Buffer) => {
    tail = (tail + data.toString()).slice(-200);
    if (marker.test(tail)) setTimeout(() => child.kill('SIGKILL'), 300).unref();
  });
  const result = await child;

  const what = `${container}: ${argv.map(shellWord).join(' ')}`;
  const found = marker.exec(result.stderr);
  if (!found) throw new Error(`${what}\n${result.stderr || result.shortMessage}`);
  const code = Number(found[1]);
  const stderr = result.stderr.replace(marker, '');
  if (code === 124 && result.durationMs >= seconds * 1000) {
    throw new Error(`${what}\ndid not end within ${seconds} s\n${result.stdout}${stderr}`);
  }
  if (check && code !== 0) throw new Error(`${what}\nexit code ${code}\n${result.stdout}${stderr}`);
  return { code, stdout: result.stdout, stderr };
}

// Not `docker cp`: that does not see what is mounted in a running container, and /tmp is.
async function put(exec: Host['exec'], path: string, content: string | Uint8Array, mode: number) {
  const script = 'mkdir -p "$1" && cat >"$2" && chmod "$3" "$2"';
  await exec(['sh', '-c', script, 'put', dirname(path), path, mode.toString(8)], { input: content });
}

async function copyIn(exec: Host['exec'], source: string, target: string): Promise<void> {
  const found = await stat(source);
  if (!found.isDirectory()) return put(exec, target, await readFile(source), found.mode & 0o777);
  const { stdout } = await execa('tar', ['-C', source, '-c', '.'], {
    encoding: 'buffer',
    maxBuffer: 2 ** 30,
  });
  const script = 'mkdir -p "$1" && tar -C "$1" --no-same-owner -x';
  await exec(['sh', '-c', script, 'copy', target], { input: stdout });
}

/** A program in a host, on a pseudo-terminal: `argv`, or a line for bash. */
export function spawnPty(host: Host, command: string | string[], options: PtyOptions = {}): Pty {
  const { cols = 80, rows = 24, cwd, env = {} } = options;
  const argv = typeof command === 'string' ? ['bash', '-c', command] : command;
  // A 20.10 engine tells the size only after the start, when the program may have read it. The trap keeps this shell
  // alive through ^C, so that it can tell the exit code, also to a client that misses the end.
  const script = `stty cols ${cols} rows ${rows}; trap : INT QUIT; "$@"; code=$?; printf '\\033]${exitSequence};%d\\007' "$code"; exit "$code"`;
  const flags = Object.entries({ TERM: 'xterm-256color', LANG: 'C.UTF-8', ...env }).flatMap(envFlag);
  if (cwd) flags.push('-w', cwd);
  const words = ['docker', 'exec', '-it', ...flags, host.container, 'bash', '-c', script, 'pty', ...argv];
  return openPty(words.map(shellWord).join(' '), { cols, rows });
}
