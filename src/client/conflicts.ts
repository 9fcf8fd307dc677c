// Finds flags of dockerd that collide with daemon.json, before anything is written: dockerd does not start with an option in both.
import { NOT_PLAIN } from '../dockerd/flag-text.ts';
import { type Conflict, findConflicts, moveFlag, moveFlagInFile } from '../dockerd/flags.ts';
import type { Daemon, Directive } from '../dockerd/types.ts';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Resource } from '../resources/resource.ts';
import type { Look } from './target.ts';

const FLAGS = { 'insecure-registries': '--insecure-registry', 'registry-mirrors': '--registry-mirror' };

/** Returns the conflicts that this dockerd reads. */
export async function activeConflicts(
  host: Host,
  { unit, uid }: Daemon,
  directive: Directive,
): Promise<Conflict[]> {
  return (await findConflicts(host, directive, { unit, uid })).filter(({ active }) => active);
}

/** Returns the files without the flags; undefined if one is not UTF-8. A file of the package stays unchanged: a drop-in overrides it. */
async function editsFor(host: Host, conflicts: Conflict[], directive: Directive, { unit }: Daemon) {
  const edits = new Map<string, string>();
  for (const conflict of conflicts.toSorted((a, b) => b.line - a.line)) {
    const { file, text } = conflict;
    if (!file.startsWith('/etc/')) {
      const command = moveFlag(text, directive).text.trim();
      const path = `/etc/systemd/system/${unit}.service.d/registry-setup.conf`;
      edits.set(
        path,
        `# registry-setup: ${directive} are in daemon.json\n[Service]\nExecStart=\n${command}\n`,
      );
      continue;
    }
    const now = edits.has(file) ? Buffer.from(edits.get(file) as string) : await host.read(file);
    const after = moveFlagInFile(now ?? Buffer.alloc(0), conflict, directive);
    if (!Buffer.from(after.toString()).equals(after)) return undefined;
    edits.set(file, after.toString());
  }
  return [...edits].map(([path, content]) => ({ path, content }));
}

/**
 * Returns the resources for an entry in daemon.json if flags are in the way.
 * @returns undefined if no flag is; nothing if a flag has the entry already; else the move of the flags, which restarts Docker
 * @throws CliError (exit 2) that names the line, if the user did not allow the restart, or this program cannot move the flags
 */
export async function moveFlags(
  { host, made, mayRestart }: Look,
  daemon: Daemon,
  directive: Directive,
  entry: string,
): Promise<Resource[] | undefined> {
  const found = await activeConflicts(host, daemon, directive);
  if (found.length === 0) return undefined;
  const values = [...new Set(found.flatMap((conflict) => conflict.values))];
  if (values.includes(entry)) return [];
  const files = found.filter(({ kind }) => kind !== 'process');
  const fixed =
    files.length > 0 &&
    files.every(({ kind }) => kind !== 'init-script') &&
    !values.some((v) => NOT_PLAIN.test(v));
  const edits = fixed ? await editsFor(host, files, directive, daemon) : undefined;
  if (!edits) throw conflictError(found, daemon, directive, byHand(found, directive, entry));
  const reason = `Docker is started with ${FLAGS[directive]} (${where(files)}); the entries move into ${daemon.config}.`;
  if (!(await mayRestart(daemon, reason)))
    throw conflictError(found, daemon, directive, [
      'Allow the move, with one restart of Docker:   --restart-docker',
      ...byHand(found, directive, entry),
    ]);
  const resource: Resource = { kind: 'moved', daemon, directive, entries: [...values, entry], edits };
  return [made.has(daemon.config) ? { ...resource, made: true } : resource];
}

const where = (found: Conflict[]) => found.map(({ file, line }) => `${file}, line ${line}`).join('; ');

function byHand(found: Conflict[], directive: Directive, entry: string): string[] {
  const [first] = found.filter(({ kind }) => kind !== 'process');
  return first ? [`Or add ${FLAGS[directive]}=${entry} to that line, and restart Docker.`] : [];
}

function conflictError(found: Conflict[], { config }: Daemon, directive: Directive, fix: string[]): CliError {
  return new CliError(
    `Docker is started with ${FLAGS[directive]}; with ${directive} in ${config} as well it would not start again.`,
    {
      why: found.map(({ file, line, text }) => `${file}, line ${line}:\n  ${text.trim()}`).join('\n'),
      fix,
      exitCode: 2,
    },
  );
}
