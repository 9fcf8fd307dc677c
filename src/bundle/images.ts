// Where the images of a bundle come from: the engine of this machine, or an archive.
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { architectureIn, type Listed, listArchive, listed } from '../archive.ts';
import { engine, NoEngine, type Program, TITLE } from '../engines/docker.ts';
import { findEngine } from '../engines/engine.ts';
import { imageId } from '../engines/images.ts';
import { pullImage } from '../engines/pull.ts';
import { CliError, Interrupted } from '../errors.ts';
import type { Host } from '../host.ts';
import type { Step } from '../reconcile.ts';

const LIMIT = 30 * 60_000;
const FROM_FILE = 'From a file:     registry-setup bundle FILE --image-archive registry.tar';

/** The engine that fetches the images: a Docker that answers, else podman. @throws CliError where neither does */
export async function fetcher(host: Host): Promise<Program> {
  const first = await findEngine(host, 'docker');
  if (!(first instanceof CliError)) return 'docker';
  const second = await findEngine(host, 'podman');
  if (!(second instanceof CliError)) return 'podman';
  const told = first instanceof NoEngine && !(second instanceof NoEngine) ? second : first;
  if (told instanceof NoEngine)
    throw new CliError('Neither Docker nor podman is here to fetch the images with.', {
      fix: ['Run this where one of them is.', FROM_FILE],
    });
  const fix = told.fix.filter((line) => !line.includes('native'));
  throw new CliError(told.message, { why: told.why, fix: [...fix, FROM_FILE] });
}

/** Which of them are not in this engine yet. */
export async function missingImages(host: Host, refs: string[], program: Program): Promise<string[]> {
  const ids = await Promise.all(refs.map((ref) => imageId(host, ref, program)));
  return refs.filter((_, i) => ids[i] === undefined);
}

/** Pulls what is not here, and saves them all; they stay in the engine, like every image that is pulled. */
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
          'From a mirror:   registry-setup bundle FILE --image MIRROR/library/registry:3',
          FROM_FILE,
        ];
        throw new CliError(`The image ${ref} could not be pulled.`, { why: error.why, fix });
      });
      return undefined;
    },
  });
  const save: Step = {
    title: `${refs.join(', ')} saved out of ${TITLE[program]}`,
    run: async () => {
      // Not `docker save -o`: a Docker from a snap has a /tmp of its own.
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

/** What a program writes to its standard output, in a file: an image is too long for a string. */
async function intoFile(host: Host, to: string, words: string[], failed: string): Promise<void> {
  const { code, stderr } = await host.run('sh', ['-c', 'exec "$@" >"$0"', to, ...words], { timeout: LIMIT });
  if (code !== 0) throw new CliError(failed, { why: stderr.trim() });
}

/** How a packed file begins (file(1), magic), and what unpacks it where node cannot. */
const PACKED: [string, string][] = [
  ['fd377a585a00', 'xz'],
  ['425a68', 'bzip2'],
  ['28b52ffd', 'zstd'],
];

/** The archive as a plain tar, for which the server needs no program. */
export async function plainTar(host: Host, path: string, folder: string): Promise<Buffer> {
  const bytes = (await host.read(path)) ?? Buffer.alloc(0);
  const start = bytes.subarray(0, 6).toString('hex');
  if (start.startsWith('1f8b')) return promisify(gunzip)(bytes);
  const [, program] = PACKED.find(([sign]) => start.startsWith(sign)) ?? [];
  if (!program) return bytes;
  const plain = join(folder, 'plain.tar');
  await intoFile(host, plain, [program, '-dc', path], `${path} cannot be unpacked.`);
  return (await host.read(plain)) ?? bytes;
}

/** The lines of an archive's list that are wanted. @throws CliError (exit 2) that names what it does not hold */
export function wantedIn(images: Listed[], refs: string[], path: string): Listed[] {
  const lost = refs.filter((ref) => !listed(images, ref));
  if (lost.length === 0) return refs.map((ref) => listed(images, ref) as Listed);
  const names = images.flatMap(({ RepoTags }) => RepoTags ?? []).join(', ');
  throw new CliError(`--image-archive: ${path} does not hold ${lost.join(' and ')}, but ${names}.`, {
    fix: `docker save -o ${path} ${refs.join(' ')}      saves all that is needed`,
    exitCode: 2,
  });
}

/** What the images of an archive run on. @throws CliError where they differ */
export async function architectureOf(host: Host, path: string, refs: string[]): Promise<string> {
  const images = wantedIn(await listArchive(host, path), refs, path);
  const found = await Promise.all(images.map((image) => architectureIn(host, path, image)));
  const [first = ''] = found;
  if (found.every((one) => one === first)) return first;
  throw new CliError(
    `The images are for different machines: ${refs.map((ref, i) => `${ref} for ${found[i]}`).join(', ')}.`,
    {
      fix: `docker pull --platform linux/${first} ${refs.at(-1)}`,
    },
  );
}
