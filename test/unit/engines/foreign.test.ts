// A container of somebody else that is stopped stays stopped, and its files are named.
import { expect, test } from 'vitest';
import { foreign } from '../../../src/engines/foreign.ts';
import { fakeHost } from '../../helpers/fake-host.ts';

const IMAGES = { Type: 'bind', Source: '/srv/images', Destination: '/var/lib/registry' };

/** @param more what else the machine answers */
async function about(program: 'docker' | 'podman', container: object, more: Record<string, object> = {}) {
  const host = fakeHost();
  const stdout = JSON.stringify([container]);
  Object.assign(host.commands, { [`${program} container inspect old`]: { stdout }, ...more });
  return foreign(host, 'old', program);
}
const policy = (Name: string) => ({ HostConfig: { RestartPolicy: { Name } } });
const unit = { Config: { Labels: { PODMAN_SYSTEMD_UNIT: 'old.service' } } };
const help = (text: string) => ({ 'podman update --help': { stdout: text } });

test.each<[string, 'docker' | 'podman', object, Record<string, object>, string]>([
  [
    'Docker starts what is `always`',
    'docker',
    policy('always'),
    {},
    'docker update --restart=no old && docker stop old',
  ],
  ['podman starts nothing else', 'podman', policy('no'), {}, 'podman stop old'],
  [
    'podman 5.1 and newer',
    'podman',
    policy('always'),
    help('      --restart string    Restart policy'),
    'podman update --restart=no old && podman stop old',
  ],
  [
    'an older podman cannot change it',
    'podman',
    { ...policy('always'), Mounts: [IMAGES] },
    help('      --memory string'),
    'podman stop old && podman rm old',
  ],
  [
    'nor may that one be removed, if its files are in it',
    'podman',
    policy('always'),
    help(''),
    'podman stop old && systemctl disable podman-restart.service',
  ],
  [
    'a Quadlet',
    'podman',
    unit,
    { 'systemctl is-enabled old.service': { stdout: 'generated' } },
    'systemctl mask --now old.service',
  ],
  [
    'a unit of `podman generate systemd`',
    'podman',
    unit,
    { 'systemctl is-enabled old.service': { stdout: 'enabled' } },
    'systemctl disable --now old.service',
  ],
])('is stopped for good: %s', async (_, program, container, more, stop) => {
  expect((await about(program, container, more))?.stop).toBe(stop);
});

test.each([
  [[IMAGES, { Source: '/etc/x', Destination: '/x' }], 'Its images are in /srv/images.'],
  [
    [{ Type: 'volume', Name: 'c4c086c1a1057dea7dbb', Source: '/v/_data', Destination: '/var/lib/registry' }],
    'Its images are in /v/_data (docker volume c4c086c1a105).',
  ],
  [[{ Type: 'bind', Source: '/srv/www', Destination: '/www' }], 'Its files are in /srv/www.'],
  [[], 'It has no volume: everything in it is removed by "docker rm old".'],
])('its files: %j', async (Mounts, files) => {
  expect((await about('docker', { Mounts }))?.files).toBe(files);
});
