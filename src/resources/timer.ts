// A systemd timer of the set-up: its two units, enabled and running.
import { dirname } from 'node:path';
import type { Host } from '../host/host.ts';
import { hasRead, isOn, mustSystemctl, systemctl, systemctlLine } from '../host/systemd.ts';
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

type TimerStep = { do: 'timer'; name: string; on: boolean; own?: true };

type Timer = Pick<TimerResource, 'name' | 'own'>;

/** Returns the paths of a timer's two units, of the machine or of the user who runs this program. */
export const unitPaths = ({ name, own }: Timer) => {
  const service = unitPath({ name, ...(own && { own }) });
  return { service, timer: service.replace(/\.service$/, '.timer') };
};

/** Tells whether systemd has read both units as they are. */
const isRead = (host: Host, { name, own }: Timer) =>
  hasRead(host, { own }, `${name}.timer`, `${name}.service`);

/** Tells whether a timer is fully on, or fully off, and systemd has read its files: there is nothing to switch. */
async function isSwitched(host: Host, { name, own, on }: TimerStep): Promise<boolean> {
  const asks = ['is-active', 'is-enabled'].map((word) =>
    systemctl(host, { own }, word, '--quiet', `${name}.timer`),
  );
  const answers = (await Promise.all(asks)).map(({ code }) => code === 0);
  return answers.every((answer) => answer === on) && isRead(host, { name, ...(own && { own }) });
}

/** Switches a timer on or off. systemd reloads its files before it starts the timer. */
async function switchTimer(host: Host, timer: Timer, on: boolean): Promise<void> {
  const unit = `${timer.name}.timer`;
  if (on && !(await host.stat(unitPaths(timer).timer))) return;
  const at = { own: timer.own, unit };
  if (!on) await systemctl(host, timer, 'disable', '--now', unit);
  if (on) await mustSystemctl(host, at, 'enable', '--no-reload', unit);
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
    if (await isOn(host, resource, `${name}.timer`)) return undefined;
    const line = systemctlLine(resource, 'enable', '--now', `${name}.timer`).join(' ');
    return { what: 'start', details: [`it is switched off: ${line}`] };
  },

  async undo(resource, host, vault) {
    const { name, own } = resource;
    const steps: FileStep[] = [];
    for (const path of Object.values(unitPaths(resource))) steps.push(await wayBackOfFile(path, host, vault));
    const on = await isOn(host, resource, `${name}.timer`);
    // Switches off while the files still exist, and on when they are restored.
    const turn = (way: boolean): TimerStep => ({ do: 'timer', name, on: way, ...(own && { own }) });
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

  steps: {
    timer: {
      perform: async (step, host) =>
        (await isSwitched(host, step)) ? undefined : switchTimer(host, step, step.on),
      isLeft: async (step, host) => (await host.stat(unitPaths(step).timer)) !== undefined,
      inverse: async (step) => ({ steps: [{ ...step, on: !step.on }] }),
      words: ({ name, on, own }) =>
        systemctlLine({ own }, on ? 'enable' : 'disable', '--now', `${name}.timer`).join(' '),
    },
  },
};
