// Judges the images that were found: what is an upgrade, what is none, what is refused.
import { architecture } from '../../../engines/images/archive.ts';
import { CliError } from '../../../errors.ts';
import { commandLine } from '../../../terminal/command.ts';
import type { Candidate } from './fetch.ts';
import type { Running } from './running.ts';
import { FLAG, type PerRole, type Role, TITLE } from './wanted.ts';

/** An image that takes the place of another. */
export interface Upgrade {
  role: Role;
  from: Running;
  to: Candidate & Pick<Running, 'version' | 'major'>;
}

/** Returns the images that are others than those that run. */
export const upgradesOf = (running: PerRole<Running>, found: Upgrade['to'][]): Upgrade[] =>
  found.flatMap((to) => {
    const from = running[to.role];
    return from && from.id !== to.id ? [{ role: to.role, from, to }] : [];
  });

/**
 * Refuses an image that cannot take the place of what runs, or should not.
 * @param former the images from before the last upgrade: the way back to them is open
 * @throws CliError (exit 2)
 */
export function mustBeFit({ role, from, to }: Upgrade, former: string[]): void {
  const { ref } = to;
  if (to.architecture && ![from.architecture, architecture()].includes(to.architecture))
    throw new CliError(
      `The image ${ref} is for ${to.architecture}, and this machine is ${from.architecture || architecture()}.`,
      { exitCode: 2 },
    );
  if (role !== 'registry') return;
  if (to.version === undefined && from.version !== undefined)
    throw new CliError(`The image ${ref} is not a registry, or does not run here.`, {
      why: 'Its program "registry" does not print a version.',
      fix: `The one of Docker Hub:   ${commandLine('upgrade --image registry:3')}`,
      exitCode: 2,
    });
  if ((to.major ?? 0) >= (from.major ?? 0) || former.includes(ref)) return;
  throw new CliError(`${ref} is registry ${to.major}, and registry ${from.major} runs here.`, {
    why: `Registry ${to.major} is no longer maintained, and nobody has tried it with what registry ${from.major} has written here.`,
    fix: `If it must be, without a trial:   ${commandLine(`--yes --image ${ref}`)}`,
    exitCode: 2,
  });
}

/** Returns `registry:3 (3.1.1)`, or the name with the day on which the image was made. */
export function imageText({ ref, version, created }: Pick<Running, 'ref' | 'version' | 'created'>): string {
  const day = /^\d{4}-\d\d-\d\d/.exec(created)?.[0];
  // Images that are made to be the same again have a day of long ago.
  const more = version ?? (day && day > '2000' ? `of ${day}` : undefined);
  return more ? `${ref} (${more})` : ref;
}

/** Returns what runs and what takes its place; by their ids, if nothing else tells them apart. */
export function upgradeTexts({ from, to }: Upgrade): [string, string] {
  const texts: [string, string] = [imageText(from), imageText(to)];
  if (texts[0] !== texts[1]) return texts;
  const short = (id: string) => id.replace(/^sha256:/, '').slice(0, 12);
  return [`${texts[0]} ${short(from.id)}`, `${texts[1]} ${short(to.id)}`];
}

/** Returns why nothing is newer, and what to do if it should be: a name that leads to one image for ever leads to no newer one. */
export function nothingNewer(running: PerRole<Running>, found: Candidate[]): string[] {
  return found.flatMap(({ role, ref, notPulled }) => {
    const now = running[role];
    if (!now) return [];
    const text = imageText({ ...now, ref });
    const [, name = ref] = /^(.*?)(?:@sha256:[0-9a-f]+|:\d+(?:\.\d+){2})$/.exec(ref) ?? [];
    const fixed = name !== ref;
    return [
      `${TITLE[role]}: ${text} runs, and nothing newer has that name${notPulled === undefined ? '' : ' here'}.`,
      ...(fixed && role === 'registry'
        ? [
            `  That name never leads to another image. The newest:   ${commandLine(`upgrade ${FLAG[role]} ${name}:3`)}`,
          ]
        : []),
    ];
  });
}
