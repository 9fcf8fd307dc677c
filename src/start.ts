#!/usr/bin/env node
// The start of the built program. Loads little by itself, so that it can tell why the rest cannot be loaded.
import { CliError } from './errors.ts';
import { inWords } from './surroundings.ts';

/** Tells whether Node.js is too old, and says so: npx only warns, and the first error would explain nothing. */
function oldNode(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 17)) return false;
  process.stderr.write(`registry-setup needs Node 20.17 or newer; this is ${process.version}.\n`);
  return true;
}

async function start(): Promise<void> {
  try {
    // Throws if that directory is gone: programs that are run later would fail in it, each in its own words.
    process.cwd();
    await import('./cli.ts');
  } catch (caught) {
    const error = inWords(caught);
    if (!(error instanceof CliError)) throw caught;
    process.stderr.write(`✖ ${[error.message, ...error.fix].join('\n  ')}\n`);
    process.exitCode = error.exitCode;
  }
}

if (oldNode()) process.exitCode = 2;
else await start();
