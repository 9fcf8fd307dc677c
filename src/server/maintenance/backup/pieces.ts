// What goes into a backup, as a stream of files: each is read when it is its turn, and its sum is checked on the way.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { CliError } from '../../../errors.ts';
import type { Host, OpenFile } from '../../../host/host.ts';
import { sha256 } from '../../../host/sha256.ts';
import { commandLine } from '../../../terminal/command.ts';
import { blobPath } from '../storage.ts';
import {
  CONTENTS,
  type Contents,
  END,
  INDEX,
  LAYOUT,
  listed,
  memberOf,
  newContents,
  REGISTRY_FILES,
} from './format.ts';
import { isDense, type Piece } from './packing.ts';
import { blobsOf, type Survey } from './survey.ts';

/** A backup that is about to be written. */
export interface Plan {
  contents: Contents;
  /** The files before the blobs. */
  files: Map<string, Buffer>;
  storage: string;
  survey: Survey;
}

const EMPTY: Survey = { repositories: [], blobs: new Map(), manifests: new Map(), incomplete: [] };

/** Reads the files of a registry, and puts together what a backup holds. @param found undefined: without the images */
export async function planBackup(
  host: Host,
  { dir, storage }: { dir: string; storage: string },
  found: Survey | undefined,
): Promise<Plan> {
  const survey = found ?? EMPTY;
  const contents = newContents({
    dir,
    images: found !== undefined,
    blobs: [...survey.blobs].sort(([a], [b]) => (a < b ? -1 : 1)),
    repositories: survey.repositories,
  });
  const files = new Map<string, Buffer>();
  for (const path of REGISTRY_FILES) {
    const bytes = await host.read(join(dir, path));
    if (bytes) files.set(memberOf(path), bytes);
  }
  files.set(LAYOUT, Buffer.from(JSON.stringify({ imageLayoutVersion: '1.0.0' })));
  files.set(INDEX, Buffer.from(indexOf(survey)));
  contents.files = [...files].map(([name, bytes]) => listed(name, bytes));
  return { contents, files, storage, survey };
}

const TYPES = {
  index: 'application/vnd.oci.image.index.v1+json',
  other: 'application/vnd.oci.image.manifest.v1+json',
};

/** Returns the index of an OCI image layout: each tag, under its name with the repository. */
function indexOf({ repositories, manifests }: Survey): string {
  const list = repositories.flatMap(({ name, tags }) =>
    tags.flatMap(({ tag, digest }) => {
      const manifest = manifests.get(digest);
      if (!manifest) return [];
      const { type, kind, size } = manifest;
      const mediaType = type || (kind === 'index' ? TYPES.index : TYPES.other);
      const annotations = { 'org.opencontainers.image.ref.name': `${name}:${tag}` };
      return [{ mediaType, digest, size, annotations }];
    }),
  );
  return JSON.stringify({ schemaVersion: 2, mediaType: TYPES.index, manifests: list });
}

/** Yields the members of a file. @param told receives the bytes of images so far */
export async function* piecesOf(host: Host, plan: Plan, told = (_: number) => {}): AsyncGenerator<Piece> {
  const { contents, files } = plan;
  const text = Buffer.from(JSON.stringify(contents));
  const whole = (name: string, bytes: Buffer): Piece => ({
    name,
    size: bytes.length,
    chunks: [bytes],
    dense: false,
  });
  yield whole(CONTENTS, text);
  for (const [name, bytes] of files) yield whole(name, bytes);
  let done = 0;
  for (const [hex, size] of contents.blobs) {
    const file = await openBlob(host, plan, hex);
    try {
      const dense = isDense(await file.read(0, 6));
      yield { name: `blobs/sha256/${hex}`, size, chunks: verified(file, plan, hex), dense };
    } finally {
      await file.close();
    }
    done += size;
    told(done);
  }
  yield whole(END, Buffer.from(`${sha256(text)}\n`));
}

/** Opens a blob of the storage. @throws CliError if it is gone, or is no file */
export async function openBlob(host: Host, plan: Plan, hex: string): Promise<OpenFile> {
  const file = await host.inside(plan.storage).open(blobPath(hex));
  if (!file) throw damaged(plan, hex);
  return file;
}

/** Bytes that are read at a time. */
const WINDOW = 131_072;

/** Yields the bytes of a file. */
export async function* windowsOf(file: OpenFile): AsyncGenerator<Buffer> {
  for (let at = 0; at < file.size; ) {
    const chunk = await file.read(at, WINDOW);
    if (chunk.length === 0) return;
    at += chunk.length;
    yield chunk;
  }
}

/** Yields the bytes of a blob. @throws CliError if they are not those of its digest */
export async function* verified(file: OpenFile, plan: Plan, hex: string): AsyncGenerator<Buffer> {
  const sum = createHash('sha256');
  for await (const chunk of windowsOf(file)) {
    sum.update(chunk);
    yield chunk;
  }
  if (sum.digest('hex') !== hex) throw damaged(plan, hex);
}

/** Returns the error for a blob that is not what its digest says; it names the images that need it. */
function damaged({ storage, survey }: Plan, hex: string): CliError {
  const digest = `sha256:${hex}`;
  const needs = [...survey.manifests.values()].filter((one) => blobsOf(one).includes(digest));
  const names = survey.repositories.flatMap(({ name, tags, manifests }) => {
    const own = needs.filter((one) => manifests.some((kept) => kept.digest === one.digest));
    return own.map((one) => {
      const tag = tags.find((tagged) => tagged.digest === one.digest)?.tag;
      return tag ? `${name}:${tag}` : `${name}@${one.digest}`;
    });
  });
  const [first = ''] = names;
  return new CliError(`The storage is damaged: a part of ${names.join(', ')} is not what was pushed.`, {
    why: `${join(storage, blobPath(hex))} has other bytes than those of its digest.`,
    fix: [
      `Remove the image, and push it again:   ${commandLine(`image remove ${first}`)}`,
      `Or leave all images out:               ${commandLine('backup --no-images FILE')}`,
    ],
  });
}
