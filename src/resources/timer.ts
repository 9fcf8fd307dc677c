// A systemd timer of ours: its two units, switched on and running.
import { CliError } from '../errors.ts';
import type { Host } from '../host.ts';
import { unifiedDiff } from '../masking.ts';
import type { Provider, ResourceOf, UndoStep } from '../resource.ts';

export const unitPaths = (name: string) => ({
  service: `/etc/systemd/system/${name}.service`,
  timer: `/etc/systemd/system/${name}.timer`,
});

async function systemctl(host: Host, args: string[]): Promise<void> {
  const { code, stderr } = await host.run('systemctl', args);
  if (code !== 0) throw new CliError(`systemctl ${args.join(' ')} failed.`, { why: stderr.trim() });
}

const isOn = async (host: Host, name: string) =>
  (await host.run('systemctl', ['is-active', '--quiet', `${name}.timer`])).code === 0 &&
  (await host.run('systemctl', ['is-enabled', '--quiet', `${name}.timer`])).code === 0;

/** Switches a timer on, or off; systemd reads its files anew first. */
export async function switchTimer(host: Host, name: string, on: boolean): Promise<void> {
  if (on && !(await host.stat(unitPaths(name).timer))) return;
  if (!on) await host.run('systemctl', ['disable', '--now', `${name}.timer`]);
  await systemctl(host, ['daemon-reload']);
  if (!on) return;
  await systemctl(host, ['enable', `${name}.timer`]);
  await systemctl(host, ['restart', `${name}.timer`]);
}

export const timer: Provider<ResourceOf<'timer'>> = {
  title: ({ name }) => `timer ${name}`,

  async check({ name, service, timer: text }, host) {
    const paths = unitPaths(name);
    const [serviceThere, timerThere] = await Promise.all([host.read(paths.service), host.read(paths.timer)]);
    const details = [
      ...(serviceThere?.toString() === service
        ? []
        : unifiedDiff(paths.service, serviceThere?.toString(), service)),
      ...(timerThere?.toString() === text ? [] : unifiedDiff(paths.timer, timerThere?.toString(), text)),
    ];
    if (!serviceThere && !timerThere) return { what: 'create', details };
    if (details.length > 0) return { what: 'change', details };
    if (await isOn(host, name)) return undefined;
    return { what: 'start', details: [`it is switched off: systemctl enable --now ${name}.timer`] };
  },

  async undo({ name }, host, vault) {
    const steps: UndoStep[] = [];
    for (const path of Object.values(unitPaths(name))) {
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
    const on = await isOn(host, name);
    // Off while its files are still there, on when they are back.
    const off: UndoStep = { do: 'timer', name, on: false };
    return { steps: on ? [...steps, { do: 'timer', name, on }] : [off, ...steps, off] };
  },

  async apply({ name, service, timer: text }, host) {
    const paths = unitPaths(name);
    await host.write(paths.service, service, { mode: 0o644 });
    await host.write(paths.timer, text, { mode: 0o644 });
    await switchTimer(host, name, true);
  },
};
