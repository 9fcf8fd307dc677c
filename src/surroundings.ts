// What is wrong with the surroundings that a user started the program in: too few open files, a directory that is gone.
import { CliError } from './errors.ts';

/** Open files that a run needs at most; a set-up reads all files of this program side by side. */
const FILES = 256;

const tooFewFiles = (limit?: number) =>
  new CliError(
    `${limit === undefined ? 'Few' : limit} files may be open at once here, and registry-setup needs up to ${FILES}.`,
    { fix: ['Allow more in this shell, then run it again:', '  ulimit -n 1024'] },
  );

/** @param limits the text of /proc/self/limits (proc(5)); undefined where there is none @throws CliError if too few files may be open */
export function mustAllowFiles(limits: string | undefined): void {
  const soft = Number(/^Max open files\s+(\d+)/m.exec(limits ?? '')?.[1] ?? FILES);
  if (soft < FILES) throw tooFewFiles(soft);
}

/** Returns an error that comes from the surroundings in the user's words, and every other error as it is. */
export function inWords(error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (error instanceof CliError) return error;
  if (code === 'EMFILE' || code === 'ENFILE') return tooFewFiles();
  if (syscall === 'uv_cwd')
    return new CliError('The directory that you are in does not exist any more.', {
      fix: ['Go to another one, then run it again:', '  cd'],
      exitCode: 2,
    });
  return error;
}
