// Reads the node that runs this program, for a server that has none, and tells whether it works on another machine.
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';

/** Libraries that every Linux with the same C library has, and that a node from nodejs.org needs. */
const EVERYWHERE = /^(linux-(vdso|gate)|ld-(linux|musl)|lib(c|m|dl|rt|pthread|atomic|stdc\+\+|gcc_s))[-.\d]/;

/**
 * Returns the bytes of this node.
 * @throws CliError (exit 2) if it needs libraries that another machine does not have, as the node of Debian's package does
 */
export async function thisNode(host: Host): Promise<Buffer> {
  const path = process.execPath;
  const { code, stdout } = await host.run('ldd', [path]);
  const names = stdout.split('\n').flatMap((line) => /([^/\s]+)( =>| \()/.exec(line.trim())?.[1] ?? []);
  const own = names.filter((name) => !EVERYWHERE.test(name));
  const bytes = await host.read(path);
  if (code === 0 && own.length === 0 && bytes) return bytes;
  throw new CliError(`--with-node: ${path} would not run on another machine.`, {
    why: own.length > 0 ? `It needs ${own.slice(0, 5).join(', ')} …` : undefined,
    fix: 'Run this with a node from nodejs.org/en/download.',
    exitCode: 2,
  });
}
