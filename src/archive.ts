// What a `docker save` file holds, without loading it.
import { CliError } from './errors.ts';
import type { Host } from './host.ts';
import { DEFAULT_IMAGE } from './settings.ts';

const READ_LIMIT = 120_000;

/**
 * The names of the images in an archive; tar finds out by itself how it is compressed.
 * @throws CliError (exit 2) where the file is not such an archive
 */
export async function archiveImages(host: Host, path: string): Promise<string[]> {
  const bad = (message: string, why?: string) =>
    new CliError(`--image-archive: ${message}`, {
      why,
      fix: `docker save -o registry.tar ${DEFAULT_IMAGE}      makes one`,
      exitCode: 2,
    });
  const there = await host.stat(path);
  if (!there) throw bad(`there is no file ${path}.`);
  if (there.type !== 'file') throw bad(`${path} is not a file.`);
  const { code, stdout, stderr } = await host.run('tar', ['-xOf', path, 'manifest.json'], {
    timeout: READ_LIMIT,
  });
  if (code !== 0) throw bad(`${path} is not an image archive.`, stderr.split('\n')[0]);
  let names: string[];
  try {
    const images = JSON.parse(stdout) as { RepoTags: string[] | null }[];
    names = images.flatMap(({ RepoTags }) => RepoTags ?? []);
  } catch {
    throw bad(`${path} is not an image archive: its list of images cannot be read.`);
  }
  if (names.length === 0) throw bad(`the image in ${path} has no name: it was saved by its id.`);
  return names;
}

/** The image to start: the one that was asked for, when the archive holds it; the registry, or the first, when none was. */
export function chooseImage(names: string[], path: string, wanted: string | undefined): string {
  if (wanted === undefined) return names.find((name) => /(^|\/)registry:/.test(name)) ?? (names[0] as string);
  if (names.includes(wanted)) return wanted;
  throw new CliError(`--image ${wanted}: ${path} does not hold it, but ${names.join(', ')}.`, {
    fix: `--image ${names[0]}`,
    exitCode: 2,
  });
}
