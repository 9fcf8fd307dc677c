// Plans automatic renewal: a copy of this program, and something that runs it every day.
import { join } from 'node:path';
import type { Host } from '../../host/host.ts';
import { serviceManagerOf } from '../../host/service-manager.ts';
import { execLine } from '../../host/systemd.ts';
import { carried } from '../../program/bundled.ts';
import { programFiles } from '../../program/files.ts';
import type { Resource } from '../../resources/resource.ts';
import { DEFAULT_DIR, type Settings } from '../../settings/settings.ts';
import { digestOf, templateText } from '../../templates.ts';
import { cronLine, shellLine } from '../../terminal/shell.ts';
import { withLines } from './native.ts';

/** A certificate is renewed this many days before it expires. */
const RENEW_WITHIN = 30;

export interface Renewal {
  /** What runs it: a timer of systemd or of the user's own systemd, a file in cron.d, or nothing known on this machine. */
  schedule: 'systemd' | 'own systemd' | 'cron' | 'none';
  /** The path of the Node that runs the copy. */
  node: string;
  /** The path to copy that Node from. A bundle's Node is removed when this program ends. */
  nodeFrom?: string;
  files: Record<string, string>;
}

/** Returns what this machine has for renewal. Reads the whole program, so call it only if there is a certificate. */
export async function renewalFacts(host: Host, dir: string): Promise<Renewal> {
  const kept = join(dir, 'program/node');
  const nodeFrom = carried()?.node ?? (process.execPath === kept ? kept : undefined);
  const [serviceManager, cron, files] = await Promise.all([
    serviceManagerOf(host),
    host.stat('/etc/cron.d'),
    programFiles(host),
  ]);
  return {
    // Only root may write to cron.d.
    schedule: serviceManager !== 'script' ? serviceManager : cron && host.machine.uid === 0 ? 'cron' : 'none',
    node: nodeFrom ? kept : process.execPath,
    ...(nodeFrom && { nodeFrom }),
    files,
  };
}

/** Returns the words of the command that renews. */
function renewWords({ dir }: Settings, { node, files }: Renewal): [program: string, args: string[]] {
  const cli = join(programDir(dir, files), 'dist/cli.js');
  const where = dir === DEFAULT_DIR ? [] : ['--dir', dir];
  return [node, [cli, 'rotate', '--if-expiring', String(RENEW_WITHIN), '--yes', ...where]];
}

/** Returns the command that renews; the user pastes it if nothing on this machine can run it every day. */
export const renewLine = (settings: Settings, renewal: Renewal): string =>
  shellLine(...renewWords(settings, renewal));

const programDir = (dir: string, files: Record<string, string>) =>
  join(dir, 'program', digestOf(JSON.stringify(files)).slice(0, 12));

/** Returns a timer name of its own for each registry on a machine. */
const unitName = ({ name }: Settings) =>
  name === 'registry' ? 'registry-setup-renew' : `registry-setup-renew-${name}`;

/** Returns the resources of renewal. Not called for plain HTTP, nor after --no-renew. */
export function renewalPlan(settings: Settings, renewal: Renewal): Resource[] {
  const { dir } = settings;
  const [node, args] = renewWords(settings, renewal);
  const program: Resource[] = [
    { kind: 'dir', path: join(dir, 'program'), mode: 0o755 },
    ...(renewal.nodeFrom
      ? [{ kind: 'copy', path: renewal.node, from: renewal.nodeFrom, mode: 0o755 } as const]
      : []),
    { kind: 'program', path: programDir(dir, renewal.files), files: renewal.files },
  ];
  if (renewal.schedule === 'systemd' || renewal.schedule === 'own systemd') {
    const own = renewal.schedule === 'own systemd';
    const service = withLines(templateText('renew.service'), {
      ExecStart: execLine(node, args),
      // The user's own systemd does not know the units of the machine.
      ...(own && { After: undefined, Wants: undefined, WantedBy: 'default.target' }),
    });
    const timer = templateText('renew.timer');
    return [
      ...program,
      { kind: 'timer', name: unitName(settings), service, timer, ...(own && { own: true as const }) },
    ];
  }
  if (renewal.schedule === 'none') return program;
  const line = cronLine(shellLine(node, [...args, '--quiet']));
  const content = templateText('renew.cron').replace(/\/usr\/bin\/node .*$/gm, () => line);
  return [...program, { kind: 'file', path: `/etc/cron.d/${unitName(settings)}`, content, mode: 0o644 }];
}
