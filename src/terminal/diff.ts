// Shows what changes in a file. Secrets become `[secret]` on both sides of a diff.
import { createTwoFilesPatch } from 'diff';
import { MASK } from '../secret.ts';

/** The parts of a file that are never shown: all of it, or what a regular expression (flags `gm`) matches. */
export type Mask = 'all' | { pattern: string };

/** Returns the text with its secret parts masked. */
export function masked(text: string, mask: Mask | undefined): string {
  if (mask === undefined) return text;
  return mask === 'all' ? MASK : text.replace(new RegExp(mask.pattern, 'gm'), MASK);
}

/**
 * Returns a unified diff of two texts, masked. Undefined means no file.
 * @returns its lines, the `---`/`+++` header first; one line that says so if only a secret differs, or if all is masked
 */
export function unifiedDiff(
  path: string,
  before: string | undefined,
  after: string | undefined,
  mask?: Mask,
): string[] {
  const [from, to] = [before, after].map((text) => masked(text ?? '', mask)) as [string, string];
  if (mask === 'all') return [`${path}: ${MASK}`];
  if (from === to) return [`${path}: a secret in it changes`];
  const patch = createTwoFilesPatch(
    before === undefined ? '/dev/null' : path,
    after === undefined ? '/dev/null' : path,
    from,
    to,
    undefined,
    undefined,
    { context: 2, headerOptions: { includeIndex: false, includeUnderline: false, includeFileHeaders: true } },
  );
  return patch.trimEnd().split('\n');
}
