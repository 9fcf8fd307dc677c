// Holds the imports of src/ against ARCHITECTURE.md: the order of the floors, and one door for each package.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

const page = readFileSync(new URL('../ARCHITECTURE.md', import.meta.url), 'utf8');
/** The lines of a block, each split at its spaces. */
const block = (name) =>
  new RegExp(`^\`\`\`${name}\\n([^]*?)\\n\`\`\``, 'm')
    .exec(page)[1]
    .split('\n')
    .map((line) => line.split(/\s+/));
const heights = (name) =>
  new Map(
    block(name)
      .toReversed()
      .flatMap((names, floor) => names.map((one) => [one, floor])),
  );

const floors = { '': heights('floors'), server: heights('floors server') };
const doors = new Map(block('doors').map(([name, ...files]) => [name, files]));

const files = readdirSync('src', { recursive: true })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => join('src', file));

/** `from '…'`, `import '…'`, `import('…')`. */
const importsOf = (file) =>
  [...readFileSync(file, 'utf8').matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g)].map(([, name]) => name);
/** The part of a path that a floor knows: `src/host/tar.ts` is `host`, `src/cli.ts` is `cli`. */
const room = (file, depth) => file.split('/')[depth]?.replace(/\.ts$/, '');

/** Why a file may not import another; undefined where it may. */
function fault(file, to) {
  const inServer = [file, to].every((path) => room(path, 1) === 'server');
  const [order, depth] = inServer ? [floors.server, 2] : [floors[''], 1];
  const [from, into] = [room(file, depth), room(to, depth)];
  if (from === into) return undefined;
  const lost = [from, into].find((name) => !order.has(name));
  if (lost) return `${lost} has no floor in ARCHITECTURE.md`;
  // Files that lie directly in server/ are one floor, and use each other.
  const loose = inServer && [file, to].every((path) => path.split('/').length === 3);
  return order.get(from) > order.get(into) || loose ? undefined : `${from} may not import ${into}`;
}

const faults = files.flatMap((file) =>
  importsOf(file).flatMap((name) => {
    if (!name.startsWith('.')) {
      const door = doors.get(name);
      return door && !door.includes(file) ? [`${file}: only ${door.join(' and ')} may import ${name}`] : [];
    }
    const to = normalize(join(dirname(file), name));
    const why = fault(file, to);
    return why ? [`${file} imports ${to}: ${why}`] : [];
  }),
);
for (const line of faults) console.error(`✖ ${line}`);
process.exitCode = faults.length > 0 ? 1 : 0;
