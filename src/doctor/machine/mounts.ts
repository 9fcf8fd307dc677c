// The file systems of this machine. (proc_pid_mountinfo(5))
import type { Host } from '../../host/host.ts';

export interface Mount {
  /** Where it is. */
  at: string;
  /** `ext4`, `nfs4`. */
  type: string;
  /** `/dev/sda1`, `server:/export`. */
  source: string;
  readOnly: boolean;
  /** The device: two mounts of one file system have the same. */
  device: string;
}

const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));

/** Returns every mount that this process sees; none where the system does not tell. */
export async function mountsOf(host: Host): Promise<Mount[]> {
  const text = (await host.read('/proc/self/mountinfo').catch(() => undefined))?.toString() ?? '';
  return text.split('\n').flatMap((line) => {
    const [own = '', others = ''] = line.split(' - ');
    const [, , device = '', , at, options = ''] = own.split(' ');
    const [type = '', source = '', superOptions = ''] = others.split(' ');
    if (at === undefined) return [];
    const readOnly = [options, superOptions].some((list) => list.split(',').includes('ro'));
    return [{ at: unescaped(at), type, source: unescaped(source), readOnly, device }];
  });
}

/** Returns the mount that holds a path: the deepest, and of several at one place the last. */
export function mountOf(mounts: Mount[], path: string): Mount | undefined {
  const holds = ({ at }: Mount) => at === '/' || path === at || path.startsWith(`${at}/`);
  return mounts
    .filter(holds)
    .reduce<Mount | undefined>(
      (best, one) => (best && best.at.length > one.at.length ? best : one),
      undefined,
    );
}
