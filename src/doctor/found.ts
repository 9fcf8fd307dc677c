// Words what a check finds, cleaned for a terminal; and what several checks ask of this machine, asked once in a run.
import { finderOf } from '../client/detect.ts';
import { SYSTEM } from '../client/targets/docker.ts';
import { ownDaemon } from '../client/targets/rootless.ts';
import { SNAP } from '../client/targets/snap.ts';
import { dirOf } from '../context.ts';
import { type DaemonInfo, daemonInfo } from '../dockerd/daemon.ts';
import type { Daemon } from '../dockerd/types.ts';
import { look, type ServerStatus } from '../server/status.ts';
import { publicAddress } from '../settings/public-address.ts';
import { commandIn } from '../terminal/command.ts';
import { visible, visibleLines } from '../terminal/visible.ts';
import type { Asked, CheckInput, Fix, Severity, Trouble } from './check.ts';

/** Leaves the password out of an address, as of a proxy. */
export const masked = (text: string): string => text.replace(/\/\/[^@/\s]+@/g, '//…@');

interface More {
  severity?: Severity;
  mend?: string[];
  evidence?: string | undefined;
  fix?: Fix | undefined;
}

/** Returns a trouble, `broken` by default; everything in it is made safe to show. */
export function trouble(code: string, cause: string, more: More = {}): Trouble {
  const { severity = 'broken', mend = [], evidence, fix } = more;
  return {
    code,
    severity,
    cause: visible(masked(cause).replace(/\s*\n\s*/g, ' ')),
    mend: mend.map((line) => visibleLines(masked(line))),
    ...(evidence && { evidence: visibleLines(masked(evidence.trim())) }),
    ...(fix && { fix }),
  };
}

const answers = new WeakMap<CheckInput, Map<string, Promise<unknown>>>();

/** Returns the answer to a question that several checks ask; a later run of all checks asks again. */
export function asked<T>(input: CheckInput, key: string, ask: () => Promise<T>): Promise<T> {
  const known = answers.get(input) ?? new Map<string, Promise<unknown>>();
  answers.set(input, known);
  const answer = known.get(key) ?? ask();
  known.set(key, answer);
  return answer as Promise<T>;
}

/** Does the work for each registry, side by side. */
export const forEach = async (
  input: CheckInput,
  work: (registry: Asked) => Promise<Trouble[]>,
): Promise<Trouble[]> => (await Promise.all(input.registries.map(work))).flat();

/** Tells whether a registry is the one that was set up on this machine. */
export function isOwn({ server }: CheckInput, { at }: Asked): boolean {
  if (server === undefined) return false;
  const { host, port } = publicAddress(server.settings);
  return host === at.host && port === at.port;
}

/** Returns a command for the registry of this machine. */
export const here = ({ context: { answers } }: CheckInput, words: string): string =>
  commandIn(answers.dir && dirOf(answers), words);

/** Returns a command for the server, as a line for this machine. */
export const onServer = (input: CheckInput, registry: Asked, words: string): string =>
  isOwn(input, registry) ? here(input, words) : `On the server:   registry-setup ${words}`.trimEnd();

/** Tells whether a program is on this machine. */
export const has = (input: CheckInput, program: string): Promise<boolean> =>
  asked(input, `has ${program}`, () => finderOf(input.context.host, input.context.env)(program));

/** A dockerd of this machine, and what it says about itself; undefined if it does not answer. */
export interface Dockerd {
  daemon: Daemon;
  info: DaemonInfo | undefined;
}

/** Returns each dockerd of this machine: those of the targets, and one that is installed and does not run. */
export const dockerds = (input: CheckInput): Promise<Dockerd[]> =>
  asked(input, 'dockerds', async () => {
    const { host, env } = input.context;
    const names = new Set(input.targets.map(({ name }) => name));
    if (!names.has('snap') && (await has(input, 'dockerd'))) names.add('docker');
    const own = ownDaemon(env, { uid: host.machine.uid, home: env.HOME || '/root' });
    const daemons = [
      ...(names.has('docker') ? [SYSTEM] : []),
      ...(names.has('snap') ? [SNAP] : []),
      ...(names.has('rootless') && own ? [own] : []),
    ];
    return Promise.all(
      daemons.map(async (daemon) => ({
        daemon,
        info: await daemonInfo(host, daemon).catch(() => undefined),
      })),
    );
  });

/** Returns what `status` finds about the registry of this machine. @param server of the input */
export const statusOf = (
  input: CheckInput,
  server: NonNullable<CheckInput['server']>,
): Promise<ServerStatus> => asked(input, 'status', () => look(input.context, server));
