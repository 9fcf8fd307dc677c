// What programs really say: each file of words/ has the messages of one version of one program, made for real, and what they mean.
// public-reports.txt has what people have written in public, of versions that are not at hand.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { explain } from '../../../src/doctor/explain/explain.ts';

const FOLDER = new URL('words/', import.meta.url);

/** `== CODE: the command`, and below it what it said. */
const sayings = (text: string) =>
  text
    .split(/^== /m)
    .slice(1)
    .map((part) => {
      const [, code = '', command = '', said = ''] = /^([\w-]+): (.*)\n([\s\S]*)$/.exec(part) ?? [];
      return { code, command, said };
    });

describe.each(readdirSync(FOLDER))('%s', (file) => {
  test.each(sayings(readFileSync(new URL(file, FOLDER), 'utf8')))('$code: $command', ({ code, said }) => {
    expect(explain(said, undefined)[0]?.code).toBe(code);
  });
});
