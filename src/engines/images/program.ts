// Takes the registry's program out of an image in a file, for a machine without an engine that cannot reach its packages either.
import { dirname } from 'node:path';
import { CliError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { sha256 } from '../../host/sha256.ts';
import { chunksOf, type Member, type MemberType, type Tar, TarError } from '../../host/tar.ts';
import { commandLine } from '../../terminal/command.ts';
import { bytes } from '../../terminal/output.ts';
import { listArchive, listed, throughArchive } from './archive.ts';
import { archiveFile } from './bundled.ts';

/** Where images have the program: distribution's own (github.com/distribution/distribution-library-image, Dockerfile), and others. */
const PLACES = ['bin/registry', 'usr/bin/registry', 'usr/local/bin/registry'];
/** Bytes; registry:3 has 55 MB. */
const LARGEST = 1_000_000_000;

/** A program in a layer. */
interface Found {
  layer: string;
  place: string;
  size: number;
}

/**
 * Writes the registry's program of an image to a path; the file is whole or does not exist.
 * @throws CliError if the archive does not hold that image, or the image has no such program
 */
export async function takeProgram(host: Host, archive: string, ref: string, to: string): Promise<void> {
  const file = archiveFile(archive);
  const image = listed(await listArchive(host, file), ref);
  if (!image) throw new CliError(`${archive} does not hold the image ${ref}.`);
  const found = await findProgram(host, file, image.Layers, ref);
  const { free } = await host.space(dirname(to));
  if (found.size > Math.min(free, LARGEST))
    throw new CliError(`The program in the image ${ref} is too large: ${bytes(found.size)}.`, {
      why: `${bytes(free)} are free in ${dirname(to)}.`,
    });
  const aside = `${to}.new`;
  await host.removeTree(aside);
  try {
    await throughArchive(host, file, (tar) => save(tar, found, (chunks) => host.save(aside, chunks, 0o755)));
    await host.rename(aside, to);
  } finally {
    await host.removeTree(aside);
  }
  await labelled(host, to);
}

/** Returns the SHA-256 of a program, in hexadecimal; undefined if there is none. */
export async function programDigest(host: Host, path: string): Promise<string | undefined> {
  const program = await host.read(path);
  return program && sha256(program);
}

/** Puts a copy of a program in its place, also while the former one runs. */
export async function putProgram(host: Host, from: string, to: string): Promise<void> {
  const program = await host.read(from);
  if (!program) throw new CliError(`The program ${from} is gone.`);
  await host.write(to, program, { mode: 0o755 });
  await labelled(host, to);
}

/** Lets SELinux know a file by its path: as a program. */
async function labelled(host: Host, path: string): Promise<void> {
  if (await host.stat('/sys/fs/selinux/enforce')) await host.run('restorecon', [path]);
}

/** Finds the program. The last layer that has it counts: later layers cover earlier ones. @throws CliError if there is none */
async function findProgram(host: Host, file: string, layers: string[], ref: string): Promise<Found> {
  const held = await throughArchive(host, file, async (tar) => {
    const wanted = new Set(layers);
    const all = new Map<string, Map<string, Pick<Member, 'type' | 'size'>>>();
    for await (const member of tar.members)
      if (wanted.has(member.name)) all.set(member.name, await programsIn(tar.inside(member), member.name));
    return all;
  });
  const covered = new Map<string, MemberType>();
  for (const layer of layers.toReversed())
    for (const place of PLACES) {
      const found = held.get(layer)?.get(place);
      if (found?.type === 'file' && !covered.has(place)) return { layer, place, size: found.size };
      if (found && !covered.has(place)) covered.set(place, found.type);
    }
  throw new CliError(`The image ${ref} has no program named registry.`, {
    why: [...covered].map(([place, type]) => `${place} is ${NOT_FILE[type]} there.`).join('\n') || undefined,
    fix: `${commandLine('--image-archive FILE')}      with the image that Docker Hub calls registry:3`,
  });
}

const NOT_FILE: Record<MemberType, string> = {
  file: 'a file',
  dir: 'a directory',
  link: 'a link',
  'hard link': 'a link',
  other: 'not a file',
};

async function programsIn(members: AsyncGenerator<Member>, layer: string) {
  const found = new Map<string, Pick<Member, 'type' | 'size'>>();
  for await (const { name, type, size } of members) {
    if (!PLACES.includes(name)) continue;
    if (found.has(name)) throw new TarError(`${name} is in its layer ${layer} more than once.`);
    found.set(name, { type, size });
  }
  return found;
}

async function save(
  tar: Tar,
  { layer, place, size }: Found,
  to: (chunks: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> {
  for await (const member of tar.members)
    if (member.name === layer)
      // The layer stays open while this waits.
      for await (const { name, type, body, ...inside } of tar.inside(member))
        if (name === place && type === 'file' && inside.size === size) return await to(chunksOf(body));
  throw new TarError('It was changed while it was read.');
}
