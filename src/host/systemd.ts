// systemd: whether it runs this machine, its command line, and words for its unit files.
import { CliError } from '../errors.ts';
import type { Host, RunResult } from './host.ts';

/** Whose systemd is meant: the machine's, or with `own` that of the user who runs this program. (systemd.unit(5)) */
interface Scope {
  own?: boolean | undefined;
}

/** Milliseconds; starting a service takes as long as the service needs. */
const LIMIT = 120_000;

/** Tells whether systemd runs this machine. (sd_booted(3)) */
export const hasSystemd = async (host: Host): Promise<boolean> =>
  (await host.stat('/run/systemd/system')) !== undefined;

/** Returns `--user` for the systemd of the user who runs this program: for systemctl(1) and journalctl(1). */
export const scopeWords = ({ own }: Scope): string[] => (own ? ['--user'] : []);

/** Returns the words of a systemctl command, with its name. */
export const systemctlLine = (scope: Scope, ...words: string[]): string[] => [
  'systemctl',
  ...scopeWords(scope),
  ...words,
];

/** Returns a text for a unit file: systemd gives `%` a meaning of its own. (systemd.unit(5), Specifiers) */
export const unitValue = (text: string): string => text.replaceAll('%', '%%');

/** Quotes a path as one word of a unit, if it needs quotes. (systemd.syntax(7), Quoting) */
export const unitWord = (path: string): string => {
  const plain = unitValue(path);
  return /^[\w@%+=:,./-]+$/.test(plain) ? plain : `"${plain.replace(/["\\]/g, '\\$&')}"`;
};

/** Returns the value of ExecStart. systemd replaces variables in the arguments, and not in the program. (systemd.service(5), Command lines) */
export const execLine = (program: string, args: string[]): string =>
  [program, ...args.map((word) => word.replaceAll('$', '$$$$'))].map(unitWord).join(' ');

/** Returns the text of a unit with its words as they were before unitValue, unitWord and execLine: to look for a path in it. */
export const plainUnit = (text: string): string =>
  text
    .replace(/\\(["\\])/g, '$1')
    .replaceAll('%%', '%')
    .replaceAll('$$', '$');

/** Returns the words of a value that execLine has written. */
export const execWords = (value: string): string[] =>
  [...value.matchAll(/"((?:[^"\\]|\\.)*)"|\S+/g)].map(([whole, inner = whole], index) => {
    const word = inner.replace(/\\(.)/g, '$1').replaceAll('%%', '%');
    return index === 0 ? word : word.replaceAll('$$', '$');
  });

/** Runs systemctl; the caller checks the exit code. */
export const systemctl = (host: Host, scope: Scope, ...words: string[]): Promise<RunResult> =>
  host.run('systemctl', [...scopeWords(scope), ...words], { timeout: LIMIT });

/** Asks systemctl what changes nothing (RunOptions.question). */
export const askSystemctl = (host: Host, scope: Scope, ...words: string[]): Promise<RunResult> =>
  host.run('systemctl', [...scopeWords(scope), ...words], { timeout: LIMIT, question: true });

/** Runs systemctl. @throws CliError with systemd's words if it fails, and the command that shows the log of `unit` */
export async function mustSystemctl(
  host: Host,
  { own, unit }: Scope & { unit: string },
  ...words: string[]
): Promise<void> {
  const { code, stderr } = await systemctl(host, { own }, ...words);
  if (code === 0) return;
  throw new CliError(`${systemctlLine({ own }, ...words).join(' ')} failed.`, {
    why: stderr.trim(),
    fix: `journalctl ${[...scopeWords({ own }), '-u', unit].join(' ')} -n 50`,
  });
}

/** Tells whether systemd has read the files of these units as they are. (org.freedesktop.systemd1(5), NeedDaemonReload) */
export async function hasRead(host: Host, scope: Scope, ...units: string[]): Promise<boolean> {
  const words = ['show', '--property=NeedDaemonReload', '--value', ...units];
  const { code, stdout } = await askSystemctl(host, scope, ...words);
  const said = stdout.split('\n').filter(Boolean);
  return code === 0 && said.length === units.length && said.every((word) => word === 'no');
}

/** Tells whether a unit runs and starts at boot. */
export async function isOn(host: Host, scope: Scope, unit: string): Promise<boolean> {
  const asks = ['is-active', 'is-enabled'].map((word) => askSystemctl(host, scope, word, '--quiet', unit));
  return (await Promise.all(asks)).every(({ code }) => code === 0);
}
