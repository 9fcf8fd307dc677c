// Which firewall judges which engine's ports, and what is said and done: the whole way from an answer to the plan.
import { expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import type { EngineInfo } from '../../src/engines/types.ts';
import { openings } from '../../src/host/firewall/firewall.ts';
import { firewallNews } from '../../src/server/checks/firewall.ts';
import { networkResources, served, shutOpenings } from '../../src/server/plan/network.ts';
import { readArguments } from '../../src/settings/arguments.ts';
import { resolveSettings } from '../../src/settings/resolve.ts';
import type { Settings } from '../../src/settings/settings.ts';
import { runCommand } from '../helpers/context.ts';
import { type FakeHost, fakeHost } from '../helpers/fake-host.ts';
import { fakeFirewalld, fakeUfw, tuple } from '../helpers/fake-system.ts';
import { machine, smallPlan } from '../helpers/plans.ts';
import { failing, follow } from '../helpers/run.ts';
import { scripted } from '../helpers/scripted-prompts.ts';

vi.mock('../../src/server/checks/proof.ts', async (original) => ({
  ...(await original<typeof import('../../src/server/checks/proof.ts')>()),
  liveChecks: () => [],
}));
vi.mock('../../src/registry/http.ts', async (original) => ({
  ...(await original<typeof import('../../src/registry/http.ts')>()),
  ask: async () => ({ status: 401, headers: {}, body: Buffer.alloc(0) }),
}));

const engine = (kind: EngineInfo['kind'], rootless = false): EngineInfo => ({
  kind,
  rootless,
  version: '1',
  logDriver: '',
  userns: false,
});

function settings(line = ''): Settings {
  const { answers } = readArguments(line.split(' ').filter(Boolean));
  const result = resolveSettings(answers, { host: '10.0.3.17', dir: '/opt/registry', engine: 'docker' });
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return result.settings;
}

const UFW = (host: FakeHost) => fakeUfw(host, true);
const ZONE = (host: FakeHost) => fakeFirewalld(host);

test.each<[string, (host: FakeHost) => void, EngineInfo, string, object[]]>([
  ['ufw, native', UFW, engine('native'), '', [{ program: 'ufw', port: 5000 }]],
  ['ufw, no root', UFW, engine('podman', true), '', [{ program: 'ufw', port: 5000 }]],
  [
    'ufw, podman hands on to a container',
    UFW,
    engine('podman'),
    '--port 443',
    [{ program: 'ufw', port: 443, inside: 5000 }],
  ],
  ['ufw, Docker goes past it', UFW, engine('docker'), '', []],
  ['ufw, IPv6 does not', UFW, engine('docker'), '--host [fd00::1]', [{ program: 'ufw', port: 5000 }]],
  [
    'ufw, one address',
    UFW,
    engine('native'),
    '--bind 10.0.3.17',
    [{ program: 'ufw', port: 5000, to: '10.0.3.17' }],
  ],
  ['ufw, this machine alone', UFW, engine('native'), '--bind 127.0.0.1', []],
  [
    'ufw, logins too',
    UFW,
    engine('podman', true),
    '--auth token',
    [
      { program: 'ufw', port: 5000 },
      { program: 'ufw', port: 5001 },
    ],
  ],
  ['firewalld, native', ZONE, engine('native'), '', [{ program: 'firewalld', port: 5000, zone: 'public' }]],
  ['firewalld, Docker tells it', ZONE, engine('docker'), '', []],
  ['firewalld, podman tells it', ZONE, engine('podman'), '', []],
  ['ufw that is off', (host) => fakeUfw(host, false), engine('native'), '', []],
  ['firewalld that is off', (host) => fakeFirewalld(host, { runs: false }), engine('native'), '', []],
  ['neither', () => {}, engine('native'), '', []],
])('%s', async (_, prepare, info, line, wanted) => {
  const host = fakeHost();
  prepare(host);
  expect(await openings(served(settings(line)), info, host)).toEqual(wanted);
});

test('a machine without IPv4 is reached by IPv6 under its name, too', async () => {
  const host = fakeHost();
  fakeUfw(host, true);
  host.machine.addresses = [
    { address: '172.17.0.1', family: 4, interface: 'docker0' },
    { address: 'fd00::1', family: 6, interface: 'eth0' },
  ];
  expect(await openings(served(settings('--host reg.example')), engine('docker'), host)).toHaveLength(1);
});

test('the zone is that of the interface that clients call', async () => {
  const host = fakeHost();
  fakeFirewalld(host);
  host.machine.addresses.push({ address: '10.0.4.1', family: 4, interface: 'eth1' });
  host.commands = { 'firewall-cmd --get-zone-of-interface=eth1': { stdout: 'dmz\n' }, ...host.commands };
  const zones = async (line: string) =>
    (await openings(served(settings(line)), engine('native'), host)).map(({ zone }) => zone);
  expect(await zones('')).toEqual(['public']);
  expect(await zones('--bind 10.0.4.1')).toEqual(['dmz']);
  expect(await zones('--host 10.0.4.1')).toEqual(['dmz']);
});

test.each<[string, (host: FakeHost) => void, EngineInfo, string, string[]]>([
  ['after a no, the command', UFW, engine('native'), '--no-open-port', ['ufw allow 5000/tcp']],
  ['after a yes, nothing', UFW, engine('native'), '--open-port', []],
  [
    'for one address',
    UFW,
    engine('native'),
    '--no-open-port --bind 10.0.3.17',
    ['ufw allow proto tcp to 10.0.3.17 port 5000'],
  ],
  [
    'for a container of podman',
    UFW,
    engine('podman'),
    '--no-open-port --port 443',
    ['ufw route allow proto tcp to any port 5000'],
  ],
  [
    'firewalld: now, and after its next start',
    ZONE,
    engine('native'),
    '--no-open-port',
    [
      'firewall-cmd --zone=public --add-port=5000/tcp && firewall-cmd --permanent --zone=public --add-port=5000/tcp',
    ],
  ],
  [
    'Docker goes past ufw, whatever was answered',
    UFW,
    engine('docker'),
    '--open-port',
    ['registry-setup --bind IP      listens on one address only'],
  ],
  ['but not when it listens here alone', UFW, engine('docker'), '--bind 127.0.0.1', []],
])('shows the command: %s', async (_, prepare, info, line, fix) => {
  const host = fakeHost();
  prepare(host);
  expect((await firewallNews(settings(line), info, host)).flatMap((one) => one.fix)).toEqual(fix);
});

test('without root the commands for root are shown, and nothing is planned', async () => {
  const host = fakeHost();
  fakeUfw(host, true);
  host.machine = { ...host.machine, uid: 1000 };
  const info = engine('podman', true);
  const [news] = await firewallNews(settings('--open-port'), info, host);
  expect(news?.fix).toEqual(['sudo ufw allow 5000/tcp']);
  expect(await shutOpenings(settings(), info, host)).toEqual([]);
  expect(await networkResources(settings('--open-port'), info, host, new Map())).toEqual([]);
});

test('a rule that refuses the port is reported, and none is added behind it', async () => {
  const host = fakeHost();
  fakeUfw(host, true, tuple('reject tcp 5000 0.0.0.0/0 any 0.0.0.0/0 in'));
  const [news] = await firewallNews(settings('--open-port'), engine('native'), host);
  expect(news?.message).toBe('A rule of ufw refuses port 5000: no other machine reaches it.');
  expect(await shutOpenings(settings(), engine('native'), host)).toEqual([]);
});

/** Docker without root: its ports are judged, and the fake engine is one. */
function server() {
  const host = machine();
  Object.assign(host.docker.info, { SecurityOptions: ['name=rootless'] });
  fakeUfw(host, true);
  return host;
}
const rules = (host: FakeHost) => host.text('/etc/ufw/user.rules') ?? '';
const answered = (host: FakeHost) => parse(host.text('/opt/registry/settings.yml') ?? '')['open-port'];

test('--yes opens the port, a second run has nothing to do, a vanished rule is drift, and uninstall closes the port', async () => {
  const host = server();
  const before = host.snapshot();
  const { heard } = await runCommand(host, '--yes --tls insecure');
  expect(heard.join('\n')).toContain('Opened: port 5000 in ufw.');
  expect(rules(host)).toContain('allow tcp 5000');
  expect(answered(host)).toBe(true);
  const opened = rules(host);
  expect((await runCommand(host, '--yes')).heard.join()).toContain('Nothing to do');
  expect((await runCommand(host, 'status')).code).toBe(0);
  host.put('/etc/ufw/user.rules', '');
  const status = await runCommand(host, 'status');
  expect(status.code).toBe(1);
  expect(status.heard.join('\n')).toContain('ufw allow 5000/tcp');
  await runCommand(host, '--yes');
  expect(rules(host)).toBe(opened);
  await runCommand(host, 'uninstall --yes');
  expect(host.snapshot()).toEqual(before);
});

test('a run that fails leaves no rule behind', async () => {
  const host = server();
  const before = host.snapshot();
  const rule = { kind: 'firewall', program: 'ufw', port: 5000 } as const;
  const failed = follow(host, [...smallPlan(), rule], { more: [failing(new Error('no answer'))] });
  await expect(failed).rejects.toThrow();
  expect(host.snapshot()).toEqual(before);
});

test('--bind to this machine alone, and --no-open-port, take the rule away', async () => {
  for (const line of ['--bind 127.0.0.1', '--no-open-port']) {
    const host = server();
    await runCommand(host, '--yes --tls insecure');
    await runCommand(host, `--yes ${line}`);
    expect(rules(host), line).toBe('');
    expect((await runCommand(host, '--yes')).heard.join(), line).toContain('Nothing to do');
  }
});

test('a rule that was there before stays after uninstall', async () => {
  const host = server();
  host.put('/etc/ufw/user.rules', tuple('allow any 5000 0.0.0.0/0 any 0.0.0.0/0 in'));
  const before = host.snapshot();
  await runCommand(host, '--yes --tls insecure');
  expect(answered(host), 'there was nothing to answer').toBeUndefined();
  await runCommand(host, 'uninstall --yes');
  expect(host.snapshot()).toEqual(before);
});

test('a firewall that is switched off keeps our rule for when it is on again', async () => {
  const host = server();
  await runCommand(host, '--yes --tls insecure');
  const opened = rules(host);
  host.put('/etc/ufw/ufw.conf', 'ENABLED=no\n');
  expect((await runCommand(host, '--yes')).heard.join()).toContain('Nothing to do');
  expect(rules(host)).toBe(opened);
  await runCommand(host, 'uninstall --yes');
  expect(rules(host)).toBe('');
});

test('a firewall that is switched on later is not drift: nobody was asked', async () => {
  const host = server();
  host.put('/etc/ufw/ufw.conf', 'ENABLED=no\n');
  await runCommand(host, '--yes --tls insecure');
  host.put('/etc/ufw/ufw.conf', 'ENABLED=yes\n');
  expect((await runCommand(host, 'status')).code).toBe(0);
  await runCommand(host, '--yes');
  expect(rules(host)).toContain('allow tcp 5000');
});

test('the wizard asks once, if there is something to open', async () => {
  const host = server();
  const prompts = scripted(['Open it', false]);
  const { heard } = await runCommand(
    host,
    '--host a.example --port 5000 --tls insecure --auth none --storage /srv/x --no-ui',
    {
      prompts,
    },
  );
  expect(prompts.transcript).toEqual(['Port 5000 is blocked by ufw. Open it? = no', 'Go ahead? = yes']);
  expect(heard.join('\n')).toContain('ufw allow 5000/tcp');
  expect(rules(host)).toBe('');
  expect(answered(host)).toBe(false);
  const without = machine();
  const silence = scripted();
  await runCommand(
    without,
    '--host a.example --port 5000 --tls insecure --auth none --storage /srv/x --no-ui',
    {
      prompts: silence,
    },
  );
  expect(silence.transcript).toEqual(['Go ahead? = yes']);
});

test('without a terminal the open question is named among the missing', async () => {
  const missing = runCommand(
    server(),
    '--host a.example --port 5000 --tls insecure --auth none --storage /srv/x',
  );
  await expect(missing).rejects.toThrow('Missing: --open-port.');
});
