// Before anything is touched: every check runs, every failure is shown at once with its way out.
import { dirname, join } from 'node:path';
import type { EngineKind } from './engines/docker.ts';
import * as docker from './engines/docker.ts';
import { isRunning } from './engines/engine.ts';
import { publisher as publisherOf } from './engines/podman.ts';
import { CliError } from './errors.ts';
import { type Facts, portHolder } from './facts.ts';
import { firewallFindings } from './firewall.ts';
import type { Host } from './host.ts';
import { lockedBy, lockHolder } from './lock.ts';
import { bytes } from './output.ts';
import { addressed, lineFindings, nameFindings } from './own-name.ts';
import { notOurs } from './resources/container.ts';
import { staysOff } from './resources/engine.ts';
import { unitPath } from './resources/unit.ts';
import { labels } from './selinux.ts';
import type { Settings } from './settings.ts';
import { authName } from './token-auth.ts';

export interface Finding {
  /** `warning` is told and does not stop the run. */
  level: 'error' | 'warning';
  message: string;
  why?: string | undefined;
  fix: string[];
  /** The flag whose value is the cause: that makes it bad input. */
  flag?: string;
}

/** Below this a registry is full after a few images; bytes. */
const LITTLE_SPACE = 1_000_000_000;
/** A clock before this program was written is wrong. */
const WRITTEN = Date.UTC(2026, 0, 1);

type Check = (settings: Settings, facts: Facts, host: Host) => Promise<Finding[]>;
const fail = (message: string, fix: string[], more: Partial<Finding> = {}): Finding[] => [
  { level: 'error', message, fix, ...more },
];
const warn = (message: string, fix: string[]): Finding[] => [{ level: 'warning', message, fix }];

const engine: Check = async (_, facts) =>
  facts.engine instanceof CliError
    ? fail(facts.engine.message, facts.engine.fix, { why: facts.engine.why })
    : [];

/** Our own container holds its port rightly, also when it is about to be replaced. */
const port: Check = async (settings, facts, host) => {
  const { auth, authPort } = settings;
  const logins = auth === 'token' ? await portFree('--auth-port', authPort, settings, facts, host) : [];
  return [...(await portFree('--port', settings.port, settings, facts, host)), ...logins];
};

/** The container engine to ask; undefined where there is none. */
const programOf = ({ engine: found }: Facts): docker.Program | undefined =>
  found instanceof CliError || found.kind === 'native' ? undefined : found.kind;

/** The registry of the last run holds its port rightly, also when another engine ran it. */
async function isHeldByUs(wanted: number, dir: string, { last, engine: now }: Facts, host: Host) {
  const said = (name: 'engine' | 'name' | 'port' | 'auth-port') => last?.[name]?.value;
  const before = said('engine') as EngineKind | undefined;
  if (!before || now instanceof CliError || (before === now.kind && before !== 'native')) return false;
  if (![said('port'), said('auth-port')].includes(wanted)) return false;
  return isRunning(host, { engine: before, name: String(said('name') ?? 'registry'), dir });
}

async function portFree(
  flag: string,
  wanted: number,
  { dir }: Settings,
  facts: Facts,
  host: Host,
): Promise<Finding[]> {
  if (!facts.listening.has(wanted) && facts.engine instanceof CliError) return [];
  if (await isHeldByUs(wanted, dir, facts, host)) return [];
  const program = programOf(facts);
  const publisher = program && (await publisherOf(host, wanted, program));
  if (!publisher && !facts.listening.has(wanted)) return [];
  if (publisher) {
    const owner = (await docker.inspect(host, publisher.name, program))?.owner;
    if (owner === dir) return [];
  }
  const holder = publisher
    ? `the container "${publisher.name}" (${publisher.image}, ${publisher.status.toLowerCase()})`
    : await portHolder(host, wanted);
  const free = [wanted + 1, wanted + 2, 30_001].find((p) => !facts.listening.has(p)) ?? 5050;
  const fix = [`Use another port:          registry-setup ${flag} ${free}`];
  if (publisher) fix.push(`Or take that one away:     ${program} stop ${publisher.name}`);
  return fail(`Port ${wanted} is taken by ${holder}.`, fix, { flag });
}

const name: Check = async (settings, facts, host) => {
  const program = programOf(facts);
  const unit = settings.engine === 'docker' ? [] : await unitFree(settings, host);
  if (!program || unit.length > 0) return unit;
  const names = [settings.name, ...(settings.auth === 'token' ? [authName(settings)] : [])];
  const found = await Promise.all(
    names.map(async (wanted) => {
      const there = await docker.inspect(host, wanted, program);
      if (!there || there.owner === settings.dir) return [];
      const { message, fix } = notOurs(wanted, there, settings.name, program);
      return fail(message, fix, { flag: '--name' });
    }),
  );
  return found.flat();
};

/** What every service file of this set-up says. */
const OURS = ['Written by registry-setup', 'DIR'];

/** A service of that name which somebody else made is never written over. */
async function unitFree({ name: unit, dir }: Settings, host: Host): Promise<Finding[]> {
  const path = unitPath({ name: unit, ...(host.machine.uid !== 0 && { own: true }) });
  const text = (await host.read(path))?.toString();
  if (text === undefined || OURS.every((word) => text.includes(word.replace('DIR', dir)))) return [];
  const fix = [`Use another name:      registry-setup --name ${unit}-2`];
  return fail(`The service ${unit} was not made by this set-up (${path}).`, fix, { flag: '--name' });
}

