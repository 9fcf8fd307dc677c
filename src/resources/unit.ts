// A systemd service of ours: its file, switched on, running. The file names the digest of what it reads, so that a change restarts it.
import { dirname, join } from 'node:path';
import { type Door, untilListening, whileTheyWait } from '../host/hold-connections.ts';
import type { Host } from '../host/host.ts';
import { isOn, mustSystemctl, systemctl, systemctlLine } from '../host/systemd.ts';
import { unifiedDiff } from '../terminal/diff.ts';
import { missing } from './dir.ts';
import { type FileStep, type Provider, serviceLines, wayBackOfFile } from './provider.ts';

/** A systemd service, switched on and running; `own`: of the user's own systemd. `door`: where it listens. */
export interface UnitResource {
  kind: 'unit';
  name: string;
  text: string;
  own?: true;
  door?: Door;
}

type UnitStep = { do: 'unit'; name: string; on: boolean; own?: true };

type Unit = Pick<UnitResource, 'name' | 'own'>;

/** Of the machine, or of the person who runs this. (systemd.unit(5)) */
export const unitPath = ({ name, own }: Unit, home = process.env.HOME ?? '/root'): string =>
  join(own ? join(home, '.config/systemd/user') : '/etc/systemd/system', `${name}.service`);

/** Stands in the first line of every unit that is written here (templates/). */
export const MARK = 'Written by registry-setup';

/** A service that somebody has put in the place of one of ours: its name was chosen by a user, and says nothing. */
export async function isSomebodys(path: string, host: Host): Promise<boolean> {
  if (!/\/systemd\/(system|user)\/(?!registry-setup-)[^/]+\.service$/.test(path)) return false;
  const text = (await host.read(path))?.toString();
  return text !== undefined && !text.includes(MARK);
}

/** The unit is there, and nobody has put another in its place. */
const isOurs = async (unit: Unit, host: Host): Promise<boolean> =>
  (await host.stat(unitPath(unit))) !== undefined && !(await isSomebodys(unitPath(unit), host));

/**
 * On, or off; systemd reads its files anew before it starts anything. What is off already, or has no file, is left so, and a service of
 * somebody else's is not switched off.
 * @param door of a service that runs: who comes while it is started again waits
 */
async function switchUnit(
  host: Host,
  { name, own, on, door }: Unit & { on: boolean; door?: Door | undefined },
): Promise<void> {
  const unit = { name, unit: name, ...(own && { own }) };
  const file = `${name}.service`;
  const there = await host.stat(unitPath(unit));
  if (on && !there) return;
  if (!on && (await isSomebodys(unitPath(unit), host))) return;
  if (!on && there) await systemctl(host, unit, 'disable', '--now', file);
  // By itself it would read everything anew, which takes its time and is done below.
  if (on) await mustSystemctl(host, unit, 'enable', '--quiet', '--no-reload', file);
  await mustSystemctl(host, unit, 'daemon-reload');
  if (!on) return;
  await whileTheyWait(host, door ? [door] : [], async () => {
    await mustSystemctl(host, unit, 'restart', file);
    if (door) await untilListening(host, door.port);
  });
}

/** The way back from folders that are made for a unit, as in the home of a person. */
export const foldersOf = async (path: string, host: Host): Promise<FileStep[]> =>
  (await missing(dirname(path), host)).map((folder) => ({ do: 'rmdir', path: folder }));

export const unit: Provider<UnitResource, UnitStep> = {
  title: ({ name }) => `service ${name}`,
  id: ({ name }) => name,
  removed: (name) => `service ${name}`,
  review: serviceLines,

  async check(resource, host) {
    const path = unitPath(resource);
    const there = (await host.read(path))?.toString();
    if (there !== resource.text)
      return {
        what: there === undefined ? 'create' : 'change',
        details: unifiedDiff(path, there, resource.text),
      };
    if (await isOn(host, resource, `${resource.name}.service`)) return undefined;
    const words = systemctlLine(resource, 'enable', '--now', `${resource.name}.service`);
    return {
      what: 'start',
      details: ['it is not running, or does not start with the machine', words.join(' ')],
    };
  },

  async undo(resource, host, vault) {
    const { name, own } = resource;
    const path = unitPath(resource);
    const on = await isOn(host, resource, `${name}.service`);
    const step = { do: 'unit' as const, name, ...(own && { own }) };
    const off = { ...step, on: false };
    const file = await wayBackOfFile(path, host, vault);
    // Off while its file is still there; systemd forgets it when the file is gone.
    if (file.do === 'remove') return { steps: [off, file, off, ...(await foldersOf(path, host))] };
    return { steps: [off, file], last: on ? [{ ...step, on }] : [] };
  },

  async apply(resource, host) {
    const path = unitPath(resource);
    for (const folder of (await missing(dirname(path), host)).toReversed()) await host.mkdir(folder, 0o755);
    const door = (await host.stat(path)) && resource.door;
    await host.write(path, resource.text, { mode: 0o644 });
    await switchUnit(host, { ...resource, door, on: true });
  },

  steps: {
    unit: {
      perform: (step, host) => switchUnit(host, step),
      isLeft: isOurs,
      inverse: async (step, host) => ({
        steps: [],
        last: (await isOurs(step, host)) ? [{ ...step, on: !step.on }] : [],
      }),
      words: ({ name, on, own }) =>
        systemctlLine({ own }, on ? 'enable' : 'disable', '--now', `${name}.service`).join(' '),
    },
  },
};
