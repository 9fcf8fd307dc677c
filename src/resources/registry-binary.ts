// The registry as a program of this machine, out of an image. One that runs is left as it is.
import { takeProgram } from '../engines/images/program.ts';
import { registryVersion } from '../engines/native.ts';
import { CliError } from '../errors.ts';
import { commandLine } from '../terminal/command.ts';
import type { Provider, ResourceOf } from './resource.ts';

export const binary: Provider<ResourceOf<'binary'>> = {
  title: ({ path }) => `program ${path}`,

  async check({ path, ref, archive = 'an archive' }, host) {
    if ((await registryVersion(host, path)).version) return undefined;
    return { what: 'create', details: [`take ${path} out of the image ${ref} in ${archive}`] };
  },

  async undo({ path }, host, vault) {
    const [there, bytes] = await Promise.all([host.stat(path), host.read(path)]);
    const aside = { do: 'removeTree' as const, path: `${path}.new` };
    if (!there || !bytes) return { steps: [aside, { do: 'remove', path }] };
    const { mode, uid, gid } = there;
    return { steps: [aside, { do: 'restore', path, copy: await vault.keep(bytes), mode, uid, gid }] };
  },

  async apply({ path, ref, archive }, host) {
    if (archive === undefined)
      throw new CliError(`The program ${path} is gone, and there is no archive to take it from.`, {
        fix: commandLine('--image-archive FILE'),
      });
    await takeProgram(host, archive, ref, path);
    const { version, why } = await registryVersion(host, path);
    if (!version)
      throw new CliError(`The registry in the image ${ref} does not run on this machine.`, { why });
  },
};
