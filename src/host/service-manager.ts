// What keeps a program running on this machine: systemd, the user's systemd, or a script.
import { join } from 'node:path';
import type { Host } from './host.ts';
import { hasSystemd } from './systemd.ts';

/** What runs a program for good. */
export type Keeper = 'systemd' | 'own systemd' | 'script';

/** systemd runs this machine, or at least what this person does; else a script of ours has to do. */
export async function keeperOf(host: Host): Promise<Keeper> {
  const { uid } = host.machine;
  if (uid === 0) return (await hasSystemd(host)) ? 'systemd' : 'script';
  return (await host.stat(`/run/user/${uid}/systemd`)) ? 'own systemd' : 'script';
}

/** Where the script keeps what it knows: its process, its log. */
export const scriptFiles = (script: string) => ({
  pid: script.replace(/\.sh$/, '.pid'),
  log: script.replace(/\.sh$/, '.log'),
});

export const scriptPath = ({ dir, name }: { dir: string; name: string }): string =>
  join(dir, 'run', `${name}.sh`);

/** The process of a script of ours, and the digest that it was started with; undefined while it does not run. */
export async function scriptProcess(
  host: Host,
  script: string,
): Promise<{ pid: number; digest: string } | undefined> {
  const pid = Number((await host.read(scriptFiles(script).pid))?.toString().trim());
  if (!Number.isInteger(pid) || pid < 2) return undefined;
  // Process numbers come back: the words of the one that has it now tell.
  const words = (await host.read(`/proc/${pid}/cmdline`))?.toString().split('\0') ?? [];
  const at = words.indexOf(script);
  return at < 0 ? undefined : { pid, digest: words[at + 1] ?? '' };
}
