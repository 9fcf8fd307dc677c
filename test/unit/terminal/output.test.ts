// What a person sees of an error, and of numbers.
import { expect, test, vi } from 'vitest';
import { CliError, InputError, Interrupted } from '../../../src/errors.ts';
import { bytes, errorDocument, errorLines, makeOutput } from '../../../src/terminal/output.ts';
import { quoted, shellLine } from '../../../src/terminal/shell.ts';
import { visible } from '../../../src/terminal/visible.ts';

const plain = (_: string, text: string) => text;
const shown = (error: unknown, verbose = false) => errorLines(error, verbose, plain);

test('an error: what is wrong, why, the way out', () => {
  const error = new CliError('Port 5000 is taken.', { why: 'one\ntwo', fix: ['Use another:', '  --port 1'] });
  expect(shown(error)).toEqual([
    '✖ Port 5000 is taken.',
    '    one',
    '    two',
    '  Use another:',
    '    --port 1',
  ]);
  expect(errorDocument(error)).toEqual({
    ok: false,
    error: { message: 'Port 5000 is taken.', why: 'one\ntwo', fix: ['Use another:', '  --port 1'] },
  });
  expect(error.exitCode).toBe(1);
});

test('bad input: a line for each, one way out for the same one', () => {
  const problems = ['--a', '--b'].map((where) => ({ where, message: 'no', fix: 'registry-setup --help' }));
  expect(shown(new InputError(problems))).toEqual(['✖ --a: no', '✖ --b: no', '  registry-setup --help']);
  expect(new InputError(problems).exitCode).toBe(2);
  expect(new Interrupted().exitCode).toBe(130);
});

test('anything else is a bug, and says so; the stack is for --verbose', () => {
  const bug = new TypeError('x is not a function');
  expect(shown(bug)).toEqual([
    '✖ This is a bug in registry-setup: x is not a function',
    '  Run it again with --verbose for the details.',
  ]);
  expect(shown(bug, true).join('\n')).toContain('output.test.ts');
  expect(shown('thrown text')[0]).toContain('thrown text');
  expect(errorDocument(bug)).toEqual({ ok: false, error: { message: 'x is not a function' } });
});

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [9949, '9.9 kB'],
  [41e9, '41 GB'],
  [3.2e6, '3.2 MB'],
  [2e15, '2.0 PB'],
  [5e18, '5000 PB'],
])('%d bytes are %s', (count, text) => expect(bytes(count)).toBe(text));

test.each([
  ['plain-1.0/x:y@z', 'plain-1.0/x:y@z'],
  ['', "''"],
  ['a b', "'a b'"],
  ["it's", `'it'\\''s'`],
  ['$HOME', "'$HOME'"],
  ['a;b', "'a;b'"],
  ['*', "'*'"],
])('%s is pasted as %s', (word, text) => expect(quoted(word)).toBe(text));

test('a line to paste', () => {
  expect(shellLine('docker', ['run', '-e', 'A=b c'])).toBe("docker run -e 'A=b c'");
});

test.each([
  ['a\u001b[31mb\u0007', 'a\\u001b[31mb\\u0007'],
  ['C1 \u009b2J', 'C1 \\u009b2J'],
  ['gpj.\u202eexe\u2066', 'gpj.\\u202eexe\\u2066'],
  ['zero\u200b\ufeffwidth\u{e0041}', 'zero\\u200b\\ufeffwidth\\u{e0041}'],
  ['two\nlines\r\u2028', 'two\\u000alines\\u000d\\u2028'],
  ['half \ud800', 'half \\ud800'],
  ['Grüße, 世界 🙂 "x"', 'Grüße, 世界 🙂 "x"'],
])('%j is escaped for the terminal', (text, wanted) => expect(visible(text)).toBe(wanted));

test('control characters from other programs are escaped in errors', () => {
  const evil = '\u001b[2J\u009b1A\u202e';
  const shownAs = '\\u001b[2J\\u009b1A\\u202e';
  const error = new CliError(`a${evil}`, { why: `tab\there\n${evil}`, fix: evil });
  expect(shown(error)).toEqual([`✖ a${shownAs}`, '    tab\there', `    ${shownAs}`, `  ${shownAs}`]);
  expect(shown(new Error(evil))[0]).toContain(shownAs);
});

test('a document of --json has no sign that a terminal acts on, and says the same', () => {
  const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  makeOutput({ asJson: true }).json({ label: '\u001b[31m\u009b31m\u007f' });
  const text = String(written.mock.calls[0]?.[0]);
  written.mockRestore();
  expect(text).toMatch(/^[\n\x20-\x7e]+$/);
  expect(JSON.parse(text)).toMatchObject({ label: '\u001b[31m\u009b31m\u007f' });
});
