// The registry as a program on this machine, taken out of an image. A program that runs stays unchanged.
import { programDigest, putProgram, takeProgram } from '../engines/images/program.ts';
import { registryVersion } from '../engines/native.ts';
import { CliError } from '../errors.ts';
import { commandLine } from '../terminal/command.ts';
import { type Provider, wayBackOfFile } from './provider.ts';

/** The registry's program, taken out of an image in an archive. */
export interface BinaryResource {
  kind: 'binary';
  path: string;
  ref: string;
  archive?: string | undefined;
  /** The program that takes its place, out of the image already. */
  staged?: { path: string; sha256: string } | undefined;
}

export const binary: Provider<BinaryResource> = {
  title: ({ path }) => `program ${path}`,
  id: ({ path }) => path,
  removed: (path) => `program ${path}`,
  place: ({ path }) => path,
  review: (changes) => changes.map(({ drift }) => drift.details[0] ?? ''),

  async check({ path, ref, archive = 'an archive', staged }, host) {
    if (staged && (await programDigest(host, path)) !== staged.sha256)
      return {
        what: (await host.stat(path)) ? 'change' : 'create',
        details: [`put the program of the image ${ref} in ${path}`],
      };
    if ((await registryVersion(host, path)).version) return undefined;
    return { what: 'create', details: [`take ${path} out of the image ${ref} in ${archive}`] };
  },

  undo: async ({ path }, host, vault) => ({
    steps: [{ do: 'removeTree', path: `${path}.new` }, await wayBackOfFile(path, host, vault)],
  }),

  async apply({ path, ref, archive, staged }, host) {
    if (staged) return putProgram(host, staged.path, path);
    if (archive === undefined)
      throw new CliError(`The program ${path} is missing, and there is no archive to take it from.`, {
        fix: commandLine('--image-archive FILE'),
      });
    await takeProgram(host, archive, ref, path);
    const { version, why } = await registryVersion(host, path);
    if (!version)
      throw new CliError(`The registry in the image ${ref} does not run on this machine.`, { why });
  },

  steps: {},
};
