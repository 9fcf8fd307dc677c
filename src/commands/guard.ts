// What every command on a server verifies first: that this version and this user may work in the directory.
import { type Context, dirOf } from '../context.ts';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { paths, refuseNewer } from '../reconcile/journal.ts';
import { registriesHere } from '../server/elsewhere.ts';
import { commandAgain } from '../terminal/command.ts';
import { shellLine } from '../terminal/shell.ts';

/** The owner of files whose real owner this machine does not know: those of root on some network file systems. (proc(5), overflowuid) */
const NOBODY = 65_534;

/** @throws CliError (exit 2) if a newer version has worked in the directory, or if the registry in it is that of a user without root */
export async function guard({
  host,
  answers,
  line,
}: Pick<Context, 'host' | 'answers' | 'line'>): Promise<void> {
  const dir = dirOf(answers);
  await refuseNewer(host, dir);
  const owner = await otherOwner(host, dir);
  if (owner) throw theirs(dir, owner, line);
}

/**
 * Returns the user without root who set up the registry in a directory, if this is root. A directory that was only given away is
 * still root's if root's engine or systemd runs its registry.
 */
async function otherOwner(host: Host, dir: string): Promise<string | undefined> {
  if (host.machine.uid !== 0) return undefined;
  const uid = (await host.stat(paths(dir).state))?.uid ?? 0;
  if (uid === 0 || uid === NOBODY || (await registriesHere(host)).has(dir)) return undefined;
  const users = (await host.read('/etc/passwd'))?.toString() ?? '';
  const entry = users.split('\n').find((user) => user.split(':')[2] === String(uid));
  return entry?.split(':')[0] ?? `#${uid}`;
}

function theirs(dir: string, owner: string, line: string): CliError {
  return new CliError(`The registry in ${dir} is that of ${owner}, who runs it without root.`, {
    why: 'It is in the engine and the services of that user: root does not see them, and would break it.',
    fix: ['Do it as that user:', `  ${shellLine('su', ['-', owner, '-c', commandAgain(line)])}`],
    exitCode: 2,
  });
}
