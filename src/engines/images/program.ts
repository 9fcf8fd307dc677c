// The registry's program out of an image in a file: for a machine without an engine, whose packages cannot be reached either.
import { join } from 'node:path';
import { CliError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { commandLine } from '../../terminal/command.ts';
import { listArchive, listed } from './archive.ts';
import { archiveFile } from './bundled.ts';

const LIMIT = 10 * 60_000;
/** Where images have it: distribution's own (github.com/distribution/distribution-library-image, Dockerfile), and others. */
const PLACES = ['bin/registry', 'usr/bin/registry', 'usr/local/bin/registry'];

/**
 * Puts the registry's program of an image at a path; the file is whole or not there.
 * @throws CliError where the archive does not hold that image, or the image has no such program
 */
export async function takeProgram(host: Host, archive: string, ref: string, to: string): Promise<void> {
  const file = archiveFile(archive);
  const image = listed(await listArchive(host, file), ref);
  if (!image) throw new CliError(`${archive} does not hold the image ${ref}.`);
  const aside = `${to}.new`;
  await host.removeTree(aside);
  await host.mkdir(aside, 0o700);
  const unpack = (from: string, name: string) =>
    host.run('tar', ['-C', aside, '--no-same-owner', '-xf', from, name], { timeout: LIMIT });
  try {
    // Later layers are put over earlier ones.
    for (const layer of image.Layers.toReversed()) {
      if (layer.split('/').includes('..')) continue;
      if ((await unpack(file, layer)).code !== 0) await unpack(file, `./${layer}`);
      for (const name of PLACES.flatMap((place) => [place, `./${place}`])) {
        const { code } = await unpack(join(aside, layer), name);
        const there = code === 0 ? await host.stat(join(aside, name)) : undefined;
        if (there?.type !== 'file') continue;
        await host.chmod(join(aside, name), 0o755);
        await host.rename(join(aside, name), to);
        // Its place tells SELinux that it is a program, once it is asked.
        if (await host.stat('/sys/fs/selinux/enforce')) await host.run('restorecon', [to]);
        return;
      }
      await host.remove(join(aside, layer));
    }
    throw new CliError(`The image ${ref} has no program named registry.`, {
      fix: `${commandLine('--image-archive FILE')}      with the image that Docker Hub calls registry:3`,
    });
  } finally {
    await host.removeTree(aside);
  }
}
