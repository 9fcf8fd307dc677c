// Checks a directory that SELinux would relabel: one that a container may write to gets another label, with everything in it.
import { join } from 'node:path';
import type { Host } from '../../host/host.ts';
import type { Settings } from '../../settings/settings.ts';
import { commandLine } from '../../terminal/command.ts';
import type { Facts } from '../plan/facts.ts';
import type { Finding } from './finding.ts';

/** Directories that the system's own programs cannot read with a container's label. Docker itself refuses some of them. */
const SYSTEM = [
  '/bin',
  '/lib',
  '/lib64',
  '/sbin',
  '/usr',
  '/var/log',
  '/var/lib/docker',
  '/var/lib/containers',
];
/** Names that may be there: a registry's own directory, and what a new file system has. */
const FAMILIAR = ['docker', 'lost+found'];

/** Tells whether a path is a home: other programs read its files, sshd the keys and a shell its start files. */
const isHome = async (host: Host, path: string) =>
  ((await host.read('/etc/passwd'))?.toString() ?? '')
    .split('\n')
    .some((line) => line.split(':')[5] === path);

/**
 * Refuses a directory for images that holds other things as well: with `:Z`, the programs that use them could no longer read them.
 * The set-up's own directories hold only what this program wrote.
 */
export async function labels(
  { storage, engine }: Settings,
  { selinux, last }: Facts,
  host: Host,
): Promise<Finding[]> {
  if (!selinux || engine === 'native' || last?.storage?.value === storage) return [];
  const refuse = (why: string): Finding[] => [
    {
      level: 'error',
      message: `SELinux is on, and ${storage} ${why}: with the label of a container nothing else could use it.`,
      fix: [`Use one of its own:   ${commandLine(`--storage ${join(storage, 'registry')}`)}`],
      flag: '--storage',
    },
  ];
  const above = SYSTEM.find((dir) => storage === dir || storage.startsWith(`${dir}/`));
  if (above)
    return refuse('belongs to the system').map((finding) => ({
      ...finding,
      fix: [`Use another one:   ${commandLine('--storage /srv/registry')}`],
    }));
  if (await isHome(host, storage)) return refuse('is a home directory');
  if ((await host.stat(storage))?.type !== 'dir') return [];
  const others = (await host.list(storage)).filter((name) => !FAMILIAR.includes(name));
  return others.length > 0 ? refuse(`holds other things (${others.slice(0, 3).join(', ')})`) : [];
}
