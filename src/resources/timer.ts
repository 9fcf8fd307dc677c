// A systemd timer of ours: its two units, switched on and running.
import { dirname } from 'node:path';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { unifiedDiff } from '../terminal/diff.ts';
import { missing } from './dir.ts';
import type { Provider, ResourceOf } from './resource.ts';
import type { UndoStep } from './undo.ts';
import { foldersOf, unitPath } from './unit.ts';

type Timer = Pick<ResourceOf<'timer'>, 'name' | 'own'>;

/** Its two units, of the machine or of the person who runs this. */
export const unitPaths = ({ name, own }: Timer) => {
  const service = unitPath({ name, ...(own && { own }) });
  return { service, timer: service.replace(/\.service$/, '.timer') };
};

const words = ({ own }: Timer, ...args: string[]) => [...(own ? ['--user'] : []), ...args];

async function systemctl(host: Host, timer: Timer, ...args: string[]): Promise<void> {
  const said = words(timer, ...args);
  const { code, stderr } = await host.run('systemctl', said);
  if (code !== 0) throw new CliError(`systemctl ${said.join(' ')} failed.`, { why: stderr.trim() });
}

const isOn = async (host: Host, timer: Timer) =>
  (await host.run('systemctl', words(timer, 'is-active', '--quiet', `${timer.name}.timer`))).code === 0 &&
  (await host.run('systemctl', words(timer, 'is-enabled', '--quiet', `${timer.name}.timer`))).code === 0;

/** Switches a timer on, or off; systemd reads its files anew first. */
export async function switchTimer(host: Host, timer: Timer, on: boolean): Promise<void> {
  const unit = `${timer.name}.timer`;
  if (on && !(await host.stat(unitPaths(timer).timer))) return;
  if (!on) await host.run('systemctl', words(timer, 'disable', '--now', unit));
  if (on) await systemctl(host, timer, 'enable', '--no-reload', unit);
  await systemctl(host, timer, 'daemon-reload');
  if (on) await systemctl(host, timer, 'restart', unit);
}

export const timer: Provider<ResourceOf<'timer'>> = {
  title: ({ name }) => `timer ${name}`,

  async check(resource, host) {
    const { name, service, timer: text } = resource;
    const paths = unitPaths(resource);
    const [serviceThere, timerThere] = await Promise.all([host.read(paths.service), host.read(paths.timer)]);
    const details = [
      ...(serviceThere?.toString() === service
        ? []
        : unifiedDiff(paths.service, serviceThere?.toString(), service)),
      ...(timerThere?.toString() === text ? [] : unifiedDiff(paths.timer, timerThere?.toString(), text)),
    ];
    if (!serviceThere && !timerThere) return { what: 'create', details };
    if (details.length > 0) return { what: 'change', details };
    if (await isOn(host, resource)) return undefined;
    const line = ['systemctl', ...words(resource, 'enable', '--now', `${name}.timer`)].join(' ');
    return { what: 'start', details: [`it is switched off: ${line}`] };
  },

  async undo(resource, host, vault) {
    const { name, own } = resource;
    const steps: UndoStep[] = [];
    for (const path of Object.values(unitPaths(resource))) {
      const [there, bytes] = await Promise.all([host.stat(path), host.read(path)]);
      if (!there || !bytes) steps.push({ do: 'remove', path });
      else
        steps.push({
          do: 'restore',
          path,
          copy: await vault.keep(bytes),
          mode: there.mode,
          uid: there.uid,
          gid: there.gid,
        });
    }
    const on = await isOn(host, resource);
    // Off while its files are still there, on when they are back.
    const turn = (way: boolean): UndoStep => ({ do: 'timer', name, on: way, ...(own && { own }) });
    const folders = await foldersOf(unitPaths(resource).timer, host);
    return { steps: on ? [...steps, turn(true)] : [turn(false), ...steps, turn(false), ...folders] };
  },

  async apply(resource, host) {
    const paths = unitPaths(resource);
    for (const folder of (await missing(dirname(paths.timer), host)).toReversed())
      await host.mkdir(folder, 0o755);
    await host.write(paths.service, resource.service, { mode: 0o644 });
    await host.write(paths.timer, resource.timer, { mode: 0o644 });
    await switchTimer(host, resource, true);
  },
};
