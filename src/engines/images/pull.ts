// Pulls an image, with bytes and per cent: the engine's API tells them, its command line does not if it writes to a pipe.
import { request } from 'node:http';
import { CliError, Interrupted } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { carried } from '../../program/bundled.ts';
import type { ImageFlag } from '../../settings/gateway.ts';
import type { Program } from '../../settings/settings.ts';
import { commandLine } from '../../terminal/command.ts';
import { bytes, type Report } from '../../terminal/output.ts';
import { pullTrouble } from './pull-trouble.ts';
import { fullName, registryOf } from './reference.ts';

const PULL_LIMIT = 30 * 60_000;
/** Aborts after 3 minutes of silence; a working pull reports every second or two. Milliseconds. */
const SILENT_FOR = 3 * 60_000;

/** One line of the answer of POST /images/create. (docs.docker.com/reference/api/engine, ImageCreate) */
interface Message {
  id?: string;
  status?: string;
  error?: string;
  /** In a refusal, which is not a stream. */
  message?: string;
  progressDetail?: { current?: number; total?: number };
}

/** Returns how much of all layers has arrived; empty if the total is unknown. */
function progressText(layers: Map<string, { current: number; total: number }>): string {
  const sum = (pick: 'current' | 'total') =>
    [...layers.values()].reduce((all, layer) => all + layer[pick], 0);
  const [current, total] = [sum('current'), sum('total')];
  return total > 0 ? `${bytes(current)} of ${bytes(total)}, ${Math.floor((100 * current) / total)} %` : '';
}

/** Returns the socket of the engine that the command line uses; undefined if it is not a socket of this machine. */
async function engineSocket(host: Host): Promise<string | undefined> {
  const { code, stdout } = await host.run('docker', [
    'context',
    'inspect',
    '--format',
    '{{.Endpoints.docker.Host}}',
  ]);
  return code === 0 && stdout.startsWith('unix://') ? stdout.trim().slice('unix://'.length) : undefined;
}

/**
 * Pulls through the API, without credentials.
 * @returns undefined if the image is here now, else what the engine says
 */
function pullBySocket(
  socketPath: string,
  ref: string,
  report: Report,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const layers = new Map<string, { current: number; total: number }>();
  const since = performance.now();
  const waiting = setInterval(() => {
    const waited = Math.round((performance.now() - since) / 1000);
    if (layers.size === 0 && waited >= 3) report(`no answer from ${registryOf(ref)} yet (${waited} s)`);
  }, 1_000);
  // Without a tag the API pulls every tag.
  const one = /[:@][^/]+$/.test(ref) ? ref : `${ref}:latest`;
  const path = `/images/create?fromImage=${encodeURIComponent(one)}`;
  return new Promise<string | undefined>((resolve, reject) => {
    const options = { socketPath, path, method: 'POST', timeout: SILENT_FOR, ...(signal && { signal }) };
    const sent = request(options, (reply) => {
      let text = '';
      let failed: string | undefined;
      reply.setEncoding('utf8').on('data', (part: string) => {
        const lines = (text + part).split('\n');
        text = lines.pop() ?? '';
        for (const line of lines.filter((l) => l.trim() !== '')) {
          const { id = '', status, error, message, progressDetail } = JSON.parse(line) as Message;
          failed = error ?? message ?? failed;
          const { current = 0, total = 0 } = progressDetail ?? {};
          if (status === 'Downloading' && total > 0) layers.set(id, { current, total });
          const known = layers.get(id);
          if (known && /^(Download|Pull) complete$/.test(status ?? '')) known.current = known.total;
          if (layers.size > 0) report(progressText(layers));
        }
      });
      reply.on('error', reject);
      reply.on('end', () => {
        const last = text.trim() ? (JSON.parse(text) as Message) : {};
        failed = last.error ?? last.message ?? failed;
        resolve(reply.statusCode === 200 ? failed : (failed ?? `status ${reply.statusCode}`));
      });
    });
    sent.on('error', reject);
    sent.on('timeout', () => sent.destroy(new Error(`nothing came for ${SILENT_FOR / 60_000} minutes`)));
    sent.end();
  }).finally(() => clearInterval(waiting));
}

/** The engine asks for a login, which only the command line knows. */
const WANTS_LOGIN = /unauthorized|denied|authentication required|no basic auth/i;

/**
 * Pulls an image through the API; through the command line if the engine is elsewhere or wants a login.
 * @throws CliError with what the engine says, and where else an image can come from
 */
export async function pullImage(
  host: Host,
  ref: string,
  report: Report = () => {},
  program: Program = 'docker',
  flag: ImageFlag = 'image',
): Promise<void> {
  if (program === 'podman') return pullByPodman(host, ref, flag, report);
  const socket = await engineSocket(host);
  const by = socket && pullBySocket(socket, ref, report, host.signal);
  let said = by && (await by.catch((error: Error) => error.message));
  if (socket && said === undefined) return;
  if (host.signal?.aborted) throw new Interrupted();
  if (said === undefined || WANTS_LOGIN.test(said)) {
    const { code, stderr } = await host.run('docker', ['pull', ref], { timeout: PULL_LIMIT });
    if (code === 0) return;
    said = stderr.trim();
  }
  throw await notPulled(host, 'docker', { ref, flag }, said);
}

async function notPulled(host: Host, program: Program, of: Wanted, said: string): Promise<CliError> {
  const { ref } = of;
  const { why, fix } = await pullTrouble(host, program, ref, said);
  return new CliError(`The image ${ref} is not here, and it could not be pulled.`, {
    why: [said, ...why].join('\n'),
    fix: [...fix, ...elsewhere(of, program)],
  });
}

async function pullByPodman(host: Host, ref: string, flag: ImageFlag, report: Report): Promise<void> {
  const onLine = (line: string) => report(line.slice(0, 70));
  const { code, stderr } = await host.run('podman', ['pull', fullName(ref)], { timeout: PULL_LIMIT, onLine });
  if (code === 0) return;
  const said = code === 124 ? `no end within ${PULL_LIMIT / 60_000} minutes: timeout` : stderr.trim();
  throw await notPulled(host, 'podman', { ref, flag }, said.split('\n').slice(-3).join('\n'));
}

/** An image, and the flag that names it. */
interface Wanted {
  ref: string;
  flag: ImageFlag;
}

/** What a bundle is made with, so that it holds the image; and what a mirror calls the usual one. */
const SOURCES: Record<ImageFlag, { bundle(ref: string): string; mirrored: string }> = {
  image: { bundle: (ref) => `--image ${ref}`, mirrored: 'library/registry:3' },
  'auth-image': { bundle: () => '--auth token', mirrored: 'cesanta/docker_auth:1' },
  'ui-image': { bundle: (ref) => `--ui --ui-image ${ref}`, mirrored: 'joxit/docker-registry-ui:2' },
};

/** Returns other sources of an image if Docker Hub is out of reach, as it is for many. */
function elsewhere({ ref, flag }: Wanted, program: Program = 'docker'): string[] {
  const { bundle, mirrored } = SOURCES[flag];
  const saved = flag === 'image' ? 'registry:3' : ref;
  return [
    ...(carried()
      ? [`In the bundle:     registry-setup bundle FILE ${bundle(ref)}     where there is network`]
      : []),
    `From a mirror:     ${commandLine(`--${flag} MIRROR/${mirrored}`)}`,
    `From a file:       ${program} save -o registry.tar ${saved}     where it can be pulled, then here`,
    `                   ${commandLine('--image-archive registry.tar')}`,
    ...(flag === 'image' ? [`Without an image:  ${commandLine('--engine native')}`] : []),
  ];
}
