// A directory with its mode. Only an empty directory is removed, never one that has images in it.
import { dirname } from 'node:path';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { shellLine } from '../terminal/shell.ts';
import { groupId } from './account.ts';
import type { Provider } from './provider.ts';

/** `keep`: an existing directory stays unchanged, whoever owns it. `shared`: parents that another set-up made. */
export interface DirResource {
  kind: 'dir';
  path: string;
  mode: number;
  keep?: true;
  shared?: string[];
  group?: string;
}

const octal = (mode: number) => mode.toString(8).padStart(4, '0');

/** Returns the path and those of its parents that do not exist, the deepest first. */
export async function missing(path: string, host: Host): Promise<string[]> {
  return (await host.stat(path)) ? [] : [path, ...(await missing(dirname(path), host))];
}

export const dir: Provider<DirResource> = {
  title: ({ path }) => path,
  id: ({ path }) => path,
  removed: (path) => path,
  place: ({ path }) => path,

  async check({ path, mode, keep, group }, host) {
    const there = await host.stat(path);
    if (!there) return { what: 'create', details: [shellLine('mkdir', ['-p', '-m', octal(mode), path])] };
    if (there.type !== 'dir')
      throw new CliError(`${path} is there, and it is not a directory.`, { exitCode: 2 });
    if (!keep && group !== undefined && there.gid !== (await groupId(host, group)))
      return {
        what: 'change',
        details: [`${shellLine('chgrp', [group, path])}; ${shellLine('chmod', [octal(mode), path])}`],
      };
    if (keep || there.mode === mode) return undefined;
    return {
      what: 'change',
      details: [`${shellLine('chmod', [octal(mode), path])}      (is ${octal(there.mode)})`],
    };
  },

  async undo({ path, shared = [] }, host) {
    const there = await host.stat(path);
    if (!there) {
      const made = [...(await missing(path, host)), ...shared];
      return { steps: made.map((p) => ({ do: 'rmdir', path: p })) };
    }
    return { steps: [{ do: 'chmod', path, mode: there.mode, uid: there.uid, gid: there.gid }] };
  },

  async apply({ path, mode, group }, host) {
    const gid = group === undefined ? undefined : await groupId(host, group);
    const owner = gid === undefined ? undefined : { uid: 0, gid };
    if (await host.stat(path)) return host.chmod(path, mode, owner);
    const [last, ...parents] = await missing(path, host);
    for (const parent of parents.toReversed()) await host.mkdir(parent, 0o755);
    if (last) await host.mkdir(last, mode);
    if (last && owner) await host.chmod(last, mode, owner);
  },

  byHand: async ({ path }) => [`sudo mkdir -p ${shellLine(path, [])}`],

  steps: {},
};
