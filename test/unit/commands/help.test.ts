// The help, and the table of flags that it is made from.
import { describe, expect, test } from 'vitest';
import { BUILT, helpText } from '../../../src/commands/help.ts';
import {
  COMMANDS,
  type Command,
  FLAG_NAMES,
  flag,
  flagNamed,
  spelled,
  takes,
} from '../../../src/settings/flags.ts';
import { OPERANDS } from '../../../src/settings/operands.ts';

describe.each([...BUILT])('the help of %s', (command) => {
  const lines = helpText(command).split('\n');

  test('has every flag that the command takes, and no other', () => {
    const listed = lines.flatMap((line) => /^ {2}(--[a-z-]+)/.exec(line)?.[1] ?? []);
    const taken = FLAG_NAMES.filter((name) => takes(command, name)).map(spelled);
    expect([...new Set(listed)].sort()).toEqual(taken.sort());
  });

  test('fits a terminal of 80 columns, but for lines to be pasted', () => {
    const examples = lines.indexOf('Examples:');
    expect(lines.slice(0, examples < 0 ? undefined : examples).filter((line) => line.length > 80)).toEqual(
      [],
    );
  });

  test('says what it is for, how to call it, and ends with examples that are read', () => {
    expect(helpText(command)).toMatch(/^[A-Z][^\n]+/);
    expect(helpText(command)).toContain('Usage: registry-setup');
    expect(helpText(command)).toMatch(/\nExamples:\n {2}registry-setup/);
  });
});

test('the usage shows every word that a command takes', () => {
  for (const [command, row] of Object.entries(OPERANDS)) {
    const usage = /\nUsage: ((?:.+\n)+)/.exec(helpText(command as Command))?.[1] ?? '';
    const shown = 'verbs' in row ? Object.entries(row.verbs) : [['', row] as const];
    for (const [verb, operands] of shown)
      for (const word of [verb, ...operands.map(({ name }) => name)]) expect(usage, command).toContain(word);
  }
});

test('a flag that is never taken from the environment says so', () => {
  for (const [command, name] of [
    ['uninstall', '--purge'],
    ['rotate', '--ca'],
    ['client', '--undo'],
  ] as const)
    expect(helpText(command).replace(/\n +/g, ' ')).toMatch(
      new RegExp(` ${name} [^-]*; only on the command line`),
    );
});

test('the help of the program names every command', () => {
  for (const command of BUILT.slice(1)) expect(helpText('setup')).toContain(`\n  ${command} `);
});

test('a word is one flag to one command', () => {
  for (const command of COMMANDS) {
    const words = FLAG_NAMES.filter((name) => takes(command, name)).map((name) => flag(name).word ?? name);
    expect(new Set(words).size, command).toBe(words.length);
    for (const name of FLAG_NAMES.filter((f) => takes(command, f)))
      expect(flagNamed(flag(name).word ?? name, command), name).toBe(name);
  }
});

test('no flag takes a password as its value', () => {
  for (const name of FLAG_NAMES.filter((f) => /password|secret|passphrase/.test(f)))
    expect(['switch', 'file'], name).toContain(flag(name).kind);
});
