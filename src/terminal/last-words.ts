// What is said if the user ends this program at once: what is left half done, and the command that puts it right.
let words: string[] = [];

/** Sets them for the work that begins; none when it is over. */
export function setLastWords(lines: string[]): void {
  words = lines;
}

export const lastWords = (): string[] => words;
