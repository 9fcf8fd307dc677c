// --dry-run: shows how the machine differs from the plan, as text for the user or as JSON.
import type { Context } from '../context.ts';
import type { Paint } from '../terminal/output.ts';
import type { Change } from './reconcile.ts';

const WORD = { create: 'new', change: 'changes', start: 'starts', remove: 'is removed' };

/** Returns the lines of each change with its details: a diff, a command that will be run. Secrets are masked already. */
export const changeDetails = (changes: Change[], paint: Paint): string[] =>
  changes.flatMap(({ title, drift }) => [
    `${paint('bold', title)}   ${paint('dim', WORD[drift.what])}`,
    ...drift.details.map((line) => `  ${coloured(line, paint)}`),
    '',
  ]);

function coloured(line: string, paint: Paint): string {
  if (line.startsWith('+')) return paint('green', line);
  if (line.startsWith('-')) return paint('red', line);
  return line.startsWith('@@') ? paint('dim', line) : line;
}

/** Returns the changes of a run as its JSON document lists them. */
export const changed = (changes: Change[]) =>
  changes.map(({ title, drift }) => ({ title, what: drift.what }));

/** Writes the changes to standard output, as text or as JSON. */
export function showDryRun({ output }: Context, { changes }: { changes: Change[] }): void {
  output.json({
    ok: true,
    dryRun: true,
    changes: changes.map(({ title, resource, drift: { what, details } }) => ({
      kind: resource.kind,
      title,
      what,
      details,
    })),
  });
  if (changes.length === 0) output.out('Nothing to do.');
  else output.out(...changeDetails(changes, output.paint), 'Nothing was changed.');
}
