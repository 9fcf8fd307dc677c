// Where the images of a bundle come from: the engine of this machine, or an archive.
import { join } from 'node:path';
import { engine } from '../engines/containers.ts';
import { findEngine } from '../engines/engine.ts';
import { type Listed, listed, readManifest } from '../engines/images/archive.ts';
import { pullImage } from '../engines/images/pull.ts';
import { fullName, plainName } from '../engines/images/reference.ts';
import { imageId } from '../engines/images/store.ts';
import { TITLE } from '../engines/types.ts';
import { CliError, Interrupted } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Step } from '../reconcile/progress.ts';
import { DEFAULT_IMAGE, type Program } from '../settings/settings.ts';
import { commandLine } from '../terminal/command.ts';

const LIMIT = 30 * 60_000;
const fromFile = () => `From a file:     ${commandLine('bundle FILE --image-archive registry.tar')}`;

/**
 * The engine that fetches the images: a Docker that answers, else podman; undefined where neither is installed.
 * @throws CliError where one is, and does not answer
 */
export async function fetcher(host: Host): Promise<Program | undefined> {
  const first = await findEngine(host, 'docker');
  if (first.state === 'ready') return 'docker';
  const second = await findEngine(host, 'podman');
  if (second.state === 'ready') return 'podman';
  const { state, error, instead } = first.state === 'absent' ? second : first;
  if (state === 'absent') return undefined;
  // Without an engine no image is fetched.
  const fix = error.fix.filter((line) => !instead.includes(line));
  throw new CliError(error.message, { why: error.why, fix: [...fix, fromFile()] });
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
          `From a mirror:   ${commandLine('bundle FILE --image MIRROR/library/registry:3')}`,
          fromFile(),
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

/**
 * The images of an archive as every engine reads them, whichever wrote it: Docker's list alone, whole names (podman puts localhost/
 * before short ones), not packed, nothing else in it.
 * @param folder for what is unpacked; the caller removes it
 * @throws CliError where they are for different machines
 */
export async function commonArchive(
  host: Host,
  path: string,
  refs: string[],
  folder: string,
): Promise<{ tar: Buffer; architecture: string }> {
  const inside = join(folder, 'inside');
  const plain = join(folder, 'plain.tar');
  await host.mkdir(inside, 0o700);
  await tar(host, ['-C', inside, '-xf', path], path);
  const read = async (name: string) => (await host.read(join(inside, name)))?.toString();
  const images = wantedIn(JSON.parse(await readManifest(read, DEFAULT_IMAGE)) as Listed[], refs, path);
  const files = [...new Set(images.flatMap(({ Config, Layers }) => [Config, ...Layers]))];
  if (files.some((name) => name.split('/').includes('..') || name.startsWith('-')))
    throw new CliError(`${path} is not an image archive: its list names files outside of it.`);
  const list = images.map((image, i) => ({ ...image, RepoTags: [fullName(plainName(refs[i] ?? ''))] }));
  await host.write(join(inside, 'manifest.json'), JSON.stringify(list), { mode: 0o600 });
  // A layer that two images share is a link in one of them.
  await tar(host, ['-C', inside, '-chf', plain, 'manifest.json', ...files], path);
  const configs = await Promise.all(images.map(({ Config }) => read(Config)));
  const [first = '', ...others] = configs.map((text) => String(JSON.parse(text ?? '{}').architecture));
  const other = others.findIndex((one) => one !== first);
  if (other >= 0)
    throw new CliError(`${refs[0]} is for ${first}, and ${refs[other + 1]} is for ${others[other]}.`, {
      fix: `docker pull --platform linux/${first} ${refs[other + 1]}`,
    });
  return { tar: (await host.read(plain)) ?? Buffer.alloc(0), architecture: first };
}

async function tar(host: Host, words: string[], path: string): Promise<void> {
  const { code, stderr } = await host.run('tar', words, { timeout: LIMIT });
  if (code !== 0) throw new CliError(`${path} cannot be packed anew.`, { why: stderr.trim() });
}
