// Finds and cuts flags in the files that start a daemon: systemd units, environment files, shell scripts. Pure.

interface Span {
  start: number;
  end: number;
}

/** Blanks, a backslash before the line's end, and the comments that systemd allows between the lines it joins. */
const GAP = /(?:\s|\\\r?\n(?:[ \t]*[#;].*\n)*)*/y;
const WORD = /(?:"(?:[^"\\]|\\.)*"|'[^']*'|\\[^\r\n]|[^\s\\"']|["'])+/sy;

/** A variable of the shell or a specifier of systemd: only the daemon's command line tells its value. */
export const NOT_PLAIN = /[$%]/;

/** Splits a text into words as systemd and a shell do, with their quotes. */
function splitWords(text: string): Span[] {
  const found: Span[] = [];
  for (let at = 0; at < text.length; at = WORD.lastIndex) {
    GAP.lastIndex = at;
    GAP.exec(text);
    WORD.lastIndex = GAP.lastIndex;
    const match = WORD.exec(text);
    if (!match) break;
    found.push({ start: match.index, end: WORD.lastIndex });
  }
  return found;
}

/** Returns the value that the flag has at `index`, and the index of its last word: `--flag=x` is one word, `--flag x` two. */
export function flagAt(
  words: string[],
  index: number,
  flag: string,
): { value: string; last: number } | undefined {
  const word = words[index];
  const next = words[index + 1];
  if (word === flag && next !== undefined) return { value: next, last: index + 1 };
  return word?.startsWith(`${flag}=`) ? { value: word.slice(flag.length + 1), last: index } : undefined;
}

/** Returns the length of the blanks and line ends at a place. A comment between two joined lines is no blank: it stays. */
const blanksAt = (text: string, at: number) => /^(?:\s|\\\r?\n)*/.exec(text.slice(at))?.[0].length ?? 0;

/** Returns the values of a flag in a line, and the spans to cut to remove it. `offset` is where the text lies in the line. */
export function findFlags(text: string, flag: string, offset = 0): { values: string[]; cuts: Span[] } {
  const values: string[] = [];
  const cuts: Span[] = [];
  const spans = splitWords(text);
  const prefixes = spans.map(
    ({ start, end }) => /^(?:[A-Za-z_]\w*=)+/.exec(text.slice(start, end))?.[0].length ?? 0,
  );
  const raw = spans.map(({ start, end }, i) => text.slice(start + (prefixes[i] ?? 0), end));
  const plain = raw.map((word) => word.replace(/["'\\]/g, ''));
  let keptEnd: number | undefined;

  for (let i = 0; i < spans.length; i++) {
    const { end } = spans[i] as Span;
    const start = end - (raw[i] as string).length;
    if (prefixes[i]) keptEnd = start; // the prefix `NAME=` stays
    const [, , inside] = /^(["'])(.*)\1$/s.exec(raw[i] as string) ?? [];
    const found = flagAt(plain, i, flag);
    if (inside !== undefined && (prefixes[i] || /\s/.test(inside))) {
      const inner = findFlags(inside, flag, offset + start + 1);
      values.push(...inner.values);
      cuts.push(...inner.cuts);
    } else if (found) {
      values.push(found.value);
      i = found.last;
      const last = spans[i] as Span;
      if (NOT_PLAIN.test(found.value)) keptEnd = last.end;
      else if (spans[i + 1])
        cuts.push({ start: offset + start, end: offset + last.end + blanksAt(text, last.end) });
      else cuts.push({ start: offset + (keptEnd ?? start), end: offset + last.end });
      continue;
    }
    keptEnd = end;
  }
  return { values, cuts };
}

/** Returns the text without the spans. */
export const cutOut = (text: string, cuts: Span[]) =>
  text
    .split('')
    .filter((_, at) => !cuts.some(({ start, end }) => start <= at && at < end))
    .join('');

/** How a line continues: in a unit across comments, in an environment file until its quote is closed. */
export type LineStyle = 'unit' | 'environment' | 'script';

/** Returns the lines with the lines that continue them, numbered from 1. Skips comments and blank lines. */
export function logicalLines(text: string, style: LineStyle): { line: number; text: string }[] {
  const lines = text.split('\n');
  const found: { line: number; text: string }[] = [];
  const isComment = (line = '') => /^\s*[#;]/.test(line);
  for (let i = 0; i < lines.length; i++) {
    const first = i;
    if (isComment(lines[i]) || !lines[i]?.trim()) continue;
    const joined = () => lines.slice(first, i + 1).join('\n');
    const goesOn = () =>
      lines[i]?.trimEnd().endsWith('\\') || (style === 'unit' && i > first && isComment(lines[i]));
    const isOpen = () =>
      style === 'environment' && /["']/.test(joined().replace(/\\.|"(?:[^"\\]|\\.)*"|'[^']*'/gs, ''));
    while (i < lines.length - 1 && (goesOn() || isOpen())) i++;
    if (isOpen()) i = first; // a quote that is never closed is a plain character
    found.push({ line: first + 1, text: joined().replace(/\r$/, '') });
  }
  return found;
}
