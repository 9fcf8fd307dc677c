// Where a file is written until it is whole: beside its place, so that it can be renamed.
import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';

/** Returns the path of a file until it is whole. */
export const besides = (file: string): string =>
  join(dirname(file), `.${basename(file)}.${randomBytes(4).toString('hex')}.tmp`);
