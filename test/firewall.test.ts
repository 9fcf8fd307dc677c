// What is said of a firewall: the truth about containers, the command for everything else, and nothing where all is well.
import { expect, test } from 'vitest';
import type { EngineInfo } from '../src/engines/docker.ts';
import { firewallNews } from '../src/firewall.ts';
import { fakeHost } from './helpers/fake-host.ts';

const engine = (kind: EngineInfo['kind'], rootless = false): EngineInfo => ({
  kind,
  rootless,
  version: '1',
  logDriver: '',
  userns: false,
});
const OPEN = '### tuple ### allow tcp 5000 0.0.0.0/0 any 0.0.0.0/0 in\n';

function ufw(enabled: string, rules = '') {
  const host = fakeHost();
  host.put('/etc/ufw/ufw.conf', `ENABLED=${enabled}\n`);
  host.put('/etc/ufw/user.rules', rules);
  return host;
}

test.each([
  ['ufw off', () => ufw('no'), engine('native'), []],
  ['native, shut', () => ufw('yes'), engine('native'), ['ufw allow 5000/tcp']],
  ['native, open', () => ufw('yes', OPEN), engine('native'), []],
  [
    'native, another port open',
    () => ufw('yes', OPEN.replace('5000', '50001')),
    engine('native'),
    ['ufw allow 5000/tcp'],
  ],
  ['podman without root, shut', () => ufw('yes'), engine('podman', true), ['ufw allow 5000/tcp']],
  [
    'Docker goes past it',
    () => ufw('yes', OPEN),
    engine('docker'),
    ['registry-setup --bind IP      listens on one address alone'],
  ],
] as const)('%s', async (_, machine, info, fix) => {
  const news = await firewallNews(machine(), [5000], info);
  expect(news.flatMap((one) => one.fix)).toEqual(fix);
});

test.each([
  [0, 0],
  [1, 1],
  [252, 0],
])('firewalld that answers %i: %i line', async (code, lines) => {
  const host = fakeHost();
  host.put('/usr/bin/firewall-cmd', '');
  host.commands['firewall-cmd --query-port=5000/tcp'] = { code };
  expect(await firewallNews(host, [5000], engine('native'))).toHaveLength(lines);
  expect(await firewallNews(host, [5000], engine('docker')), 'Docker tells firewalld itself').toEqual([]);
});
