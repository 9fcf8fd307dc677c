// Returns how this program was started, and so how the user starts it again.
import { basename, delimiter, dirname } from 'node:path';
import { shellLine } from '../terminal/shell.ts';

export interface Started {
  /** The script, as node was given it: a link stays a link. (`process.argv[1]`) */
  script: string;
  /** The node that runs it. (`process.execPath`) */
  node: string;
  /** `PATH` of this process. */
  path: string;
  /** The bundle that this program runs out of. */
  bundle?: string | undefined;
}

/**
 * Returns the words that call this program again, from any directory if possible.
 * - Out of a bundle: the bundle itself, because nothing is installed.
 * - By npx, also for a package that is installed in a project: npm links the program below node_modules/.bin. (npm-exec(1))
 * - On the PATH: its name.
 * - Else (`npm start` in a clone, `node dist/cli.js`, a copy that a timer runs): node and the script.
 */
export function invocation({ script, node, path, bundle }: Started): string {
  if (bundle) return shellLine('sh', [bundle]);
  const folders = path.split(delimiter);
  const name = basename(script);
  if (dirname(script).endsWith('/node_modules/.bin')) return `npx ${name}`;
  const isLink = !/\.[cm]?js$/.test(name);
  if (isLink && folders.includes(dirname(script))) return shellLine(name, []);
  return shellLine(folders.includes(dirname(node)) ? basename(node) : node, [script]);
}
