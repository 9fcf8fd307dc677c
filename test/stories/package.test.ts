// What the package holds, and what of it a command loads: the time of a start, and of a download.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { runProgram, SCRIPT, temporaryMachine } from '../helpers/program.ts';

/** A copy of what was built: nobody builds it anew meanwhile. */
const ROOT = join(dirname(SCRIPT), '..');
const libraries: Record<string, string[]> = JSON.parse(
  readFileSync(join(ROOT, 'dist/libraries.json'), 'utf8'),
);

const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** Writes each file that Node loads into a list. */
const LOADER = `
import { appendFileSync } from 'node:fs';
export async function load(url, context, next) {
  if (url.startsWith('file:')) appendFileSync(process.env.LOADED, url + '\\n');
  return next(url, context);
}`;
const data = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`;
const TRACE = data(`import { register } from 'node:module'; register(${JSON.stringify(data(LOADER))});`);

/** Runs the built program, and returns the files and the libraries that it loads. */
async function loadedBy(...words: string[]) {
  const machine = temporaryMachine();
  const list = join(machine.place, 'loaded');
  const env = { ...machine.env, LOADED: list, NODE_OPTIONS: `--import=${TRACE}` };
  const { stderr } = await runProgram(words, { env });
  if (!existsSync(list)) throw new Error(stderr);
  const paths = readFileSync(list, 'utf8').split('\n').filter(Boolean);
  const names = paths.map((path) => basename(new URL(path).pathname));
  const bytes = names.reduce((sum, name) => sum + statSync(join(ROOT, 'dist', name)).size, 0);
  return {
    files: names.length,
    bytes,
    libraries: [...new Set(names.flatMap((name) => libraries[name] ?? []))].sort(),
  };
}

test.each([['--version'], ['--help']])('%s loads the words alone', async (flag) => {
  const { files, bytes, libraries } = await loadedBy(flag);
  expect(libraries).toEqual([]);
  expect(files).toBeLessThan(10);
  expect(bytes).toBeLessThan(75_000);
});

const NOWHERE = '127.0.0.1:1';
test.each<[string, string[]]>([
  ['status', []],
  ['user list', []],
  ['rotate --yes', []],
  ['--yes --tls insecure --auth none --dry-run', []],
  ['--yes --dry-run', ['bcryptjs']],
  [`client --yes --host ${NOWHERE}`, []],
  [`image list --host http://${NOWHERE}`, []],
  ['doctor', []],
])('%s loads few files, and no library that it does not use', async (line, more) => {
  const { files, bytes, libraries } = await loadedBy(...line.split(' '));
  // What they need themselves is not counted.
  expect(libraries.filter((name) => name in devDependencies)).toEqual([
    ...more,
    ...['diff', 'execa', 'node-forge', 'yaml'],
  ]);
  expect(files).toBeLessThan(30);
  expect(bytes).toBeLessThan(1_000_000);
});

test('the package is small, and its libraries are those that the program uses', () => {
  const pack = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const [{ size, unpackedSize, files }] = JSON.parse(
    execFileSync('npm', pack, { cwd: ROOT, encoding: 'utf8' }),
  );
  expect(size).toBeLessThan(560_000);
  expect(unpackedSize).toBeLessThan(2_000_000);
  expect(files.map(({ path }: { path: string }) => path)).not.toContain('dist/libraries.json');
  expect(Object.values(libraries).flat()).not.toContain('iconv-lite');
});

test('our functions keep their names, so that a stack trace tells something', () => {
  const code = Object.keys(libraries).map((name) => readFileSync(join(ROOT, 'dist', name), 'utf8'));
  for (const name of ['untilUnchanged', 'makePlan', 'reloadNginx'])
    expect(code.filter((text) => text.includes(`function ${name}(`))).toHaveLength(1);
});
