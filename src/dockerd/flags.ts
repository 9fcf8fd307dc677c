// Finds what would stop dockerd: a list that is both in daemon.json and a flag of its command line. dockerd then refuses
// the reload (it only logs that) and the next start, even if the list in the file is empty.
import { basename } from 'node:path';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { systemctl } from '../host/systemd.ts';
import { cutOut, findFlags, flagAt, logicalLines, NOT_PLAIN } from './flag-text.ts';

export type ListDirective = 'insecure-registries' | 'registry-mirrors';

const FLAGS = { 'insecure-registries': '--insecure-registry', 'registry-mirrors': '--registry-mirror' };

export interface Conflict {
  /** The file that holds the flags; for a process its /proc/PID/cmdline. */
  file: string;
  line: number;
  /** The line as it is, with the lines that continue it; of a process only the flags. */
  text: string;
  /** The values of the flags. One with `$` or `%` names a variable; the process tells its value. */
  values: string[];
  kind: 'unit' | 'drop-in' | 'environment' | 'init-script' | 'process';
  /** False if nothing reads that line now, such as /etc/default/docker beside a unit that does not name it. */
  active: boolean;
}

/** Which dockerd: the system's by default. */
export interface Daemon {
  unit?: string;
  /** Of a rootless one: the unit is that user's. */
  uid?: number;
}

type Line = Omit<Conflict, 'values'>;

const ENVIRONMENT_FILES = ['/etc/default/docker', '/etc/sysconfig/docker', '/etc/conf.d/docker'];
const INIT_SCRIPTS = ['/etc/init/docker.conf', '/etc/init/docker.override', '/etc/init.d/docker'];

/**
 * Removes the directive's flags from a line; every other byte stays. A flag whose value is a variable stays too.
 * @returns the line without the flags, and their values, for daemon.json
 */
export function moveFlag(text: string, directive: ListDirective): { text: string; values: string[] } {
  const { values, cuts } = findFlags(text, FLAGS[directive]);
  return { text: cutOut(text, cuts), values: values.filter((value) => !NOT_PLAIN.test(value)) };
}

/**
 * Rewrites the line of a conflict by moveFlag, and returns the whole file.
 * @throws CliError if the line changed since the conflict was found
 */
export function moveFlagInFile(bytes: Buffer, conflict: Conflict, directive: ListDirective): Buffer {
  // One character for each byte, so that bytes that are not UTF-8 stay unchanged.
  const text = bytes.toString('latin1');
  const old = Buffer.from(conflict.text).toString('latin1');
  const start = text.split('\n', conflict.line - 1).reduce((sum, line) => sum + line.length + 1, 0);
  if (!text.startsWith(old, start))
    throw new CliError(`${conflict.file} was changed while it was being read.`);
  const moved = moveFlag(old, directive).text;
  return Buffer.from(text.slice(0, start) + moved + text.slice(start + old.length), 'latin1');
}

interface Setting extends Line {
  key: string;
  value: string;
}

async function settingsOf(host: Host, file: string, kind: Line['kind']): Promise<Setting[]> {
  const text = (await host.read(file))?.toString() ?? '';
  const lines = logicalLines(text, kind === 'environment' ? kind : 'unit');
  return lines.flatMap(({ line, text }) => {
    const [, key, value] = /^\s*(?:export\s+)?(\w+)\s*=\s*(.*)$/s.exec(text) ?? [];
    if (key === undefined || value === undefined) return [];
    return [{ file, line, text, kind, active: false, key, value }];
  });
}

/** Returns the drop-ins in systemd's order, by name, with those that it has not read yet: the next start reads them. */
async function dropInsOf(host: Host, fragment: string, shown: string): Promise<string[]> {
  const [, loaded = ''] = /^DropInPaths=(.+)$/m.exec(shown) ?? [];
  const paths = new Set(
    [...loaded.matchAll(/"([^"]+)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? ''),
  );
  for (const folder of new Set([`${fragment}.d`, `/etc/systemd/system/${basename(fragment)}.d`])) {
    for (const name of await host.list(folder)) if (name.endsWith('.conf')) paths.add(`${folder}/${name}`);
  }
  return [...paths].sort((a, b) => (basename(a) < basename(b) ? -1 : 1));
}

