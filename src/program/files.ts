// This program itself: reads its files.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Host } from '../host/host.ts';
import { PACKAGE } from '../package.ts';

/** Returns the text of each file of this program, by its path in the package. */
export async function programFiles(host: Host): Promise<Record<string, string>> {
  const root = fileURLToPath(PACKAGE);
  const lists = await Promise.all(
    ['dist', 'templates', 'templates/export'].map(async (dir) =>
      (await host.list(join(root, dir))).filter((name) => name.includes('.')).map((name) => `${dir}/${name}`),
    ),
  );
  const names = ['package.json', ...lists.flat()];
  const texts = await Promise.all(
    names.map(async (name) => (await host.read(join(root, name)))?.toString() ?? ''),
  );
  return Object.fromEntries(names.map((name, i) => [name, texts[i] ?? '']));
}
