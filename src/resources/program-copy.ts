// A copy of this program, in a directory named after its content: another version has another directory.
import { join, resolve } from 'node:path';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { sha256 } from '../host/sha256.ts';
import type { ProgramList } from '../program/files.ts';
import type { Provider } from './provider.ts';

/** The files of this program in their own directory, so that a timer can run it although npx leaves nothing behind. */
export interface ProgramResource {
  kind: 'program';
  path: string;
  /** The folder to copy from. */
  from: string;
  files: ProgramList['files'];
}

/** Tells whether every file exists with the same content. A copy that runs has no other one to compare with. */
async function complete({ path, from, files }: ProgramResource, host: Host): Promise<boolean> {
  if (path === resolve(from)) return true;
  for (const [name, digest] of Object.entries(files)) {
    const content = await host.read(join(path, name));
    if (!content || sha256(content) !== digest) return false;
  }
  return true;
}

/** Returns the folders of the files, each after the one that holds it. */
function foldersOf(path: string, names: string[]): string[] {
  const folders = new Set([path]);
  for (const name of names) {
    const parts = name.split('/').slice(0, -1);
    parts.forEach((_, i) => {
      folders.add(join(path, ...parts.slice(0, i + 1)));
    });
  }
  return [...folders];
}

export const program: Provider<ProgramResource> = {
  title: ({ path }) => `copy of this program in ${path}`,
  id: ({ path }) => path,
  removed: (path) => `copy of this program in ${path}`,
  place: ({ path }) => path,

  async check(resource, host) {
    if (await complete(resource, host)) return undefined;
    const count = Object.keys(resource.files).length;
    return { what: 'create', details: [`${count} files, for the timer: npx leaves nothing behind`] };
  },

  // A copy that is only repaired existed before, and a timer may run it: it stays.
  undo: async ({ path }, host) => ({
    steps: (await host.stat(path)) ? [] : [{ do: 'removeTree', path }],
  }),

  async apply({ path, from, files }, host) {
    for (const folder of foldersOf(path, Object.keys(files)))
      if (!(await host.stat(folder))) await host.mkdir(folder, 0o755);
    await Promise.all(
      Object.keys(files).map(async (name) => {
        const content = await host.read(join(from, name));
        if (!content)
          throw new CliError(`This program is not whole: ${join(from, name)} is missing.`, {
            fix: 'Install it again: its copy, which a timer runs, would not work.',
          });
        await host.write(join(path, name), content, { mode: 0o644 });
      }),
    );
  },

  steps: {},
};
