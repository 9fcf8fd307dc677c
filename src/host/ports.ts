// Which ports something listens on, from the kernel's own tables, and which program it is.
import type { Host } from './host.ts';

/** A program that listens on a port. */
export interface PortHolder {
  program: string;
  pid: number;
}

/** Returns which program holds a port; undefined if that is unknown. */
export async function portHolder(host: Host, port: number): Promise<PortHolder | undefined> {
  const { stdout } = await host.run('ss', ['-Hltnp', `sport = :${port}`], { timeout: 5_000 });
  const [, program, pid] = /users:\(\("([^"]+)",pid=(\d+)/.exec(stdout) ?? [];
  return program === undefined ? undefined : { program, pid: Number(pid) };
}

/**
 * Returns the TCP ports with a listener. From /proc/net/tcp and tcp6 (proc(5)): state 0A is LISTEN; the port is the hexadecimal after the colon.
 * @param pid process whose network is read: a container has its own
 */
export async function listeningPorts(host: Host, pid?: number): Promise<Set<number>> {
  const paths = ['tcp', 'tcp6'].map((table) => `/proc/${pid === undefined ? '' : `${pid}/`}net/${table}`);
  const tables = await Promise.all(paths.map((path) => host.read(path).catch(() => undefined)));
  const lines = tables.flatMap((table) => table?.toString().split('\n').slice(1) ?? []);
  return new Set(
    lines.flatMap((line) => {
      const [, local = '', , state] = line.trim().split(/\s+/);
      return state === '0A' ? [Number.parseInt(local.split(':').at(-1) ?? '', 16)] : [];
    }),
  );
}
