// A systemd timer of the set-up: its two units, both enabled, and the timer running.
import { dirname } from 'node:path';
import type { Host } from '../host/host.ts';
import { askSystemctl, hasRead, isOn, mustSystemctl, systemctl, systemctlLine } from '../host/systemd.ts';
import { unifiedDiff } from '../terminal/diff.ts';
import { missing } from './dir.ts';
import { type FileStep, type Provider, wayBackOfFile } from './provider.ts';
import { foldersOf, unitPath } from './unit.ts';

/** A systemd timer and the service that it starts, as the texts of both units; `own`: in the user's own systemd. */
export interface TimerResource {
  kind: 'timer';
  name: string;
  service: string;
  timer: string;
  own?: true;
}

/** Tells whether the service is to start with the machine, too: its text says how. (systemd.unit(5), "[INSTALL] SECTION OPTIONS") */
const wantsBoot = ({ service }: TimerResource): boolean => /^\[Install\]$/m.test(service);

/** `boot`: the service starts with the machine afterwards; it did not in older versions. */
type TimerStep = { do: 'timer'; name: string; on: boolean; own?: true; boot?: boolean };

type Timer = Pick<TimerResource, 'name' | 'own'>;

/** Returns the paths of a timer's two units, of the machine or of the user who runs this program. */
export const unitPaths = ({ name, own }: Timer) => {
  const service = unitPath({ name, ...(own && { own }) });
  return { service, timer: service.replace(/\.service$/, '.timer') };
};

/** Tells whether systemd has read both units as they are. */
const isRead = (host: Host, { name, own }: Timer) =>
  hasRead(host, { own }, `${name}.timer`, `${name}.service`);

/** Tells whether the service starts with the machine. */
const atBoot = async (host: Host, { name, own }: Timer): Promise<boolean> =>
  (await askSystemctl(host, { own }, 'is-enabled', '--quiet', `${name}.service`)).code === 0;

/** Tells whether a timer is fully on, or fully off, and systemd has read its files: there is nothing to switch. */
async function isSwitched(host: Host, { name, own, on, boot = false }: TimerStep): Promise<boolean> {
  const timer = { name, ...(own && { own }) };
  const asks = ['is-active', 'is-enabled'].map((word) =>
    askSystemctl(host, timer, word, '--quiet', `${name}.timer`),
  );
  const answers = (await Promise.all(asks)).map(({ code }) => code === 0);
  if (answers.some((answer) => answer !== on) || (await atBoot(host, timer)) !== boot) return false;
  return isRead(host, timer);
}

/** Switches a timer on or off, and its service at boot. systemd reloads its files before it starts the timer. */
async function switchTimer(
  host: Host,
  timer: Timer,
  { on, boot }: Pick<TimerStep, 'on' | 'boot'>,
): Promise<void> {
  const [unit, service] = [`${timer.name}.timer`, `${timer.name}.service`];
  if (on && !(await host.stat(unitPaths(timer).timer))) return;
  const at = { own: timer.own, unit };
  if (!on) await systemctl(host, timer, 'disable', '--now', unit);
  // Does not stop it: this program may run in it.
  if (!boot && (await atBoot(host, timer))) await systemctl(host, timer, 'disable', service);
  const wanted = [...(on ? [unit] : []), ...(boot ? [service] : [])];
  if (wanted.length > 0) await mustSystemctl(host, at, 'enable', '--no-reload', ...wanted);
  await mustSystemctl(host, at, 'daemon-reload');
  if (on) await mustSystemctl(host, at, 'restart', unit);
}

export const timer: Provider<TimerResource, TimerStep> = {
  title: ({ name }) => `timer ${name}`,
  id: ({ name }) => name,
  removed: (name) => `timer ${name}`,
  review: (changes) =>
    changes.map(({ title, drift }) => `${drift.what === 'create' ? 'add' : 'change'} the ${title}`),

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
    const [on, boot] = await Promise.all([isOn(host, resource, `${name}.timer`), atBoot(host, resource)]);
    if (on && (boot || !wantsBoot(resource))) return undefined;
    const line = on
      ? systemctlLine(resource, 'enable', `${name}.service`)
      : systemctlLine(resource, 'enable', '--now', `${name}.timer`);
    return { what: 'start', details: [`it is switched off: ${line.join(' ')}`] };
  },

  async undo(resource, host, vault) {
    const { name, own } = resource;
    const steps: FileStep[] = [];
    for (const path of Object.values(unitPaths(resource))) steps.push(await wayBackOfFile(path, host, vault));
    const on = await isOn(host, resource, `${name}.timer`);
    // Switches off while the files still exist, and on when they are restored.
    const boot = await atBoot(host, resource);
    const turn = (way: boolean): TimerStep => ({
      ...{ do: 'timer', name, on: way },
      ...(own && { own }),
      ...(boot && { boot }),
    });
    const folders = await foldersOf(unitPaths(resource).timer, host);
    return { steps: on ? [...steps, turn(true)] : [turn(false), ...steps, turn(false), ...folders] };
  },

  async apply(resource, host) {
    const paths = unitPaths(resource);
    for (const folder of (await missing(dirname(paths.timer), host)).toReversed())
      await host.mkdir(folder, 0o755);
    await host.write(paths.service, resource.service, { mode: 0o644 });
    await host.write(paths.timer, resource.timer, { mode: 0o644 });
    await switchTimer(host, resource, { on: true, boot: wantsBoot(resource) });
  },

  steps: {
    timer: {
      perform: async (step, host) =>
        (await isSwitched(host, step)) ? undefined : switchTimer(host, step, step),
      isLeft: async (step, host) => (await host.stat(unitPaths(step).timer)) !== undefined,
      async inverse({ boot: _, ...step }, host) {
        const boot = !step.on && (await atBoot(host, step));
        return { steps: [{ ...step, on: !step.on, ...(boot && { boot }) }] };
      },
      words: ({ name, on, own }) =>
        systemctlLine({ own }, on ? 'enable' : 'disable', '--now', `${name}.timer`).join(' '),
    },
  },
};
