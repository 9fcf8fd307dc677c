// A server that does not find itself under its own name: what is offered, what is said, and the line that leads back here.
import { expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { whereLeads } from '../../src/host/resolution.ts';
import { addressed, bound, nameFindings } from '../../src/server/checks/names.ts';
import { type Facts, gatherFacts } from '../../src/server/plan/facts.ts';
import type { Settings } from '../../src/settings/settings.ts';
import { runCommand } from '../helpers/context.ts';
import { type FakeHost, fakeHost } from '../helpers/fake-host.ts';
import { machine } from '../helpers/plans.ts';
import { scripted } from '../helpers/scripted-prompts.ts';

vi.mock('../../src/server/checks/proof.ts', async (original) => ({
  ...(await original<typeof import('../../src/server/checks/proof.ts')>()),
  liveChecks: () => [],
}));
vi.mock('../../src/registry/http.ts', async (original) => ({
  ...(await original<typeof import('../../src/registry/http.ts')>()),
  ask: async () => ({ status: 401, headers: {}, body: Buffer.alloc(0) }),
}));

const NOWHERE = { code: 2 };
const ELSEWHERE = { stdout: '203.0.113.7     STREAM reg.example\n203.0.113.7     DGRAM\n' };
const DEBIAN = { stdout: '127.0.1.1       STREAM srv\n' };
const BOTH = { stdout: '203.0.113.7 STREAM x\n10.0.3.17 STREAM x\n' };

const BEFORE = '127.0.0.1 localhost\n';
function server(answer: object): FakeHost {
  const host = machine();
  host.put('/etc/hosts', BEFORE);
  host.commands['getent ahosts'] = answer;
  return host;
}
const line = (address = '127.0.0.1', name = 'reg.example') => `${address} ${name} # registry-setup\n`;
const SETUP = '--yes --tls insecure --host reg.example';

test.each([
  ['reg.example', NOWHERE, { to: 'nowhere' }],
  ['reg.example', { code: 124 }, { to: 'nowhere' }],
  ['reg.example', ELSEWHERE, { to: 'elsewhere', address: '203.0.113.7' }],
  ['reg.example', BOTH, { to: 'here' }],
  ['srv', DEBIAN, { to: 'here' }],
  ['10.0.3.17', NOWHERE, { to: 'here' }],
  ['[fd00::9]', NOWHERE, { to: 'elsewhere', address: 'fd00::9' }],
  ['reg.example', { code: 127 }, undefined],
])('%s, %j', async (name, answer, leads) => {
  expect(await whereLeads(server(answer), name)).toEqual(leads);
});

test('--yes: an unknown name gets a line in /etc/hosts, and uninstall removes it', async () => {
  const host = server(NOWHERE);
  const before = host.snapshot();
  await runCommand(host, SETUP);
  expect(host.text('/etc/hosts')).toBe(BEFORE + line());
  // From now on the name is known, by that line.
  host.commands['getent ahosts'] = { stdout: '127.0.0.1 STREAM reg.example\n' };
  expect((await runCommand(host, '--yes')).heard.join()).toContain('Nothing to do');
  expect((await runCommand(host, 'status')).code).toBe(0);
  host.put('/etc/hosts', BEFORE);
  expect((await runCommand(host, 'status')).heard.join('\n')).toContain('127.0.0.1 reg.example');
  await runCommand(host, '--yes');
  expect(host.text('/etc/hosts')).toBe(BEFORE + line());
  await runCommand(host, 'uninstall --yes');
  expect(host.snapshot()).toEqual(before);
});

test('another --host removes the line, and gets its own if it needs one', async () => {
  const host = server(NOWHERE);
  await runCommand(host, SETUP);
  await runCommand(host, '--yes --host 10.0.3.17');
  expect(host.text('/etc/hosts')).toBe(BEFORE);
  await runCommand(host, '--yes --host b.example');
  expect(host.text('/etc/hosts')).toBe(BEFORE + line('127.0.0.1', 'b.example'));
  await runCommand(host, '--yes --no-hosts-line');
  expect(host.text('/etc/hosts')).toBe(BEFORE);
  expect((await runCommand(host, '--yes')).heard.join()).toContain('Nothing to do');
});

test('the line points to the one address that the registry listens on', async () => {
  const host = server(NOWHERE);
  await runCommand(host, `${SETUP} --bind 10.0.3.17`);
  expect(host.text('/etc/hosts')).toBe(BEFORE + line('10.0.3.17'));
});

test.each<[string, object, (host: FakeHost) => void]>([
  ['it leads elsewhere', ELSEWHERE, () => {}],
  ['it leads here', BOTH, () => {}],
  ['it leads to loopback, as Debian has it', DEBIAN, () => {}],
  ['somebody wrote it down', NOWHERE, (host) => host.put('/etc/hosts', '10.9.9.9\treg.example reg\n')],
  [
    'the file is a mount, as in a container',
    NOWHERE,
    (host) =>
      host.put(
        '/proc/self/mountinfo',
        '636 602 8:1 /var/x/hosts /etc/hosts rw,relatime - ext4 /dev/sda1 rw\n',
      ),
  ],
])('--yes leaves the file alone: %s', async (_, answer, prepare) => {
  const host = server(answer);
  prepare(host);
  const before = host.text('/etc/hosts');
  await runCommand(host, SETUP);
  expect(host.text('/etc/hosts')).toBe(before);
});

test('a requested line that cannot be written is refused before anything is touched', async () => {
  const host = server(NOWHERE);
  host.put('/proc/self/mountinfo', '636 602 8:1 /x/hosts /etc/hosts rw - ext4 /dev/sda1 rw\n');
  await expect(runCommand(host, `${SETUP} --hosts-line`)).rejects.toMatchObject({
    message: '/etc/hosts cannot be changed here: a container engine mounts it.',
    exitCode: 2,
  });
  await expect(runCommand(host, '--yes --host 10.0.3.17 --hosts-line')).rejects.toThrow(
    '--hosts-line: goes with a name, and 10.0.3.17 is an address',
  );
  expect(host.done).toEqual([]);
});

test('a name server that is unreachable later changes nothing', async () => {
  const host = server(BOTH);
  await runCommand(host, SETUP);
  host.commands['getent ahosts'] = NOWHERE;
  expect((await runCommand(host, '--yes')).heard.join()).toContain('Nothing to do');
  expect(host.text('/etc/hosts')).toBe(BEFORE);
});

test.each<[string, object, string[], string]>([
  [
    'yes where nobody knows it',
    NOWHERE,
    ['reg.example is unknown here. Add it to /etc/hosts? = yes'],
    BEFORE + line(),
  ],
  [
    'no where it is elsewhere',
    ELSEWHERE,
    ['reg.example is 203.0.113.7, not this machine. Point it here in /etc/hosts? = no'],
    BEFORE,
  ],
  ['nothing is asked where it is here', BOTH, [], BEFORE],
])('the wizard: %s', async (_, answer, asked, file) => {
  const host = server(answer);
  const prompts = scripted();
  await runCommand(
    host,
    '--host reg.example --port 5000 --tls insecure --auth none --storage /srv/x --no-ui',
    {
      prompts,
    },
  );
  expect(prompts.transcript).toEqual([...asked, 'Go ahead? = yes']);
  expect(host.text('/etc/hosts')).toBe(file);
  expect(parse(host.text('/opt/registry/settings.yml') ?? '')['hosts-line']).toBe(
    asked.length > 0 ? file !== BEFORE : undefined,
  );
});

test('podman has no IPv6 of its own: an address that no client would reach is refused', async () => {
  const tell = async (line: string, network: string, rootless = false) => {
    const host = fakeHost();
    host.commands['podman info'] = { stdout: JSON.stringify({ host: { security: { rootless } } }) };
    host.commands['podman network inspect podman'] = { stdout: `[{"ipv6_enabled": ${network}}]` };
    const [name = '', bind = '0.0.0.0'] = line.split(' ');
    const facts = await gatherFacts(host, '/opt/registry', 'podman');
    return (await addressed({ host: name, bind } as Settings, facts, host)).map(({ flag }) => flag);
  };
  expect(await tell('[fd00::1]', 'false')).toEqual(['--host']);
  expect(await tell('reg.example ::', 'false')).toEqual(['--bind']);
  expect(await tell('[fd00::1]', 'true')).toEqual([]);
  expect(await tell('[fd00::1]', 'false', true)).toEqual([]);
  expect(await tell('10.0.3.17', 'false')).toEqual([]);
});

const said = async (name: string, answer: object, port = 5000, tls = 'ca-signed') => {
  const host = fakeHost();
  host.commands['getent ahosts'] = answer;
  const found = await nameFindings({ host: name, port, tls } as Settings, { last: undefined } as Facts, host);
  return found.flatMap(({ level, message, fix }) => [level, message, ...fix]);
};

test('warns if clients may reach something other than this machine', async () => {
  expect(await said('reg.example', BOTH)).toEqual([]);
  expect(await said('10.0.3.17', NOWHERE)).toEqual([]);
  expect((await said('reg.example', ELSEWHERE))[1]).toMatch(
    /^reg\.example resolves to 203\.0\.113\.7, which is no address of this machine: /,
  );
  expect((await said('203.0.113.7', NOWHERE))[1]).toMatch(
    /^203\.0\.113\.7 is no address of this machine: .*NAT/,
  );
  expect((await said('reg.example', NOWHERE, 443)).at(-1)).toBe(
    'registry-setup --client --host reg.example --port 443 --address 10.0.3.17',
  );
  expect((await said('reg.example', NOWHERE, 5000, 'insecure')).at(-1)).toBe(
    'registry-setup --client --host http://reg.example:5000 --address 10.0.3.17',
  );
});

test('a name that the hosts file has already gets no second line, though one is wanted', async () => {
  const host = server(DEBIAN);
  const debian = `${BEFORE}127.0.1.1 Reg.example reg\n`;
  host.put('/etc/hosts', debian);
  await runCommand(host, `${SETUP} --hosts-line`);
  expect(host.text('/etc/hosts')).toBe(debian);
  expect((await runCommand(host, 'status')).code).toBe(0);
});

test.each(['localhost', 'reg.localhost', '127.0.0.9', '[::1]', '[0:0::1]'])(
  '%s is each machine itself: said once, and not again for the same name',
  async (name) => {
    const host = server({ stdout: '127.0.0.1 STREAM localhost\n' });
    const facts = await gatherFacts(host, '/opt/registry');
    const settings = { host: name } as Settings;
    expect(await nameFindings(settings, facts, host)).toMatchObject([
      { level: 'warning', message: expect.stringContaining(`${name} is each machine itself`) },
    ]);
    const last = { host: { value: name, where: 'settings.yml', last: true as const } };
    expect(await nameFindings(settings, { ...facts, last }, host)).toEqual([]);
  },
);

test('the name of a public registry gets no line by itself, though nobody knows it here', async () => {
  const host = server(NOWHERE);
  await runCommand(host, '--yes --tls insecure --host docker.io');
  expect(host.text('/etc/hosts')).toBe(BEFORE);
});

test('an address to listen on that the machine has lost is named, before a run and by status', async () => {
  const host = server(NOWHERE);
  await runCommand(host, '--yes --tls insecure --auth none --bind 10.0.3.17');
  const facts = await gatherFacts(host, '/opt/registry');
  const said = async (bind: string) =>
    (await bound({ bind } as Settings, facts, host)).map(({ message }) => message);
  for (const bind of ['10.0.3.17', '0.0.0.0', '::', '0:0::1', '127.0.0.1', 'fe80::1'])
    expect(await said(bind)).toEqual([]);
  const none = 'This machine has no address 10.0.3.17 to listen on.';
  host.machine = { ...host.machine, addresses: [] };
  expect(await said('10.0.3.17')).toEqual([none]);
  const { heard } = await runCommand(host, 'status');
  expect(heard.join('\n')).toContain(`${none}\n  On all addresses:   registry-setup --bind 0.0.0.0`);
});
