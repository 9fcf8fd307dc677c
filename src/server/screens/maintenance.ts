// Tells what the registry holds, and what keeps it small; pure text.
import { ago } from '../../images/screens.ts';
import type { Settings } from '../../settings/settings.ts';
import { commandLine } from '../../terminal/command.ts';
import { bytes, count } from '../../terminal/output.ts';
import type { Notes } from '../notes.ts';
import { wayBack } from './upgrade.ts';

const row = (title: string, text: string) => `  ${title.padEnd(12)}${text}`;
const since = (at: string, now: Date) => ago(new Date(at), now);

/** Returns the rules of every night: `keep the newest 10, older than 30d, but v*`. */
function rulesText({ keepLast, olderThan, match, keepTags, untagged }: Settings): string {
  return [
    ...(keepLast === undefined ? [] : [`keep the newest ${keepLast}`]),
    ...(olderThan === undefined ? [] : [`remove what is older than ${olderThan}`]),
    ...(match ? [`of ${match.join(', ')}`] : []),
    ...(keepTags ? [`never ${keepTags.join(', ')}`] : []),
    ...(untagged ? ['and what has no tag'] : []),
  ].join(', ');
}

/** Returns the lines of `status` about images and their removal. */
export function maintenanceLines(
  settings: Settings,
  { counted, collected, pruned, upgraded }: Notes,
  now: Date,
): string[] {
  return [
    ...(counted
      ? [
          row(
            '',
            `${count(counted.repositories, 'repository', 'repositories')}, ${count(counted.tags, 'tag')}, ${bytes(counted.bytes)}; counted ${since(counted.at, now)} (${commandLine('image list')})`,
          ),
        ]
      : []),
    ...(upgraded ? [row('Upgraded', `${since(upgraded.at, now)}; back:   ${wayBack(upgraded.from)}`)] : []),
    ...(collected ? [row('Collected', `${since(collected.at, now)}, ${bytes(collected.bytes)} freed`)] : []),
    ...(settings.prune
      ? [
          row(
            'Every night',
            `${rulesText(settings)}${pruned ? `; ${pruned.tags} removed ${since(pruned.at, now)}` : ''}`,
          ),
        ]
      : []),
  ];
}
