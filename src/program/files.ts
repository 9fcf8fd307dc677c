// This program itself: reads its files.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Host } from '../host/host.ts';
import { sha256 } from '../host/sha256.ts';
import { PACKAGE } from '../package.ts';

/** The list of this program's files with their digests, which the build writes. */
const LIST = 'dist/files.json';

export interface ProgramList {
  /** The folder of the package. */
  folder: string;
  /** The SHA-256 of each file, in hex, by its path in the folder. */
  files: Record<string, string>;
  /** Names this content: a program that differs in one file has another one. */
  version: string;
}

/** The one file that is not in the list: what installs a package may write into it. */
const MANIFEST = 'package.json';

/** Returns what this program consists of. Reads two files of it. @throws Error if it was not built */
export async function programList(host: Host): Promise<ProgramList> {
  const folder = fileURLToPath(PACKAGE);
  const [list, manifest] = await Promise.all([LIST, MANIFEST].map((name) => host.read(join(folder, name))));
  if (!list || !manifest) throw new Error(`${LIST} or ${MANIFEST} is not there: npm run build`);
  const files = { ...JSON.parse(list.toString()), [LIST]: sha256(list), [MANIFEST]: sha256(manifest) };
  return { folder, files, version: sha256(Buffer.concat([list, manifest])).slice(0, 12) };
}

/** Returns the text of each file of this program, by its path in the package. */
export async function programFiles(host: Host): Promise<Record<string, string>> {
  const { folder, files } = await programList(host);
  const names = Object.keys(files);
  const texts = await Promise.all(
    names.map(async (name) => (await host.read(join(folder, name)))?.toString() ?? ''),
  );
  return Object.fromEntries(names.map((name, i) => [name, texts[i] ?? '']));
}
