// What podman says in another way than Docker: what it is, and who publishes a port.
import type { Host } from '../host/host.ts';
import type { Program } from '../settings/settings.ts';
import { commandLine } from '../terminal/command.ts';
import { ANSWERS_WITHIN, type EngineState, notReady, ready } from './types.ts';

/** Does what dockerState does for podman, whose document is another one (podman-info(1)). */
export async function podmanState(host: Host): Promise<EngineState> {
  const { code, stdout, stderr } = await host.run('podman', ['info', '--format', 'json'], {
    timeout: ANSWERS_WITHIN,
    question: true,
  });
  if (code === 127)
    return notReady('absent', 'podman is not installed on this machine.', {
      fix: ['apt-get install podman'],
      instead: [`Or without a container engine:   ${commandLine('--engine native')}`],
      code: 'not installed',
    });
  if (code !== 0) return notReady('unusable', 'podman does not work here.', { why: stderr.trim() });
  // biome-ignore lint/suspicious/noExplicitAny: the engine's own document
  const { host: at, version } = JSON.parse(stdout) as any;
  return ready({
    kind: 'podman',
    version: String(version?.Version ?? ''),
    logDriver: String(at?.logDriver ?? ''),
    userns: false,
    rootless: at?.security?.rootless === true,
  });
}

export interface Publisher {
  name: string;
  image: string;
  status: string;
}

/** Returns the running container that publishes a port. podman's list has no such filter, and other names. */
export async function publisher(
  host: Host,
  port: number,
  program: Program = 'docker',
): Promise<Publisher | undefined> {
  const limit = { timeout: ANSWERS_WITHIN, question: true } as const;
  if (program === 'podman') {
    const { code, stdout } = await host.run('podman', ['ps', '--format', 'json'], limit);
    type Row = {
      Names: string[];
      Image: string;
      Status?: string;
      Ports?: { host_port: number; range?: number }[];
    };
    const rows = code === 0 ? (JSON.parse(stdout || '[]') as Row[] | null) : [];
    const row = rows?.find(({ Ports }) =>
      Ports?.some(({ host_port: from, range = 1 }) => port >= from && port < from + Math.max(range, 1)),
    );
    return row && { name: row.Names[0] ?? '', image: row.Image, status: row.Status ?? 'running' };
  }
  const args = ['ps', '--filter', `publish=${port}`, '--format', '{{json .}}'];
  const { code, stdout } = await host.run('docker', args, limit);
  const [line] = code === 0 ? stdout.split('\n').filter(Boolean) : [];
  if (!line) return undefined;
  const { Names, Image, Status } = JSON.parse(line) as { Names: string; Image: string; Status: string };
  return { name: Names, image: Image, status: Status };
}
