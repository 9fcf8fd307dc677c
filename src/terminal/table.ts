// Lays out a table in columns. Its cells may come from others: control characters are made visible.
import { visible } from './visible.ts';

/**
 * Returns the lines of a table, the titles first.
 * @param right the columns that are aligned to the right
 */
export function tableLines(titles: string[], rows: string[][], right: number[] = []): string[] {
  const all = [titles, ...rows].map((row) => row.map(visible));
  const widths = titles.map((_, i) => all.reduce((most, row) => Math.max(most, (row[i] ?? '').length), 0));
  const cell = (text: string, i: number) =>
    right.includes(i) ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0);
  return all.map((row) => row.map(cell).join('  ').trimEnd());
}
