// A program copied into the set-up's directory, because its source is temporary: the node of a bundle.
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

  // Compares sizes: the files are large, and every run checks them.
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
