// Tells what the registry holds, and what keeps it small; pure text.
import { type Dates, renewedFrom } from '../../certificates/validity.ts';
import { ago } from '../../images/screens.ts';
import { serverName } from '../../settings/acme.ts';
import type { Settings } from '../../settings/settings.ts';
import { commandLine } from '../../terminal/command.ts';
import { bytes, count } from '../../terminal/output.ts';
import { visible } from '../../terminal/visible.ts';
import { type Notes, refusalIn } from '../notes.ts';
import { RENEW_WITHIN } from '../plan/renewal.ts';
import type { Traffic } from '../traffic.ts';
import { wayBack } from './upgrade.ts';

/** Bytes of a disk. */
interface Space {
  free: number;
  total: number;
}

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

/** Returns `about 3 months`. */
function aboutDays(days: number): string {
  const [size, name] = days < 14 ? [1, 'day'] : days < 60 ? [7, 'week'] : [30.4, 'month'];
  return `about ${count(Math.max(1, Math.round(days / size)), name)}`;
}

/** Returns `41 GB of 60 GB free; at this rate full in about 3 months`. */
export const spaceText = ({ free, total }: Space, fullIn: number | undefined): string =>
  `${bytes(free)} of ${bytes(total)} free${fullIn === undefined ? '' : `; at this rate full in ${aboutDays(fullIn)}`}`;

const HOUR = 3_600_000;

/** Returns `12 pulls, 3 pushes in the last day`; for a part of a day, and for an older count, which one. */
function trafficText({ at, since: from, pulls, pushes }: Traffic, now: Date): string {
  const hours = Math.floor((Date.parse(at) - Date.parse(from)) / HOUR);
  const span =
    hours >= 23 ? 'in the last day' : hours < 1 ? 'in the last hour' : `in the last ${count(hours, 'hour')}`;
  const old = now.getTime() - Date.parse(at) > HOUR ? `; counted ${since(at, now)}` : '';
  return `${count(pulls, 'pull')}, ${count(pushes, 'push', 'pushes')} ${span}${old}`;
}

/** Returns the lines of `status` about images and their removal. */
export function maintenanceLines(
  settings: Settings,
  { counted, collected, pruned, upgraded, traffic }: Notes,
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
    ...(traffic ? [row('Clients', trafficText(traffic, now))] : []),
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

/** Returns the lines of `status` about the renewal of the certificate; none for plain HTTP. @param served its dates */
export function renewalLines(settings: Settings, notes: Notes, now: Date, served?: Dates): string[] {
  const { tls, renew, acme } = settings;
  const { renewed, looked } = notes;
  if (tls === 'insecure') return [];
  const parts = [
    ...(acme && renew && served
      ? [
          `by this program at ${serverName(settings)}, from ${renewedFrom(served, RENEW_WITHIN).toISOString().slice(0, 10)} on`,
        ]
      : []),
    ...(renewed ? [`last ${since(renewed.at, now)}`] : []),
    ...(renew && looked
      ? [`looked at every ${acme ? 'six hours' : 'night'}, last ${since(looked.at, now)}`]
      : []),
    ...(renew ? [] : [`by hand: ${commandLine('rotate')}`]),
  ];
  const refused = acme ? refusalIn(notes) : undefined;
  return [
    ...(parts.length > 0 ? [row('Renewal', parts.join('; '))] : []),
    ...(refused ? [row('', `failed ${since(refused.at, now)}: ${visible(refused.why)}`)] : []),
  ];
}
