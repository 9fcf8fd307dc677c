// This package: where it lies, and its version. It must lie directly in src/: seen from there and from dist/, the package is one folder up.
import { readFileSync } from 'node:fs';

/** The folder that holds package.json, dist/ and templates/. */
export const PACKAGE = new URL('..', import.meta.url);

export const VERSION: string = JSON.parse(readFileSync(new URL('package.json', PACKAGE), 'utf8')).version;
