// The images of an engine: which are here, what is in them, and how to load them from a file.
import { dirname, join } from 'node:path';
import { CliError } from '../../errors.ts';
import type { Host, RunResult } from '../../host/host.ts';
import type { Program } from '../../settings/settings.ts';
import { commandLine } from '../../terminal/command.ts';
import { bytes } from '../../terminal/output.ts';
import { engine } from '../containers.ts';
import { programVersion } from '../native.ts';
import { ANSWERS_WITHIN } from '../types.ts';
import { readArchive, repacked } from './archive.ts';
import { archiveFile } from './bundled.ts';
import { plainName } from './reference.ts';

const LOAD_LIMIT = 30 * 60_000;

/** Returns the id of an image; undefined if it is not here. */
export async function imageId(
  host: Host,
  ref: string,
  program: Program = 'docker',
): Promise<string | undefined> {
  const { code, stdout } = await host.run(program, ['image', 'inspect', '--format', '{{.Id}}', ref], {
    timeout: ANSWERS_WITHIN,
    question: true,
  });
  return code === 0 ? stdout.trim() : undefined;
}

/** What an engine says of an image. */
export interface ImageFacts {
  id: string;
  names: string[];
  /** `amd64` */
  architecture: string;
  /** An ISO date; '' if the image does not say. */
  created: string;
}

/** Returns what the engine says of an image; undefined if it is not here. */
export async function imageFacts(
  host: Host,
  ref: string,
  program: Program = 'docker',
): Promise<ImageFacts | undefined> {
  const args = ['image', 'inspect', '--format', '{{json .}}', ref];
  const { code, stdout } = await host.run(program, args, { timeout: ANSWERS_WITHIN });
  if (code !== 0) return undefined;
  const found = JSON.parse(stdout) as {
    Id: string;
    RepoTags?: string[] | null;
    Architecture?: string;
    Created?: string;
  };
  return {
    id: found.Id,
    names: found.RepoTags ?? [],
    architecture: found.Architecture ?? '',
    created: found.Created ?? '',
  };
}

/**
 * Gives an image a name. podman has several long forms for a short name: the one that it is found by now is kept.
 * @throws CliError if the name does not lead to the image then
 */
export async function tagImage(
  host: Host,
  id: string,
  ref: string,
  program: Program = 'docker',
): Promise<void> {
  const there = await imageFacts(host, ref, program);
  const name = there?.names.find((one) => plainName(one) === plainName(ref)) ?? ref;
  await engine(host, program, ['tag', id, name], `name the image ${ref}`);
  if ((await imageId(host, ref, program)) !== id)
    throw new CliError(`${ref} leads to another image than it should.`, { why: id });
}

/** Keeps the program of an image from doing anything but speaking. */
const BOUNDS = [
  ...['--rm', '--network', 'none', '--read-only', '--cap-drop', 'ALL'],
  ...['--security-opt', 'no-new-privileges'],
];

/** Runs a program of an image that can do nothing but speak. @param ref a name or an id */
export const programIn = (
  host: Host,
  ref: string,
  program: Program,
  entrypoint: string,
  words: string[],
): Promise<RunResult> =>
  host.run(program, ['run', ...BOUNDS, '--entrypoint', entrypoint, ref, ...words], {
    timeout: ANSWERS_WITHIN,
  });

/** Returns what the registry's program in an image calls its version: `3.1.1`; undefined if it is no registry, or does not run here. */
export async function registryVersionIn(
  host: Host,
  ref: string,
  program: Program = 'docker',
): Promise<string | undefined> {
  const { stdout, stderr } = await programIn(host, ref, program, 'registry', ['--version']);
  return programVersion(`${stdout}\n${stderr}`);
}

/**
 * Tells the major version of distribution in an image by its content: each has its own default configuration, and says its version.
 * A tag says nothing: a mirror may use any.
 * @returns 2 or 3; undefined if the image is not here
 */
export async function registryMajor(
  host: Host,
  ref: string,
  program: Program = 'docker',
): Promise<number | undefined> {
  const args = ['image', 'inspect', '--format', '{{json .Config}}', ref];
  const { code, stdout } = await host.run(program, args, { timeout: ANSWERS_WITHIN, question: true });
  if (code !== 0) return undefined;
  if (stdout.includes('/etc/distribution/')) return 3;
  if (stdout.includes('/etc/docker/registry/')) return 2;
  return (await registryVersionIn(host, ref, program))?.startsWith('2.') ? 2 : 3;
}

/** Removes an image that no container uses. */
export async function removeImage(host: Host, ref: string, program: Program = 'docker'): Promise<void> {
  // Another container may use the image by now: then it stays, and that is no error.
  await host.run(program, ['rmi', ref]);
}

const load = (host: Host, archive: string, program: Program) =>
  engine(host, program, ['load', '-i', archive], `load ${archive}`, LOAD_LIMIT);

/**
 * Loads an archive. Engines unpack gzip, bzip2 and xz by themselves, and read what `docker save` writes. Repacks what not all of them
 * know (zstd), or name as they like (an OCI layout without Docker's own list: podman calls it localhost/TAG).
 * @param ref the name of an image without one
 * @throws CliError if the file is not an archive, or the engine does not take it
 */
export async function loadImage(
  host: Host,
  path: string,
  program: Program = 'docker',
  ref = 'registry:3',
): Promise<void> {
  const archive = archiveFile(path);
  const { images, sizes, written, packing } = await readArchive(host, archive, ref);
  if (written && packing !== 'zstd') {
    await load(host, archive, program);
    return;
  }
  const { code, stdout, stderr } = await host.run('mktemp', ['-d']);
  const folder = stdout.trim();
  if (code !== 0) throw new CliError('There is no place to unpack the images.', { why: stderr.trim() });
  try {
    const { free } = await host.space(folder);
    const size = [...sizes.values()].reduce((sum, one) => sum + one, 0);
    if (size > free)
      throw new CliError(`There is no room for the images in ${archive}: they are ${bytes(size)}.`, {
        why: `${bytes(free)} are free in ${dirname(folder)}.`,
        fix: `TMPDIR=DIR ${commandLine('…')}      unpacks elsewhere`,
      });
    const plain = join(folder, 'images.tar');
    await repacked(host, archive, images, (chunks) => host.save(plain, chunks, 0o600));
    await load(host, plain, program);
  } finally {
    await host.removeTree(folder);
  }
}
