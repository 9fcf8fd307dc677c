// Plans what runs by itself: a copy of this program, and timers that renew the certificate, undo what was cut off, and remove old images.
import { join } from 'node:path';
import type { Host } from '../../host/host.ts';
import { serviceManagerOf } from '../../host/service-manager.ts';
import { execLine } from '../../host/systemd.ts';
import { carried } from '../../program/bundled.ts';
import { type ProgramList, programList } from '../../program/files.ts';
import type { Resource } from '../../resources/resource.ts';
import { DEFAULT_DIR, type Settings } from '../../settings/settings.ts';
import { templateText } from '../../templates.ts';
import { cronLine, shellLine } from '../../terminal/shell.ts';
import { withLines } from './native.ts';

/** A certificate of an ACME server may last a day, or a week: it is looked at more often. */
const OFTEN = { OnCalendar: '*-*-* 00/6:00:00', RandomizedDelaySec: '2h' };

/** A certificate is renewed this many days before it expires. */
export const RENEW_WITHIN = 30;

export interface Renewal {
  /** What runs it: a timer of systemd or of the user's own systemd, a file in cron.d, or nothing known on this machine. */
  schedule: 'systemd' | 'own systemd' | 'cron' | 'none';
  /** The path of the Node that runs the copy. */
  node: string;
  /** The path to copy that Node from. A bundle's Node is removed when this program ends. */
  nodeFrom?: string;
  program: ProgramList;
}

/** Returns what this machine has for what is to run by itself. */
export async function renewalFacts(host: Host, dir: string): Promise<Renewal> {
  const kept = join(dir, 'program/node');
  const nodeFrom = carried()?.node ?? (process.execPath === kept ? kept : undefined);
  const [serviceManager, cron, program] = await Promise.all([
    serviceManagerOf(host),
    host.stat('/etc/cron.d'),
    programList(host),
  ]);
  return {
    // Only root may write to cron.d.
    schedule: serviceManager !== 'script' ? serviceManager : cron && host.machine.uid === 0 ? 'cron' : 'none',
    node: nodeFrom ? kept : process.execPath,
    ...(nodeFrom && { nodeFrom }),
    program,
  };
}

/** What a timer runs. */
interface Job {
  /** The name of its unit, and of its templates. */
  name: 'renew' | 'recover' | 'prune';
  /** The words of the command. */
  words: string[];
}

const RENEW: Job = { name: 'renew', words: ['rotate', '--if-expiring', String(RENEW_WITHIN), '--yes'] };
/** Without a certificate the same words undo a run that was cut off, and count for `status`. */
const RECOVER: Job = { ...RENEW, name: 'recover' };
const PRUNE: Job = { name: 'prune', words: ['image', 'prune', '--yes', '--gc'] };

/** Tells whether anything runs by itself. */
export const hasJobs = ({ renew, prune }: Settings): boolean => renew || prune === true;

/** Returns the words of a command of the copy. */
function wordsOf(
  { words }: Job,
  { dir }: Settings,
  { node, program: { version } }: Renewal,
): [program: string, args: string[]] {
  const cli = join(programDir(dir, version), 'dist/cli.js');
  const where = dir === DEFAULT_DIR ? [] : ['--dir', dir];
  return [node, [cli, ...words, ...where]];
}

/** Returns the command that renews; the user pastes it if nothing on this machine can run it every day. */
export const renewLine = (settings: Settings, renewal: Renewal): string =>
  shellLine(...wordsOf(RENEW, settings, renewal));

const programDir = (dir: string, version: string) => join(dir, 'program', version);

/** Returns a timer name of its own for each registry on a machine. */
const unitName = (job: Job, { name }: Settings) =>
  name === 'registry' ? `registry-setup-${job.name}` : `registry-setup-${job.name}-${name}`;

/** Returns the copy of this program, and a timer for each job. @param hasCertificate there is one to renew */
export function jobsPlan(settings: Settings, renewal: Renewal, hasCertificate: boolean): Resource[] {
  const { dir, renew, prune } = settings;
  const { folder, files, version } = renewal.program;
  const jobs = [...(renew ? [hasCertificate ? RENEW : RECOVER] : []), ...(prune ? [PRUNE] : [])];
  return [
    { kind: 'dir', path: join(dir, 'program'), mode: 0o755 },
    ...(renewal.nodeFrom
      ? [{ kind: 'copy', path: renewal.node, from: renewal.nodeFrom, mode: 0o755 } as const]
      : []),
    { kind: 'program', path: programDir(dir, version), from: folder, files },
    ...jobs.flatMap((job) => timerOf(job, settings, renewal)),
  ];
}

function timerOf(job: Job, settings: Settings, renewal: Renewal): Resource[] {
  const [node, args] = wordsOf(job, settings, renewal);
  const name = unitName(job, settings);
  if (renewal.schedule === 'systemd' || renewal.schedule === 'own systemd') {
    const own = renewal.schedule === 'own systemd';
    const service = withLines(templateText(`${job.name}.service`), {
      ExecStart: execLine(node, args),
      // The user's own systemd does not know the units of the machine.
      ...(own && { After: undefined, Wants: undefined, WantedBy: 'default.target' }),
    });
    const often = job === RENEW && settings.acme !== undefined;
    const timer = withLines(templateText(`${job.name}.timer`), often ? OFTEN : {});
    return [{ kind: 'timer', name, service, timer, ...(own && { own: true as const }) }];
  }
  if (renewal.schedule === 'none') return [];
  const line = cronLine(shellLine(node, [...args, '--quiet']));
  const content = templateText(`${job.name}.cron`)
    .replace(/\/usr\/bin\/node .*$/gm, () => line)
    .replace(/^17 3 /m, job === RENEW && settings.acme ? '17 3,9,15,21 ' : '17 3 ');
  return [{ kind: 'file', path: `/etc/cron.d/${name}`, content, mode: 0o644 }];
}
