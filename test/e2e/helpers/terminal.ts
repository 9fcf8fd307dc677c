// A person at a terminal: reads a question, answers it, looks at the next one.
import { expect } from 'vitest';
import type { Pty } from '../../lab/pty.ts';

export const PATIENCE = 30_000;
export const GO = 'Go ahead';

/** The first word of the question that is open: what follows it is drawn anew while it is answered. */
const openWord = (screen: string) => /^\? (\w+)/m.exec(screen)?.[1] ?? '';

/** Waits for a question that begins so, and leaves it open; gives the screen. */
export const question = (pty: Pty, words: string) => pty.waitFor(new RegExp(`^\\? ${words}`, 'm'), PATIENCE);
const gone = (pty: Pty, word: string) =>
  pty.waitFor(new RegExp(`(?<![^])(?![^]*(^|\\n)\\? ${word})`), PATIENCE);

/** Answers a question that begins so. */
export async function answer(pty: Pty, words: string, text: string) {
  await question(pty, words);
  pty.type(`${text}\r`);
  await gone(pty, words);
}

/** Takes what every question offers, up to the one that begins so; gives the screen. */
export async function enterUntil(pty: Pty, words: string): Promise<string> {
  for (;;) {
    const screen = await pty.waitFor(/^\? /m, PATIENCE);
    if (screen.includes(`\n? ${words}`)) return screen;
    pty.key('enter');
    await gone(pty, openWord(screen));
  }
}

/** Ends at the review with yes; gives the last screen. */
export async function accept(pty: Pty): Promise<string> {
  await question(pty, GO);
  pty.key('enter');
  expect(await pty.exitCode, pty.screen()).toBe(0);
  return pty.screen();
}
