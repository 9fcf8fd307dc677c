// A program of this machine that is kept below the set-up's directory, for where it came from is not for long: the node of a bundle.
import { CliError } from '../errors.ts';
import { shellLine } from '../terminal/shell.ts';
import type { Provider, ResourceOf } from './resource.ts';

const octal = (mode: number) => mode.toString(8).padStart(4, '0');

export const copy: Provider<ResourceOf<'copy'>> = {
  title: ({ path }) => path,

  // By their size: they are long, and looked at in every run.
  async check({ path, from, mode }, host) {
    const [there, source] = await Promise.all([host.stat(path), host.stat(from)]);
    if (there && (!source || there.size === source.size) && there.mode === mode) return undefined;
    return {
      what: there ? 'change' : 'create',
      details: [shellLine('install', ['-m', octal(mode), from, path])],
    };
  },

  async undo({ path }, host, vault) {
    const [there, bytes] = await Promise.all([host.stat(path), host.read(path)]);
    if (!there || !bytes) return { steps: [{ do: 'remove', path }] };
    const { mode, uid, gid } = there;
    return { steps: [{ do: 'restore', path, copy: await vault.keep(bytes), mode, uid, gid }] };
  },

  async apply({ path, from, mode }, host) {
    const bytes = await host.read(from);
    if (!bytes) throw new CliError(`Cannot copy ${from}: it is gone.`);
    await host.write(path, bytes, { mode });
  },
};
