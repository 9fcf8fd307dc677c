// Faults of a machine that no test can make for real: network file systems, SELinux, disks of a certain size. The rest is made on a
// lab host (test/e2e/doctor).
import { expect, test } from 'vitest';
import { disks } from '../../../src/doctor/machine/disks.ts';
import { engine } from '../../../src/doctor/machine/engine.ts';
import { protection } from '../../../src/doctor/machine/protection.ts';
import { storage } from '../../../src/doctor/server/storage.ts';
import { codes, doctorInput, type TestMachine, testMachine, withDocker } from '../../helpers/doctor-input.ts';

const SERVER = {
  settings: { dir: '/opt/registry', storage: '/srv/images', engine: 'docker', name: 'registry', port: 5000 },
  facts: {},
};
const mount = (at: string, type: string, { source = '/dev/sda1', device = '8:1', options = 'rw' } = {}) =>
  `29 1 ${device} / ${at} ${options},relatime shared:1 - ${type} ${source} ${options}\n`;
const GB = 1e9;
/** Sets how much room there is below each path. */
const room = (
  machine: TestMachine,
  of: (path: string) => { free: number; files?: { free: number; total: number } },
) => {
  machine.host.space = async (path) => ({ total: 500 * GB, ...of(path) });
};

test('a disk that is full, nearly full, and without inodes', async () => {
  const look = (free: number, files?: { free: number; total: number }) => {
    const machine = testMachine();
    machine.put('/proc/self/mountinfo', mount('/', 'ext4'));
    room(machine, () => ({ free, ...(files && { files }) }));
    return codes(doctorInput(machine.host, { server: SERVER }), disks);
  };
  // One disk is told of once, though images and settings are on it.
  expect(await look(0)).toEqual(['disk-full']);
  expect(await look(0.5 * GB)).toEqual(['disk-nearly-full']);
  expect(await look(40 * GB, { free: 3, total: 1_000_000 })).toEqual(['no-inodes']);
  expect(await look(40 * GB, { free: 900_000, total: 1_000_000 })).toEqual([]);
});

test('Docker on a small disk beside a large one', async () => {
  const look = (other: number, options = 'rw') => {
    const machine = testMachine();
    withDocker(machine);
    const large = mount('/data', 'xfs', { source: '/dev/sdb1', device: '8:17', options });
    machine.put('/proc/self/mountinfo', mount('/', 'ext4') + large);
    room(machine, (path) => ({ free: path.startsWith('/data') ? other : 3 * GB }));
    return codes(doctorInput(machine.host), disks);
  };
  expect(await look(400 * GB)).toEqual(['small-data-root']);
  expect(await look(9 * GB)).toEqual([]);
  expect(await look(400 * GB, 'ro')).toEqual([]);
});

test('images on a disk that is read-only, not mounted, gone, or on NFS that refuses root', async () => {
  const look = (mounts: string, { writable = true, fstab = '', there = true } = {}) => {
    const machine = testMachine();
    machine.put('/proc/self/mountinfo', mount('/', 'ext4') + mounts);
    if (there) machine.put('/srv/images/docker', '');
    machine.put('/etc/fstab', fstab);
    machine.says['test -w'] = { code: writable ? 0 : 1 };
    room(machine, () => ({ free: 40 * GB }));
    return codes(doctorInput(machine.host, { server: SERVER }), storage);
  };
  expect(await look(mount('/srv', 'ext4', { options: 'ro' }))).toEqual(['storage-read-only']);
  expect(await look('', { fstab: '# disks\nUUID=1 / ext4\nUUID=2 /srv ext4 defaults 0 2\n' })).toEqual([
    'storage-not-mounted',
  ]);
  expect(await look('', { there: false })).toEqual(['storage-gone']);
  const nfs = mount('/srv/images', 'nfs4', { source: 'nas:/images', device: '0:50' });
  expect(await look(nfs, { writable: false })).toEqual(['nfs-root-squash']);
});

test('an engine of another machine, and one of another version', async () => {
  const look = (env: NodeJS.ProcessEnv, stderr = '') => {
    const machine = testMachine();
    withDocker(machine);
    machine.says['docker version'] = stderr ? { code: 1, stderr } : {};
    return codes(doctorInput(machine.host, { env }), engine);
  };
  expect(await look({ DOCKER_HOST: 'tcp://10.0.0.9:2375' })).toEqual(['engine-elsewhere']);
  expect(await look({ DOCKER_HOST: 'unix:///var/run/docker.sock' })).toEqual([]);
  const old =
    'Error response from daemon: client version 1.52 is too new. Maximum supported API version is 1.41';
  expect(await look({}, old)).toEqual(['api-version']);
});

test('what SELinux refused the registry, and what is long ago', async () => {
  const look = (age: number) => {
    const machine = testMachine();
    machine.put('/sys/fs/selinux/enforce', '1');
    const at = Math.round(Date.now() / 1000 - age);
    machine.put(
      '/var/log/audit/audit.log',
      `type=AVC msg=audit(${at}.123:456): avc:  denied  { write } for  pid=1 comm="registry" name="images" tclass=dir\n`,
    );
    return codes(doctorInput(machine.host, { server: SERVER }), protection);
  };
  expect(await look(60)).toEqual(['selinux-denied']);
  expect(await look(3 * 86_400)).toEqual([]);
});

test('SELinux and the firewall that were switched off', async () => {
  const look = (config: string, enforce?: string, active = 'active') => {
    const machine = testMachine();
    machine.put('/etc/selinux/config', config);
    machine.put('/run/systemd/system/x', '');
    machine.put('/usr/lib/systemd/system/firewalld.service', '');
    machine.says['systemctl is-active firewalld'] = { stdout: active };
    machine.says['systemctl is-enabled firewalld'] = { stdout: active === 'active' ? 'enabled' : 'disabled' };
    if (enforce) machine.put('/sys/fs/selinux/enforce', enforce);
    return codes(doctorInput(machine.host, { server: SERVER }), protection);
  };
  expect(await look('SELINUX=enforcing\n', '1')).toEqual([]);
  expect(await look('SELINUX=enforcing\n')).toEqual([]);
  expect(await look('# SELINUX=enforcing\nSELINUX=disabled\n')).toEqual(['selinux-off']);
  expect(await look('SELINUX=enforcing\n', '0')).toEqual(['selinux-off']);
  expect(await look('SELINUX=enforcing\n', '1', 'inactive')).toEqual(['firewall-off']);
});
