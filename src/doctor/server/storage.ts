// Checks that the registry can write its images: the disk is mounted, writable, and gives root its rights.
import { stopCommand } from '../../engines/engine.ts';
import type { Host } from '../../host/host.ts';
import { storage as judged } from '../../server/checks/storage.ts';
import { shellLine } from '../../terminal/shell.ts';
import type { Check, CheckInput, Trouble } from '../check.ts';
import { here, trouble } from '../found.ts';
import { type Mount, mountOf, mountsOf } from '../machine/mounts.ts';

/** Returns the line of /etc/fstab for a disk that should hold the path and is not mounted. (fstab(5)) */
async function notMounted(host: Host, mounts: Mount[], path: string): Promise<string | undefined> {
  const lines = (await host.read('/etc/fstab').catch(() => undefined))?.toString().split('\n') ?? [];
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([source = '#', at = '']) => !source.startsWith('#') && at.startsWith('/') && at !== '/')
    .map(([, at = '']) => at.replace(/\\040/g, ' ').replace(/\/$/, ''))
    .find((at) => (path === at || path.startsWith(`${at}/`)) && !mounts.some((mount) => mount.at === at));
}

async function look(input: CheckInput): Promise<Trouble[]> {
  const { server, context } = input;
  const { host } = context;
  if (!server) return [];
  const { settings, facts } = server;
  const path = settings.storage;
  const mounts = await mountsOf(host);
  const missing = await notMounted(host, mounts, path);
  if (missing)
    return [
      trouble(
        'storage-not-mounted',
        `The disk for ${missing} is not mounted: the images on it are not there.`,
        {
          mend: [
            shellLine('mount', [missing]),
            `Then, so that the registry sees it:   ${await stopCommand(host, settings)}; ${here(input, '--yes')}`,
          ],
        },
      ),
    ];
  if (!(await host.stat(path)))
    return [
      trouble('storage-gone', `${path} is not there: the registry has no images.`, {
        mend: ['Put it back from a backup, or mount its disk'],
      }),
    ];
  const mount = mountOf(mounts, path);
  if (mount?.readOnly)
    return [
      trouble(
        'storage-read-only',
        `${mount.at}, the disk of the images, is mounted read-only: no push is taken.`,
        {
          mend: [
            'The kernel does that to a disk with errors:   dmesg | tail -n 50',
            `If it has none:                               mount -o remount,rw ${mount.at}`,
          ],
          evidence: `${mount.source} ${mount.at} ${mount.type} ro`,
        },
      ),
    ];
  const isNfs = mount?.type.startsWith('nfs') === true;
  // Asks the server of a network file system, too. (access(2))
  const { code } = await host.run('test', ['-w', path], { timeout: 10_000 });
  if (code !== 0 && isNfs)
    return [
      trouble(
        'nfs-root-squash',
        `${path} is on NFS (${mount?.source}), which does not let root of this machine write.`,
        {
          mend: [
            'On the NFS server, in /etc/exports, for this machine:   no_root_squash',
            'Then there:   exportfs -ra',
          ],
        },
      ),
    ];
  const own = await judged(settings, facts, host);
  const found = own.filter(({ level }) => level === 'error');
  if (found.length > 0)
    return found.map(({ message, fix }) =>
      trouble('storage-not-writable', message, { mend: fix.slice(0, 1) }),
    );
  if (code === 0) return [];
  return [
    trouble('storage-not-writable', `The registry cannot write to ${path}.`, {
      mend: [`Look at it:   ${shellLine('ls', ['-ld', path])}; ${shellLine('lsattr', ['-d', path])}`],
    }),
  ];
}

/** Reports images that the registry cannot write, or cannot find. */
export const storage: Check = {
  code: 'storage',
  subject: 'machine',
  title: 'the registry can write its images',
  on: 'server',
  look,
};
