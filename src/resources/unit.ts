// A systemd service of ours: its file, switched on, running. The file names the digest of what it reads, so that a change restarts it.
import { dirname, join } from 'node:path';
import { CliError } from '../errors.ts';
import { type Door, untilListening, whileTheyWait } from '../host/hold-connections.ts';
import type { Host } from '../host/host.ts';
import { unifiedDiff } from '../terminal/diff.ts';
import { missing } from './dir.ts';
import type { Provider, ResourceOf } from './resource.ts';
import type { UndoStep } from './undo.ts';

type Unit = Pick<ResourceOf<'unit'>, 'name' | 'own'>;

const own_ = (own: true | undefined) => (own ? ['--user'] : []);

/** Of the machine, or of the person who runs this. (systemd.unit(5)) */
export const unitPath = ({ name, own }: Unit, home = process.env.HOME ?? '/root'): string =>
  join(own ? join(home, '.config/systemd/user') : '/etc/systemd/system', `${name}.service`);

/** Stands in the first line of every unit that is written here (templates/). */
export const MARK = 'Written by registry-setup';

/** A service that somebody has put in the place of one of ours: its name was chosen by a person, and says nothing. */
export async function isSomebodys(path: string, host: Host): Promise<boolean> {
  if (!/\/systemd\/(system|user)\/(?!registry-setup-)[^/]+\.service$/.test(path)) return false;
  const text = (await host.read(path))?.toString();
  return text !== undefined && !text.includes(MARK);
}

async function systemctl(host: Host, { name, own }: Unit, ...words: string[]): Promise<void> {
  const args = [...own_(own), ...words];
  const { code, stderr } = await host.run('systemctl', args, { timeout: 120_000 });
  if (code === 0) return;
  throw new CliError(`systemctl ${args.join(' ')} failed.`, {
    why: stderr.trim(),
    fix: `journalctl ${[...own_(own), '-u', name].join(' ')} -n 50`,
  });
}

/** Both that it runs and that it starts with the machine. */
async function isOn(host: Host, { name, own }: Unit): Promise<boolean> {
  const asks = ['is-active', 'is-enabled'].map((word) =>
    host.run('systemctl', [...own_(own), word, '--quiet', `${name}.service`]),
  );
  return (await Promise.all(asks)).every(({ code }) => code === 0);
}

/**
 * On, or off; systemd reads its files anew before it starts anything. What is off already, or has no file, is left so, and a service of
 * somebody else's is not switched off.
 * @param door of a service that runs: who comes while it is started again waits
 */
export async function switchUnit(
  host: Host,
  { name, own, on, door }: Unit & { on: boolean; door?: Door | undefined },
): Promise<void> {
  const unit = { name, ...(own && { own }) };
  const file = `${name}.service`;
  const there = await host.stat(unitPath(unit));
  if (on && !there) return;
  if (!on && (await isSomebodys(unitPath(unit), host))) return;
  if (!on && there)
    await host.run('systemctl', [...own_(own), 'disable', '--now', file], { timeout: 120_000 });
  // By itself it would read everything anew, which takes its time and is done below.
  if (on) await systemctl(host, unit, 'enable', '--quiet', '--no-reload', file);
  await systemctl(host, unit, 'daemon-reload');
  if (!on) return;
  await whileTheyWait(host, door ? [door] : [], async () => {
    await systemctl(host, unit, 'restart', file);
    if (door) await untilListening(host, door.port);
  });
}

/** The way back from folders that are made for a unit, as in the home of a person. */
export const foldersOf = async (path: string, host: Host): Promise<UndoStep[]> =>
  (await missing(dirname(path), host)).map((folder) => ({ do: 'rmdir', path: folder }));

export const unit: Provider<ResourceOf<'unit'>> = {
  title: ({ name }) => `service ${name}`,

  async check(resource, host) {
    const path = unitPath(resource);
    const there = (await host.read(path))?.toString();
    if (there !== resource.text)
      return {
        what: there === undefined ? 'create' : 'change',
        details: unifiedDiff(path, there, resource.text),
      };
    if (await isOn(host, resource)) return undefined;
    const words = ['systemctl', ...own_(resource.own), 'enable', '--now', `${resource.name}.service`];
    return {
      what: 'start',
      details: ['it is not running, or does not start with the machine', words.join(' ')],
    };
  },

  async undo(resource, host, vault) {
    const { name, own } = resource;
    const path = unitPath(resource);
    const [there, bytes, on] = await Promise.all([host.stat(path), host.read(path), isOn(host, resource)]);
    const step = { do: 'unit' as const, name, ...(own && { own }) };
    // Off while its file is still there; systemd forgets it when the file is gone.
    if (!there || !bytes)
      return {
        steps: [
          { ...step, on: false },
          { do: 'remove', path },
          { ...step, on: false },
          ...(await foldersOf(path, host)),
        ],
      };
    const { mode, uid, gid } = there;
    const restore: UndoStep = { do: 'restore', path, copy: await vault.keep(bytes), mode, uid, gid };
    return { steps: [{ ...step, on: false }, restore], last: on ? [{ ...step, on }] : [] };
  },

  async apply(resource, host) {
    const path = unitPath(resource);
    for (const folder of (await missing(dirname(path), host)).toReversed()) await host.mkdir(folder, 0o755);
    const door = (await host.stat(path)) && resource.door;
    await host.write(path, resource.text, { mode: 0o644 });
    await switchUnit(host, { ...resource, door, on: true });
  },
};