/** Returns the lines by which systemd starts dockerd; undefined if dockerd has no unit, or one made from an init script. */
async function unitLines(host: Host, { unit = 'docker', uid = 0 }: Daemon): Promise<Line[] | undefined> {
  const asked = ['show', unit, '-p', 'FragmentPath', '-p', 'DropInPaths'];
  const { code, stdout } = await systemctl(host, { own: uid !== 0 }, ...asked);
  const [, fragment = ''] = /^FragmentPath=(.+)$/m.exec(stdout) ?? [];
  if (code !== 0 || !fragment || fragment.includes('/generator')) return undefined;
  const dropIns = await dropInsOf(host, fragment, stdout);

  // An empty assignment clears the former ones (systemd.service(5), systemd.exec(5)).
  let commands: Setting[] = [];
  let environment: Setting[] = [];
  let files: string[] = [];
  for (const file of [fragment, ...dropIns]) {
    for (const setting of await settingsOf(host, file, file === fragment ? 'unit' : 'drop-in')) {
      const { key, value } = setting;
      if (key === 'ExecStart') commands = value.trim() ? [...commands, { ...setting, active: true }] : [];
      if (key === 'Environment') environment = value.trim() ? [...environment, setting] : [];
      if (key === 'EnvironmentFile')
        files = value.trim() ? [...files, value.trim().replace(/^-|["']/g, '')] : [];
    }
  }
  const started = commands.map(({ value }) => value).join('\n');
  const isUsed = (key: string) => new RegExp(`\\$\\{?${key}\\b`).test(started);
  const assignments = environment.flatMap((s) =>
    [...s.value.matchAll(/(?:^|[\s"'])(\w+)=/g)].map(([, key = '']) => ({ ...s, key })),
  );
  for (const file of files) assignments.push(...(await settingsOf(host, file, 'environment')));
  // The last of several assignments counts; a line with `export` is none (tried with systemd 252 to 262).
  const counts = new Map(assignments.filter((s) => !/^\s*export\s/.test(s.text)).map((s) => [s.key, s]));
  for (const s of assignments) s.active = isUsed(s.key) && counts.get(s.key) === s;
  for (const file of ENVIRONMENT_FILES) {
    if (uid === 0 && !files.includes(file))
      assignments.push(...(await settingsOf(host, file, 'environment')));
  }
  return [...commands, ...assignments];
}

/** Returns the lines by which an init script or upstart starts dockerd. */
async function initLines(host: Host): Promise<Line[]> {
  const found: Line[] = [];
  for (const file of INIT_SCRIPTS) {
    const script = (await host.read(file))?.toString();
    if (script === undefined) continue;
    for (const { line, text } of logicalLines(script, 'script')) {
      found.push({ file, line, text, kind: 'init-script', active: true });
    }
  }
  const active = found.length > 0;
  for (const file of ENVIRONMENT_FILES) {
    for (const line of await settingsOf(host, file, 'environment')) found.push({ ...line, active });
  }
  return found;
}

/** Returns the command lines of each dockerd that runs here; not in containers, which have process numbers of their own. */
async function runningArgs(host: Host, uid = 0): Promise<{ file: string; args: string[] }[]> {
  // A process may end while this reads its files.
  const read = async (file: string) => (await host.read(file).catch(() => undefined))?.toString() ?? '';
  const depth = async (id: string) => {
    const [, numbers = ''] = /^NSpid:(.*)$/m.exec(await read(`/proc/${id}/status`)) ?? [];
    return numbers.trim().split(/\s+/).length;
  };
  const own = await depth('self');
  const ids = (await host.list('/proc')).filter((name) => /^\d+$/.test(name));
  const all = await Promise.all(
    ids.map(async (id) => {
      const file = `/proc/${id}/cmdline`;
      const args = (await read(file)).split('\0').slice(0, -1);
      if (!/(?:^|\/)dockerd(?:-current)?$/.test(args[0] ?? '')) return [];
      if ((await host.stat(`/proc/${id}`))?.uid !== uid || (await depth(id)) !== own) return [];
      return [{ file, args }];
    }),
  );
  return all.flat();
}

/**
 * Returns every place that gives dockerd the directive as a flag, in the order in which they are read. With an active one,
 * daemon.json must not hold that key. With one of kind `process`, dockerd refuses a reload until it is restarted, even
 * after the flag was removed from the files. (moby daemon/config/config.go, and tried: Docker 20.10, 26.1, 28.5)
 */
export async function findConflicts(
  host: Host,
  directive: ListDirective,
  daemon: Daemon = {},
): Promise<Conflict[]> {
  return findFlagLines(host, FLAGS[directive], daemon);
}

/** Does what findConflicts does, for any flag that takes a value: `--insecure-registry`. */
export async function findFlagLines(host: Host, flag: string, daemon: Daemon = {}): Promise<Conflict[]> {
  const found: Conflict[] = [];
  const lines = (await unitLines(host, daemon)) ?? (await initLines(host));
  for (const { file, line, text, kind, active } of lines) {
    const { values } = findFlags(text, flag);
    const same = found.find((other) => other.file === file && other.line === line);
    if (same) same.active ||= active;
    else if (values.length > 0) found.push({ file, line, text, values, kind, active });
  }
  for (const { file, args } of await runningArgs(host, daemon.uid)) {
    const values = args.flatMap((_, i) => flagAt(args, i, flag)?.value ?? []);
    // Omits the other arguments: one may be a proxy with its password.
    const text = values.map((value) => `${flag}=${value}`).join(' ');
    if (text) found.push({ file, line: 1, text, values, kind: 'process', active: true });
  }
  return found;
}
