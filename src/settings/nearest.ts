// Finds the word that the user probably meant.

/** Returns the number of single-character edits between two words (Levenshtein); the words are short, so the simple table will do. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Returns the word of the list that the user probably meant; undefined if none is near. */
export function nearest(word: string, list: readonly string[]): string | undefined {
  const [best] = list.map((w) => ({ w, d: distance(word, w) })).sort((a, b) => a.d - b.d);
  const few = word.length > 3 ? Math.max(2, word.length / 3) : 1;
  return best && best.d <= few ? best.w : undefined;
}
