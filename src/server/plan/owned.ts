// Finds the containers and units of the registry in a directory, without a record of it: by the labels of containers, the marks in units.
import { basename } from 'node:path';
import { ownedContainers } from '../../engines/containers.ts';
import type { Host } from '../../host/host.ts';
import { MARK, unitPath } from '../../resources/unit.ts';
import type { Program } from '../../settings/settings.ts';

export const PROGRAMS: Program[] = ['docker', 'podman'];

/** The name of a container that an upgrade tries beside the one that runs: the journal removes it. */
export const trialName = (name: string, random: string): string => `${name}-upgrade-${random}`;
const isTrial = (name: string) => /-upgrade-[0-9a-f]{8}$/.test(name);

/** Returns the containers of the set-up in a directory, in one engine; without those that an upgrade tries. */
export async function containersOf(host: Host, dir: string, program: Program) {
  const all = await ownedContainers(host, program);
  return all
    .filter(({ owner, name }) => owner === dir && !isTrial(name))
    .map(({ name }) => ({ name, program }));
}

/** Returns the names of the units with the mark of this program that speak of this directory; of a timer, its service does. */
export async function unitsIn(host: Host, dir: string, suffix: '.service' | '.timer', own: { own?: true }) {
  const folder = unitPath({ name: '', ...own }).replace(/\/[^/]*$/, '');
  const files = (await host.list(folder).catch(() => [])).filter((name) => name.endsWith(suffix));
  const names = files.map((name) => basename(name, suffix));
  const ours = await Promise.all(names.map((name) => speaksOf(host, unitPath({ name, ...own }), dir)));
  return names.filter((_, i) => ours[i]);
}

/** A path as a unit may write it. (systemd.unit(5): `%` is doubled, and in quotes a backslash comes before `"` and itself) */
const spellings = (path: string) => {
  const doubled = path.replaceAll('%', '%%');
  return [path, doubled, doubled.replace(/["\\]/g, '\\$&')];
};

/** Tells whether this program wrote the file, for the registry in that directory: it starts the registry, or renews its certificate. */
export async function speaksOf(host: Host, path: string, dir: string): Promise<boolean> {
  const text = (await host.read(path).catch(() => undefined))?.toString() ?? '';
  if (!text.startsWith(`# ${MARK}`)) return false;
  const words = spellings(dir).flatMap((path) => [
    ...[`${path}/config/config.yml`, `${path}/program/`].flatMap((file) => [
      ` ${file}`,
      `"${file}`,
      `'${file}`,
    ]),
    // templates/podman.service
    ` in ${path}: `,
  ]);
  return words.some((word) => text.includes(word));
}
