// A program of this machine that is kept below the set-up's directory, for where it came from is not for long: the node of a bundle.
import { CliError } from '../errors.ts';
import { shellLine } from '../terminal/shell.ts';
import { type Provider, wayBackOfFile } from './provider.ts';

export interface CopyResource {
  kind: 'copy';
  path: string;
  from: string;
  mode: number;
}

const octal = (mode: number) => mode.toString(8).padStart(4, '0');

export const copy: Provider<CopyResource> = {
  title: ({ path }) => path,
  id: ({ path }) => path,
  removed: (path) => path,
  place: ({ path }) => path,

  // By their size: they are long, and looked at in every run.
  async check({ path, from, mode }, host) {
    const [there, source] = await Promise.all([host.stat(path), host.stat(from)]);
    if (there && (!source || there.size === source.size) && there.mode === mode) return undefined;
    return {
      what: there ? 'change' : 'create',
      details: [shellLine('install', ['-m', octal(mode), from, path])],
    };
  },

  undo: async ({ path }, host, vault) => ({ steps: [await wayBackOfFile(path, host, vault)] }),

  async apply({ path, from, mode }, host) {
    const bytes = await host.read(from);
    if (!bytes) throw new CliError(`Cannot copy ${from}: it is gone.`);
    await host.write(path, bytes, { mode });
  },

  steps: {},
};