/** The container's root has no capabilities: it writes where uid 0 may, or everybody. */
const storage: Check = async ({ storage: path, engine: kind }, { last }, host) => {
  const flag = { flag: '--storage' };
  const there = await host.stat(path);
  if (there && there.type !== 'dir')
    return fail(`${path} is a file, not a directory.`, ['registry-setup --storage DIR'], flag);
  const parent = there ?? (await nearestParent(path, host));
  if (parent.type !== 'dir')
    return fail(`A part of ${path} is a file.`, ['registry-setup --storage DIR'], flag);
  // The root of a container of a person without root is that person.
  const { uid } = host.machine;
  const mayWrite = parent.uid === uid ? (parent.mode & 0o200) !== 0 : (parent.mode & 0o002) !== 0;
  // Without a container it is handed over to the user that the registry runs as.
  const handedOver = last?.engine?.value === 'native' && last.storage?.value === path;
  if (there && !mayWrite && kind !== 'native' && !handedOver)
    return fail(
      `${path} belongs to uid ${there.uid}, and the registry could not write to it.`,
      [`chown ${uid === 0 ? 'root' : uid} ${path}`, 'Or use another one:   registry-setup --storage DIR'],
      flag,
    );
  const { free } = await host.space(path);
  if (free >= LITTLE_SPACE) return [];
  return warn(`Only ${bytes(free)} are free in ${path}.`, ['registry-setup --storage DIR']);
};

async function nearestParent(path: string, host: Host) {
  let at = dirname(path);
  for (;;) {
    const there = await host.stat(at);
    if (there) return there;
    at = dirname(at);
  }
}

const permission: Check = async ({ dir }, _, host) => {
  if (host.machine.uid === 0) return [];
  const parent = (await host.stat(dir)) ?? (await nearestParent(join(dir, 'x'), host));
  return parent.uid === host.machine.uid
    ? []
    : fail(
        `This user may not write to ${dir}.`,
        ['As root:           sudo npx registry-setup', 'Or elsewhere:      registry-setup --dir ~/registry'],
        { flag: '--dir' },
      );
};

/** Ports for root alone; without the file, ip(7)'s 1024. */
const lowPort: Check = async ({ port: wanted, authPort, auth }, _, host) => {
  if (host.machine.uid === 0) return [];
  const text = (await host.read('/proc/sys/net/ipv4/ip_unprivileged_port_start'))?.toString();
  const first = Number(text ?? 1024);
  const low = [wanted, ...(auth === 'token' ? [authPort] : [])].find((p) => p < first);
  if (low === undefined) return [];
  const fix = [
    `Use a higher port:    registry-setup --port ${low === 443 ? 5443 : 5000}`,
    `Or let everybody:     sudo sysctl net.ipv4.ip_unprivileged_port_start=${low}`,
  ];
  return fail(`Port ${low} is for root: without root, ports begin at ${first}.`, fix, { flag: '--port' });
};

/** Said when it is set up. */
const boot: Check = async (_, { engine: found, last }, host) =>
  !last && !(found instanceof CliError) && (await staysOff(found, host))
    ? warn('Docker does not start with this machine, and the registry would not either.', [
        'systemctl enable docker',
      ])
    : [];

const clock: Check = async () =>
  Date.now() > WRITTEN
    ? []
    : fail(`The clock of this machine says ${new Date().toISOString().slice(0, 10)}.`, [
        'timedatectl set-ntp true',
      ]);

const lock: Check = async ({ dir }, _, host) => {
  const holder = await lockHolder(host, dir);
  if (!holder) return [];
  const { message, fix } = lockedBy(holder);
  return fail(message, fix);
};

/** Another directory would be an empty registry: the images are not moved by themselves, and nobody should miss them later. */
const moved: Check = async ({ storage: path, name: container }, { last }, host) => {
  const before = last?.storage?.value as string | undefined;
  if (before === undefined || before === path) return [];
  const images = (dir: string) => host.stat(join(dir, 'docker/registry/v2/repositories'));
  if (!(await images(before)) || (await images(path))) return [];
  const fix = [
    'Move them first, then run this again:',
    `  docker stop ${container} && mkdir -p ${path} && cp -a ${before}/docker ${path}/`,
  ];
  return fail(`The images are in ${before}, and would not be found in ${path}.`, fix, { flag: '--storage' });
};

/** What only an engine that runs can tell. */
export const INSIDE: Check[] = [port, name, boot];
const OUTSIDE: Check[] = [storage, moved, labels, addressed, lineFindings, firewallFindings, nameFindings];
const CHECKS: Check[] = [engine, permission, lowPort, ...INSIDE, ...OUTSIDE, clock, lock];

/** Runs them all, side by side; the order of the findings is that of the checks. */
export async function preflight(
  settings: Settings,
  facts: Facts,
  host: Host,
  checks: Check[] = CHECKS,
): Promise<Finding[]> {
  return (await Promise.all(checks.map((check) => check(settings, facts, host)))).flat();
}

/** All errors in one; exit 2 when each comes from something that was given, else 1. */
export function findingsError(findings: Finding[]): CliError | undefined {
  const errors = findings.filter(({ level }) => level === 'error');
  const [only] = errors;
  if (!only) return undefined;
  const exitCode = errors.every(({ flag }) => flag) ? 2 : 1;
  if (errors.length === 1) return new CliError(only.message, { why: only.why, fix: only.fix, exitCode });
  return new CliError(errors.map(({ message }) => message).join('\n'), {
    why: errors.flatMap(({ why }) => why ?? []).join('\n') || undefined,
    fix: errors.flatMap(({ message, fix }) => [`${message}`, ...fix.map((line) => `  ${line}`)]),
    exitCode,
  });
}
