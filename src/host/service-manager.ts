// What keeps a program running on this machine: systemd, the user's systemd, or a script.
import { join } from 'node:path';
import type { Host } from './host.ts';
import { hasSystemd } from './systemd.ts';

/** What keeps a program running. */
export type ServiceManager = 'systemd' | 'own systemd' | 'script';

/** Returns systemd if it runs this machine; without root, the user's own systemd if it runs; else a script. */
export async function serviceManagerOf(host: Host): Promise<ServiceManager> {
  const { uid } = host.machine;
  if (uid === 0) return (await hasSystemd(host)) ? 'systemd' : 'script';
  return (await host.stat(`/run/user/${uid}/systemd`)) ? 'own systemd' : 'script';
}

/** Returns the paths of the script's files: its process id, its log. */
export const scriptFiles = (script: string) => ({
  pid: script.replace(/\.sh$/, '.pid'),
  log: script.replace(/\.sh$/, '.log'),
});

export const scriptPath = ({ dir, name }: { dir: string; name: string }): string =>
  join(dir, 'run', `${name}.sh`);

/** Returns the process of such a script, and the digest that it was started with; undefined if the script does not run. */
export async function scriptProcess(
  host: Host,
  script: string,
): Promise<{ pid: number; digest: string } | undefined> {
  const pid = Number((await host.read(scriptFiles(script).pid))?.toString().trim());
  if (!Number.isInteger(pid) || pid < 2) return undefined;
  // Process ids are reused: the command line of the process that has it now tells.
  const words = (await host.read(`/proc/${pid}/cmdline`))?.toString().split('\0') ?? [];
  const at = words.indexOf(script);
  return at < 0 ? undefined : { pid, digest: words[at + 1] ?? '' };
}
