// Runs a program that came from elsewhere, to ask it for its version, without trusting it.
import { spawn } from 'node:child_process';
import { constants as system } from 'node:os';
import { Interrupted } from '../errors.ts';
import type { RunResult } from './host.ts';

/** The uid and gid of nobody, who owns nothing: the same number everywhere. (systemd.io/UIDS-GIDS) */
const NOBODY = 65_534;
const TIMEOUT = 5_000;
/** The most bytes to keep of each stream; a program that writes more is ended. */
const MOST = 65_536;
/** How long the streams may stay open after the program's end, in milliseconds: a process that it left behind can hold them. */
const LINGER = 200;

/** Gives the program its own namespaces: all processes end with the first one, and there is no network. (unshare(1), pid_namespaces(7)) */
const ALONE = 'unshare --pid --net --ipc --fork --kill-child';
const DROP = `setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups --no-new-privs --`;
const PROBE = `exec ${ALONE} ${DROP} true`;
/** The first process is a shell of root, which the program cannot end. */
const CAGED = `ulimit -c 0; exec ${ALONE} /bin/sh -c '${DROP} "$0" "$@"; exit $?' "$0" "$@"`;

/** Without namespaces (this user is not root; a container; busybox): as nobody, and with no new privileges if setpriv can do that. */
const PLAIN = `
ulimit -c 0
if setpriv --no-new-privs true 2>/dev/null; then exec setpriv --no-new-privs -- "$0" "$@"; fi
exec "$0" "$@"`;

const shell = (script: string, words: string[], options: { uid?: number; gid?: number; timeout?: number }) =>
  spawn('/bin/sh', ['-c', script, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {},
    cwd: '/',
    // Its own session: the program cannot type into the user's terminal, and its processes can be ended together.
    detached: true,
    ...options,
  });

const canCage = () =>
  new Promise<boolean>((resolve) => {
    const child = shell(PROBE, [], { timeout: TIMEOUT });
    child.on('error', () => resolve(false));
    child.on('exit', (code) => resolve(code === 0));
  });

/**
 * Runs a program as nobody (if this user is root), in no other group, with an empty environment, no terminal, no input, no network and
 * no new privileges. Ends it, with all that it started, when it has answered, writes too much, or its time is up. Without namespaces,
 * it has the network, and a process that left its process group goes on.
 * @param timeout milliseconds; 5 000 by default
 * @returns as Host.run does, with up to 64 kB of each stream, unchanged
 * @throws Interrupted after Ctrl-C
 */
export async function runStranger(
  command: string,
  args: string[],
  timeout = TIMEOUT,
  signal?: AbortSignal,
): Promise<RunResult> {
  const isRoot = process.getuid?.() === 0;
  const caged = isRoot && (await canCage());
  let child: ReturnType<typeof shell>;
  try {
    // Node drops the other groups with the user. (libuv, uv_spawn: setgroups)
    const drop = isRoot && !caged ? { uid: NOBODY, gid: NOBODY } : {};
    child = shell(caged ? CAGED : PLAIN, [command, ...args], drop);
  } catch (error) {
    // In a container, root may not be able to become another user.
    return { code: 126, stdout: '', stderr: `${command}: ${(error as Error).message}` };
  }
  const said = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  const timers: NodeJS.Timeout[] = [];
  let abort = () => {};
  const code = await new Promise<number>((resolve) => {
    const later = (result: number, after: number) => timers.push(setTimeout(resolve, after, result));
    abort = () => resolve(130);
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) abort();
    later(124, timeout);
    for (const name of ['stdout', 'stderr'] as const)
      child[name].on('data', (chunk: Buffer) => {
        said[name] = Buffer.concat([said[name], chunk]).subarray(0, MOST);
        if (said[name].length === MOST) resolve(124);
      });
    child.on('error', () => resolve(126));
    child.on('exit', (exit, name) => {
      const result = exit ?? 128 + (name ? system.signals[name] : 0);
      child.on('close', () => resolve(result));
      later(result, LINGER);
    });
  });
  timers.forEach(clearTimeout);
  signal?.removeEventListener('abort', abort);
  try {
    if (child.pid) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // All its processes have ended.
  }
  child.stdout.destroy();
  child.stderr.destroy();
  child.unref();
  if (signal?.aborted) throw new Interrupted();
  return { code, stdout: said.stdout.toString(), stderr: said.stderr.toString() };
}
