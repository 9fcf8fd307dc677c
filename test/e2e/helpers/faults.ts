// Ways to make things go wrong at a chosen moment.
import type { Host } from '../../lab/host.ts';
import { until } from './machines.ts';

/** Shell text for before or after one command of the program's, such as `docker run`; `$PPID` is the program. */
export interface Trap {
  at: string;
  before?: string;
  after?: string;
}

// Not in /tmp, where nothing can be run, and not where host.changes() looks.
const folder = '/usr/local/lib/trap';
const flag = '/tmp/trap-reached';

/** For a trap: the program is killed. */
export const KILL = 'kill -9 $PPID';
/** For a trap: the program is held up until a signal ends that; once, not again when it undoes. */
export const HOLD = `if [ ! -e ${flag} ]; then touch ${flag}; sleep 60 >/dev/null 2>&1; fi`;

/**
 * Puts an engine's command before the real one.
 * @returns the environment in which it is found; reached() waits for a HOLD
 */
export async function trapDocker(
  host: Host,
  { at, before = ':', after = ':' }: Trap,
  engine: 'docker' | 'podman' = 'docker',
) {
  const when = (action: string) => `if [ "$1" = ${at} ]; then ${action}\nfi`;
  const script = `#!/bin/sh\n${when(before)}\n/usr/bin/${engine} "$@"\ncode=$?\n${when(after)}\nexit $code\n`;
  await host.write(`${folder}/${engine}`, script, 0o755);
  await host.sh(`rm -f ${flag}`);
  const env = { PATH: `${folder}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin` };
  return { env, reached: () => until(host, `test -e ${flag}`) };
}

/** For a trap: a program of somebody else's takes a port. */
export async function portThief(host: Host, port: number): Promise<string> {
  const lines = [
    'import socket, time',
    's = socket.socket()',
    's.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)',
    `s.bind(("", ${port}))`,
    's.listen()',
    'time.sleep(60)',
  ];
  await host.write('/tmp/thief.py', `${lines.join('\n')}\n`);
  return `setsid python3 /tmp/thief.py >/dev/null 2>&1 & until ss -Hltn | grep -q :${port}; do sleep 0.05; done`;
}
