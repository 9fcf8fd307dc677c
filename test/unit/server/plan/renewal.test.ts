// Renewal runs every day, and when the machine has started: a change that a power cut ended is put back before anybody waits for it.
import { expect, test } from 'vitest';
import { jobsPlan, type Renewal } from '../../../../src/server/plan/renewal.ts';
import type { Settings } from '../../../../src/settings/settings.ts';

const settings = { dir: '/opt/registry', name: 'registry', renew: true } as Settings;
const program = { folder: '/usr/lib/program', files: { 'dist/cli.js': '' }, version: '0123456789ab' };
const planned = (schedule: Renewal['schedule']) =>
  jobsPlan(settings, { schedule, node: '/usr/bin/node', program }, true).at(-1);

test.each([
  ['systemd', 'multi-user.target'],
  ['own systemd', 'default.target'],
] as const)('%s: with the machine, after Docker, and daily', (schedule, target) => {
  const timer = planned(schedule);
  if (timer?.kind !== 'timer') throw new Error('no timer');
  expect(timer.timer).toMatch(/^OnCalendar=daily$/m);
  expect(/^WantedBy=(.*)$/m.exec(timer.service)?.[1]).toBe(target);
  expect(/^After=docker\.service/m.test(timer.service)).toBe(schedule === 'systemd');
});

test('cron: the same words at the start of the machine, and daily', () => {
  const file = planned('cron');
  if (file?.kind !== 'file') throw new Error('no file');
  const lines = file.content.split('\n').filter((line) => / root /.test(line) && !line.startsWith('#'));
  const [daily = '', boot = ''] = lines.map((line) => line.replace(/^.* root (sleep 60; )?/, ''));
  expect(lines[1]).toMatch(/^@reboot root sleep 60; \/usr\/bin\/node /);
  expect(daily).toMatch(/rotate --if-expiring 30 --yes --quiet$/);
  expect(boot).toBe(daily);
});

test('old images are removed at night, and not when the machine starts', () => {
  const timers = (more: Partial<Settings>, hasCertificate: boolean) =>
    jobsPlan(
      { ...settings, ...more },
      { schedule: 'systemd', node: '/usr/bin/node', program },
      hasCertificate,
    ).flatMap((resource) => (resource.kind === 'timer' ? [resource] : []));
  expect(timers({}, true).map(({ name }) => name)).toEqual(['registry-setup-renew']);
  expect(timers({ prune: true }, true).map(({ name }) => name)).toEqual([
    'registry-setup-renew',
    'registry-setup-prune',
  ]);
  const [prune, ...more] = timers({ prune: true, renew: false }, false);
  expect(more).toEqual([]);
  expect(prune?.name).toBe('registry-setup-prune');
  expect(prune?.service).toMatch(/^ExecStart=.* image prune --yes --gc$/m);
  expect(prune?.service).not.toContain('[Install]');
  expect(prune?.timer).toMatch(/^OnCalendar=\*-\*-\* 01:00:00$/m);
});

test('without a certificate the same runs at the start of the machine, under a name that says what for', () => {
  const at = (hasCertificate: boolean, more: Partial<Settings> = {}) =>
    jobsPlan(
      { ...settings, ...more },
      { schedule: 'systemd', node: '/usr/bin/node', program },
      hasCertificate,
    ).flatMap((resource) => (resource.kind === 'timer' ? [resource] : []));
  const [recover] = at(false);
  expect(recover?.name).toBe('registry-setup-recover');
  expect(recover?.service).toMatch(/^ExecStart=.* rotate --if-expiring 30 --yes$/m);
  expect(recover?.service).toMatch(/^WantedBy=multi-user\.target$/m);
  expect(recover?.service).not.toContain('Renew');
  expect(at(false, { renew: false })).toEqual([]);
});
