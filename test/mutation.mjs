// npm run mutation -- src/FILE… [test/…]: changes the code in small ways, one at a time, and tells which of them no test notices.
// What runs is test/unit/<folder of the file>; the files and folders of test/ that are named run, too.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

// Stryker is no dependency of the project: it brings 140 packages, and no change waits for it.
const STRYKER = '9.6.1';

const words = process.argv.slice(2);
const files = words.filter((word) => word.startsWith('src/'));
const named = words.filter((word) => word.startsWith('test/'));
if (files.length === 0 || files.length + named.length < words.length) {
  console.error('npm run mutation -- src/FILE.ts… [test/FILE.test.ts or test/FOLDER …]');
  process.exit(2);
}

const units = files.map((file) => dirname(file).replace(/^src/, 'test/unit'));
const tests = [...new Set([...units, ...named])].map((path) =>
  path.endsWith('.ts') ? path : `${path}/**/*.test.ts`,
);

/** What the code is changed in. Everything that is made lies in it. */
const copy = mkdtempSync(join(tmpdir(), 'mutation-'));
const at = (name) => join(copy, name);

function fill() {
  cpSync('.', copy, {
    recursive: true,
    filter: (path) => !['.git', 'node_modules'].includes(basename(path)),
  });
  symlinkSync(realpathSync('node_modules'), at('node_modules'));
  const vitest = { test: { include: tests, testTimeout: 60_000 } };
  writeFileSync(at('mutation.vitest.mjs'), `export default ${JSON.stringify(vitest)};\n`);
  const stryker = {
    mutate: files,
    inPlace: true,
    // What a text says is for people to judge.
    mutator: { excludedMutations: ['StringLiteral'] },
    testRunner: 'vitest',
    plugins: ['@stryker-mutator/vitest-runner'],
    vitest: { configFile: 'mutation.vitest.mjs', related: false },
    coverageAnalysis: 'perTest',
    concurrency: 2,
    // On a busy machine a test takes its time, and what runs too long counts as noticed.
    timeoutMS: 20_000,
    logLevel: 'warn',
    reporters: ['progress-append-only', 'json'],
    jsonReporter: { fileName: 'mutation.json' },
  };
  writeFileSync(at('mutation.stryker.json'), JSON.stringify(stryker));
}

/** Returns a piece of a text; its lines and columns count from 1. */
function piece(text, { start, end }) {
  const lines = text.split('\n').slice(start.line - 1, end.line);
  lines[lines.length - 1] = lines.at(-1).slice(0, end.column - 1);
  lines[0] = lines[0].slice(start.column - 1);
  return lines.join('\n');
}

function onOneLine(text) {
  const line = text.replace(/\s+/g, ' ');
  return line.length > 100 ? `${line.slice(0, 99)}…` : line;
}

function print(file, { source, mutants }) {
  const counted = mutants.filter(({ status }) =>
    ['Killed', 'Timeout', 'Survived', 'NoCoverage'].includes(status),
  );
  const left = counted
    .filter(({ status }) => ['Survived', 'NoCoverage'].includes(status))
    .sort((a, b) => a.location.start.line - b.location.start.line);
  const noticed = (100 * (counted.length - left.length)) / counted.length;
  const tooLong = counted.filter(({ status }) => status === 'Timeout').length;
  const ended = tooLong > 0 ? ` (${tooLong} ran too long)` : '';
  console.log(`\n${file}: ${noticed.toFixed(1)} % of ${counted.length} noticed${ended}`);
  for (const { location, replacement, status } of left) {
    const change = `${onOneLine(piece(source, location))}  →  ${onOneLine(replacement)}`;
    console.log(`  ${location.start.line}: ${change}${status === 'NoCoverage' ? '  (no test runs it)' : ''}`);
  }
}

try {
  fill();
  const packages = ['core', 'vitest-runner'].map((name) => `--package=@stryker-mutator/${name}@${STRYKER}`);
  const argv = ['exec', '--yes', ...packages, '--', 'stryker', 'run', 'mutation.stryker.json'];
  const { status } = spawnSync('npm', argv, { cwd: copy, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status === 0) {
    const { files: found } = JSON.parse(readFileSync(at('mutation.json'), 'utf8'));
    for (const [file, of] of Object.entries(found)) print(file, of);
  }
  process.exitCode = status ?? 1;
} finally {
  rmSync(copy, { recursive: true, force: true });
}
