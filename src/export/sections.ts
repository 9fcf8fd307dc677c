// Keeps the sections of a template that its use needs: from a line `#<NAME` to the line `#>` of the same depth.

/** Returns the text with these sections, without the lines that mark them. @throws Error for a section that nobody knows */
export function keepSections(text: string, kept: Record<string, boolean>): string {
  const open: boolean[] = [];
  const lines = text.split('\n').filter((line) => {
    const [, begins, ends] = /^\s*#(?:<(\w+)|(>))$/.exec(line) ?? [];
    if (begins !== undefined) {
      const keeps = kept[begins];
      if (keeps === undefined) throw new Error(`no section ${begins}`);
      open.push(keeps);
    }
    if (ends) open.pop();
    return begins === undefined && !ends && open.every(Boolean);
  });
  return lines.join('\n');
}
