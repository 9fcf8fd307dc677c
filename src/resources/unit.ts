// A systemd service of the set-up: its file, enabled, running. The file has the digest of what the service reads: a change restarts it.
import { dirname, join } from 'node:path';
import { holdConnections, type Listener, untilListening } from '../host/hold-connections.ts';
import type { Host } from '../host/host.ts';
import { sha256 } from '../host/sha256.ts';
import { hasRead, isOn, mustSystemctl, systemctl, systemctlLine } from '../host/systemd.ts';
import { unifiedDiff } from '../terminal/diff.ts';
import { missing } from './dir.ts';
import { type FileStep, type Provider, serviceLines, wayBackOfFile } from './provider.ts';

/** A systemd service, enabled and running; `own`: in the user's own systemd. `door`: the port that it listens on. */
export interface UnitResource {
  kind: 'unit';
  name: string;
  text: string;
  own?: true;
  door?: Listener;
  /** It starts a container of podman: the service of another engine, of the same name, is another one, and ends before it. */
  engine?: 'podman';
}

/** `was`: the state before the change, as stateOf returns it. */
type UnitStep = { do: 'unit'; name: string; on: boolean; own?: true; was?: string };

type Unit = Pick<UnitResource, 'name' | 'own'>;

/** Returns the path of a unit, of the machine or of the user who runs this program. (systemd.unit(5)) */
export const unitPath = ({ name, own }: Unit, home = process.env.HOME ?? '/root'): string =>
  join(own ? join(home, '.config/systemd/user') : '/etc/systemd/system', `${name}.service`);

/** Is in the first line of every unit that this program writes (templates/). */
export const MARK = 'Written by registry-setup';

/** Tells whether somebody has replaced a service of the set-up by another: a user chose its name, so the name proves nothing. */
export async function isSomebodys(path: string, host: Host): Promise<boolean> {
  if (!/\/systemd\/(system|user)\/(?!registry-setup-)[^/]+\.service$/.test(path)) return false;
  const text = (await host.read(path))?.toString();
  return text !== undefined && !text.includes(MARK);
}

/** Tells whether the unit exists and nobody has replaced it by another. */
const isOurs = async (unit: Unit, host: Host): Promise<boolean> =>
  (await host.stat(unitPath(unit))) !== undefined && !(await isSomebodys(unitPath(unit), host));

/**
 * Switches a service on or off. systemd reloads its files before it starts anything. A service that is off already or has no file stays
 * so. Somebody else's service is not switched off.
 * @param door of a running service: new connections wait while it restarts
 */
async function switchUnit(
  host: Host,
  { name, own, on, door }: Unit & { on: boolean; door?: Listener | undefined },
): Promise<void> {
  const unit = { name, unit: name, ...(own && { own }) };
  const file = `${name}.service`;
  const there = await host.stat(unitPath(unit));
  if (on && !there) return;
  if (!on && (await isSomebodys(unitPath(unit), host))) return;
  if (!on && there) await systemctl(host, unit, 'disable', '--now', file);
  // Without --no-reload it would reload all units, which takes time and is done below.
  if (on) await mustSystemctl(host, unit, 'enable', '--quiet', '--no-reload', file);
  if (on || !(await hasRead(host, unit, file))) await mustSystemctl(host, unit, 'daemon-reload');
  if (!on) return;
  await holdConnections(host, door ? [door] : [], async () => {
    await mustSystemctl(host, unit, 'restart', file);
    if (door) await untilListening(host, door.port);
  });
}

/** Returns the state of a service as text: the digest of its file, whether it runs, whether it starts at boot. */
async function stateOf({ name, own }: Unit, host: Host): Promise<string> {
  const asks = ['is-active', 'is-enabled'].map((word) =>
    systemctl(host, { own }, word, '--quiet', `${name}.service`),
  );
  const [text, ...answers] = await Promise.all([host.read(unitPath({ name, ...(own && { own }) })), ...asks]);
  return [text ? sha256(text) : '', ...answers.map(({ code }) => code === 0)].join(' ');
}

/** Tells whether a step finds the service as it leaves it: the change was never made, or is undone already. */
async function isUndone(step: UnitStep, host: Host): Promise<boolean> {
  const file = `${step.name}.service`;
  if (step.on) return (await isOn(host, step, file)) && hasRead(host, step, file);
  return step.was !== undefined && step.was === (await stateOf(step, host));
}

/** Returns the way back from folders that are made for a unit, as in the home of a user. */
export const foldersOf = async (path: string, host: Host): Promise<FileStep[]> =>
  (await missing(dirname(path), host)).map((folder) => ({ do: 'rmdir', path: folder }));

export const unit: Provider<UnitResource, UnitStep> = {
  title: ({ name }) => `service ${name}`,
  id: ({ name }) => name,
  engine: ({ engine }) => engine,
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
    const first = { ...off, was: await stateOf(resource, host) };
    const file = await wayBackOfFile(path, host, vault);
    // Switches off while the file still exists; systemd forgets the service when the file is removed.
    if (file.do === 'remove') return { steps: [first, file, off, ...(await foldersOf(path, host))] };
    return { steps: [first, file], last: on ? [{ ...step, on }] : [] };
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
      perform: async (step, host) => ((await isUndone(step, host)) ? undefined : switchUnit(host, step)),
      isLeft: isOurs,
      inverse: async ({ was: _, ...step }, host) => ({
        steps: [],
        last: (await isOurs(step, host)) ? [{ ...step, on: !step.on }] : [],
      }),
      asOldest: ({ was: _, ...step }) => step,
      words: ({ name, on, own }) =>
        systemctlLine({ own }, on ? 'enable' : 'disable', '--now', `${name}.service`).join(' '),
    },
  },
};
