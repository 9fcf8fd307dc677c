// Gets the images of a bundle from the engine of this machine, or from an archive.
import { engine } from '../engines/containers.ts';
import { findEngine } from '../engines/engine.ts';
import { type Listed, listed, readArchive, readFiles, repacked, someOf } from '../engines/images/archive.ts';
import { pullImage } from '../engines/images/pull.ts';
import { fullName, plainName } from '../engines/images/reference.ts';
import { imageId } from '../engines/images/store.ts';
import { TITLE } from '../engines/types.ts';
import { CliError, Interrupted } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Step } from '../reconcile/progress.ts';
import type { Program } from '../settings/settings.ts';
import { commandLine } from '../terminal/command.ts';
import { bytes } from '../terminal/output.ts';

const LIMIT = 30 * 60_000;
const fromFile = () => `From a file:     ${commandLine('bundle FILE --image-archive registry.tar')}`;

/**
 * Returns the engine that fetches the images: a Docker that answers, else podman; undefined if neither is installed.
 * @throws CliError if one is installed and does not answer
 */
export async function fetcher(host: Host): Promise<Program | undefined> {
  const first = await findEngine(host, 'docker');
  if (first.state === 'ready') return 'docker';
  const second = await findEngine(host, 'podman');
  if (second.state === 'ready') return 'podman';
  const { state, error, instead } = first.state === 'absent' ? second : first;
  if (state === 'absent') return undefined;
  // Leaves out the advice to do without an engine, which fetches no image.
  const fix = error.fix.filter((line) => !instead.includes(line));
  throw new CliError(error.message, { why: error.why, fix: [...fix, fromFile()] });
}

/** Returns the images that are not in this engine yet. */
export async function missingImages(host: Host, refs: string[], program: Program): Promise<string[]> {
  const ids = await Promise.all(refs.map((ref) => imageId(host, ref, program)));
  return refs.filter((_, i) => ids[i] === undefined);
}

/** Returns the steps that pull the absent images and save all; they stay in the engine, like every pulled image. */
export function fetchSteps(
  host: Host,
  refs: string[],
  absent: string[],
  program: Program,
  to: string,
): Step[] {
  const pull = (ref: string): Step => ({
    title: `Image ${ref} pulled`,
    run: async (report) => {
      await pullImage(host, ref, report, program).catch((error: CliError) => {
        if (error instanceof Interrupted) throw error;
        const fix = [
          `From a mirror:   ${commandLine('bundle FILE --image MIRROR/library/registry:3')}`,
          fromFile(),
        ];
        throw new CliError(`The image ${ref} could not be pulled.`, { why: error.why, fix });
      });
      return undefined;
    },
  });
  const save: Step = {
    title: `${refs.join(', ')} saved from ${TITLE[program]}`,
    run: async () => {
      // Not `docker save -o`: a Docker from a snap has its own /tmp.
      if (program === 'podman')
        await engine(
          host,
          program,
          ['save', '--quiet', '--multi-image-archive', '-o', to, ...refs],
          'save',
          LIMIT,
        );
      else await intoFile(host, to, ['docker', 'save', ...refs], 'Docker could not save the images.');
      return undefined;
    },
  };
  return [...absent.map(pull), save];
}

/** Writes a program's standard output to a file: an image is too long for a string. @throws CliError if the program fails */
async function intoFile(host: Host, to: string, words: string[], failed: string): Promise<void> {
  const { code, stderr } = await host.run('sh', ['-c', 'exec "$@" >"$0"', to, ...words], { timeout: LIMIT });
  if (code !== 0) throw new CliError(failed, { why: stderr.trim() });
}

/** Returns the wanted lines of an archive's list. @throws CliError (exit 2) that names what the archive does not hold */
export function wantedIn(images: Listed[], refs: string[], path: string): Listed[] {
  const lost = refs.filter((ref) => !listed(images, ref));
  if (lost.length === 0) return refs.map((ref) => listed(images, ref) as Listed);
  const names = someOf(images.flatMap(({ RepoTags }) => RepoTags ?? []));
  throw new CliError(`--image-archive: ${path} does not hold ${lost.join(' and ')}, but ${names}.`, {
    fix: `docker save -o ${path} ${refs.join(' ')}      saves all that is needed`,
    exitCode: 2,
  });
}

/** The most bytes of images in a bundle, which is made, and unpacked, in memory. registry:3 has 58 MB. */
const LARGEST = 1_000_000_000;

/**
 * Returns an archive's images as every engine reads them, whichever wrote it: whole names (podman puts localhost/ before short ones).
 * @throws CliError if they are for different machines, or too large; and as readArchive does
 */
export async function commonArchive(
  host: Host,
  path: string,
  refs: string[],
): Promise<{ tar: Buffer; architecture: string }> {
  const { images: all, sizes } = await readArchive(host, path);
  const images = wantedIn(all, refs, path);
  const files = new Set(images.flatMap(({ Config, Layers }) => [Config, ...Layers]));
  const size = [...files].reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0);
  const large = new CliError(
    `--image-archive: the images in ${path} are too large for a bundle: ${bytes(size)}.`,
    {
      fix: `A bundle holds ${bytes(LARGEST)} at most.`,
      exitCode: 2,
    },
  );
  if (size > LARGEST) throw large;
  const configs = await readFiles(
    host,
    path,
    images.map(({ Config }) => Config),
  );
  const [first = '', ...others] = images.map(({ Config }) => architectureOf(configs.get(Config), path));
  const other = others.findIndex((one) => one !== first);
  if (other >= 0)
    throw new CliError(`${refs[0]} is for ${first}, and ${refs[other + 1]} is for ${others[other]}.`, {
      fix: `docker pull --platform linux/${first} ${refs[other + 1]}`,
    });
  const list = images.map((image, i) => ({ ...image, RepoTags: [fullName(plainName(refs[i] ?? ''))] }));
  const tar = await repacked(host, path, list, async (chunks) => {
    const parts: Buffer[] = [];
    let left = 2 * LARGEST;
    for await (const chunk of chunks) {
      left -= chunk.length;
      if (left < 0) throw large;
      parts.push(Buffer.from(chunk));
    }
    return Buffer.concat(parts);
  });
  return { tar, architecture: first };
}

/** Returns the architecture that an image is for. @throws CliError (exit 2) if it names nothing that can be one */
function architectureOf(config: Buffer | undefined, path: string): string {
  try {
    const { architecture } = JSON.parse(config?.toString() ?? '') as { architecture?: unknown };
    if (typeof architecture === 'string' && /^[a-z0-9_]{1,32}$/.test(architecture)) return architecture;
  } catch {
    // Reported below.
  }
  throw new CliError(`--image-archive: ${path} does not say which machines its images are for.`, {
    exitCode: 2,
  });
}
