// One package without runtime dependencies: what was tested is what runs as root. The licences of what is bundled lie beside it.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { build, transform } from 'esbuild';

const START = 'src/start.ts';
/** Parses the user's words. With the help it is all that --help loads. */
const [CLI, HELP] = ['src/cli.ts', 'src/commands/help.ts'];
/** What most people wait for. */
const OFTEN = ['setup', 'status', 'client', 'user', 'rotate'].map((name) => `src/commands/${name}.ts`);

/** Shortens the names in libraries. Ours stay, so that a stack trace can be read. */
const shortLibraries = {
  name: 'short libraries',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\/node_modules\/.*\.[cm]?js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const { code } = await transform(text, {
        minify: true,
        platform: 'node',
        target: 'node20.17',
        legalComments: 'none',
        // Says that names at the top of a file are its own.
        format: /^(?:im|ex)port\b/m.test(text) ? 'esm' : 'cjs',
      });
      return { contents: code, loader: 'js' };
    }),
};

/** Lets packages in CommonJS require modules of Node from a file that is none. */
const required = {
  name: 'required',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^[^.]/ }, ({ path, kind }) =>
      isBuiltin(path) && kind === 'require-call' ? { path, namespace: 'builtin' } : undefined,
    );
    onLoad({ filter: /^/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};

/** An import of a module of Node, as esbuild writes it. */
const IMPORT = /^import (?:(\w+)(?:, )?)?(?:\{([^}]*)\}|\* as (\w+))? ?from "(node:[^"]+)";$/gm;

/**
 * Takes from modules of Node what is used. To import it evaluates all that the module exports, such as the whole of web crypto.
 * (process.getBuiltinModule: Node 20.16)
 */
const withoutFacades = (code) =>
  code.replace(IMPORT, (_, whole, names, all, name) => {
    const module = `process.getBuiltinModule("${name}")`;
    return [
      ...[whole, all].filter(Boolean).map((word) => `const ${word} = ${module};`),
      ...(names ? [`const {${names.replaceAll(' as ', ': ')}} = ${module};`] : []),
    ].join(' ');
  });

const bundle = (options) =>
  build({
    entryPoints: { cli: START },
    outdir: 'dist',
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.17',
    metafile: true,
    logLevel: 'warning',
    ...options,
  });

/** Returns the modules that a module loads, itself among them. */
function loadedBy(path, inputs, found = new Set()) {
  if (found.has(path)) return found;
  found.add(path);
  for (const { path: next, kind, external } of inputs[path].imports)
    if (!external && kind !== 'dynamic-import') loadedBy(next, inputs, found);
  return found;
}

/**
 * Returns our modules that are loaded on demand, and what each of them must import besides. esbuild makes a file of the modules that the
 * same entries load, so that by itself a command would read sixty files; with this it reads five.
 */
async function entries() {
  const { inputs } = (await bundle({ write: false })).metafile;
  const isOurs = (path) => path.startsWith('src/');
  const onDemand = new Set(
    Object.values(inputs)
      .flatMap(({ imports }) => imports)
      .filter(({ kind, path }) => kind === 'dynamic-import' && isOurs(path))
      .map(({ path }) => path),
  );
  const words = loadedBy(CLI, inputs);
  const counts = new Map();
  for (const entry of onDemand)
    for (const path of loadedBy(entry, inputs)) counts.set(path, (counts.get(path) ?? 0) + 1);
  const often = new Set(OFTEN.flatMap((path) => [...loadedBy(path, inputs)]));
  const common = [...often].filter((path) => isOurs(path) && counts.get(path) > 1 && !words.has(path));
  const ofWords = [...words].filter((path) => isOurs(path) && path !== CLI);
  return new Map(
    [...onDemand]
      .filter(
        (path) => !words.has(path) && [...loadedBy(path, inputs)].some((one) => one !== path && isOurs(one)),
      )
      .map((path) => [path, path === HELP ? ofWords : [...ofWords, ...common]]),
  );
}

/** Reads our files: entries import more than they do. @param more what, by the path of an entry */
const ours = (more) => ({
  name: 'ours',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, 'utf8'), { loader: 'ts', target: 'node20.17' });
      const added = (more.get(relative('.', path)) ?? []).map((other) => resolve(other));
      const lines = added
        .filter((other) => other !== path)
        .map((other) => `import ${JSON.stringify(other)};`);
      return { contents: `${withoutFacades(code)}\n${lines.join('')}` };
    }),
});

rmSync('dist', { recursive: true, force: true });
const { metafile } = await bundle({
  plugins: [required, shortLibraries, ours(await entries())],
  // The licences are written below.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'none',
});

/** Returns the folder of the library that a file belongs to; undefined for a file of ours. */
const libraryOf = (path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];

const packages = new Set(Object.keys(metafile.inputs).flatMap((input) => libraryOf(input) ?? []));
const texts = [...packages].sort().map((folder) => {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
  if (!file || !existsSync(join(folder, file))) throw new Error(`${name} has no licence file`);
  return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
});
writeFileSync('dist/THIRD-PARTY-LICENSES', texts.join(`\n${'-'.repeat(80)}\n\n`));

// What each file has of which library, for test/stories/package.test.ts. Not in the package.
const contents = Object.entries(metafile.outputs).map(([path, { inputs }]) => [
  path.replace('dist/', ''),
  [
    ...new Set(
      Object.keys(inputs).flatMap((input) => libraryOf(input)?.replace(/^.*node_modules\//, '') ?? []),
    ),
  ],
]);
writeFileSync('dist/libraries.json', JSON.stringify(Object.fromEntries(contents)));

// What the program consists of, so that a run need not read all of it to tell.
const digests = ['dist', 'templates', 'templates/export']
  .flatMap((dir) => readdirSync(dir).map((name) => `${dir}/${name}`))
  // Folders have no dot.
  .filter((path) => path.includes('.'))
  .filter((name) => name !== 'dist/libraries.json')
  .sort()
  .map((name) => [name, createHash('sha256').update(readFileSync(name)).digest('hex')]);
writeFileSync('dist/files.json', JSON.stringify(Object.fromEntries(digests), null, 1));
