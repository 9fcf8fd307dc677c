#!/usr/bin/env node
// The start of the built program. Loads little by itself, so that it can tell why the rest cannot be loaded.
import { CliError } from './errors.ts';
import { inWords } from './surroundings.ts';

try {
  await import('./cli.ts');
} catch (caught) {
  const error = inWords(caught);
  if (!(error instanceof CliError)) throw caught;
  process.stderr.write(`✖ ${[error.message, ...error.fix].join('\n  ')}\n`);
  process.exitCode = error.exitCode;
}
