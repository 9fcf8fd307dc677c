// The digest by which this program tells contents apart.
import { createHash } from 'node:crypto';

/** Returns the SHA-256 of text or bytes, in hexadecimal. */
export const sha256 = (content: string | Buffer): string =>
  createHash('sha256').update(content).digest('hex');
