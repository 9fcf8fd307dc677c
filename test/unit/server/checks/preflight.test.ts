// What this machine is, and what stands in the way of a set-up.
import { describe, expect, test } from 'vitest';
import { archiveImages, chooseImage } from '../../../../src/engines/images/archive.ts';
import { listeningPorts, portHolder } from '../../../../src/host/ports.ts';
import { findingsError } from '../../../../src/server/checks/finding.ts';
import { preflight } from '../../../../src/server/checks/preflight.ts';
import { gatherFacts } from '../../../../src/server/plan/facts.ts';
import { readArguments } from '../../../../src/settings/arguments.ts';
import { resolveSettings } from '../../../../src/settings/resolve.ts';
import type { Settings } from '../../../../src/settings/settings.ts';
import { type FakeHost, fakeHost } from '../../../helpers/fake-host.ts';
import { machine, smallPlan } from '../../../helpers/plans.ts';
import { DIR, follow } from '../../../helpers/run.ts';
import { tarOf } from '../../../helpers/tar.ts';

/** A row of /proc/net/tcp: the port in hexadecimal, the state (0A: listening). */
const row = (port: number, state = '0A', address = '00000000') =>
  `   0: ${address}:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 ${state} 00000000:00000000 00:00000000`;
const tcp = (...rows: string[]) => ['  sl  local_address rem_address   st', ...rows, ''].join('\n');

describe('the engine', () => {
  const engineOf = async (prepare: (host: FakeHost) => void) => {
    const host = fakeHost();
    prepare(host);
    return (await gatherFacts(host, DIR)).engine;
  };
  const says = (result: object) => (host: FakeHost) => {
    host.commands['docker info'] = result;
  };

  test('a running engine', async () => {
    const info = {
      LoggingDriver: 'local',
      SecurityOptions: ['name=userns', 'name=rootless'],
    };
    expect(await engineOf((host) => Object.assign(host.docker.info, info))).toEqual({
      state: 'ready',
      info: { kind: 'docker', version: '26.1.5', logDriver: 'local', userns: true, rootless: true },
    });
    expect(await engineOf(() => {})).toMatchObject({
      info: { logDriver: 'json-file', userns: false, rootless: false },
    });
    expect(
      await engineOf((host) => Object.assign(host.docker.info, { SecurityOptions: null })),
    ).toMatchObject({ info: { userns: false } });
  });

  test.each<[string, object, string, string, string]>([
    [
      'not installed',
      { code: 127, stderr: 'docker: not found' },
      'absent',
      'Docker is not installed',
      'registry-setup --engine docker',
    ],
    [
      'not running (since 28)',
      { stdout: '{"ServerErrors":["Cannot connect to the Docker daemon"]}' },
      'stopped',
      'not running',
      'systemctl start docker',
    ],
    [
      'not running (before)',
      { code: 1, stderr: 'Cannot connect to the Docker daemon' },
      'stopped',
      'not running',
      'systemctl start docker',
    ],
    [
      'forbidden',
      { code: 1, stderr: 'permission denied while trying to connect' },
      'unusable',
      'may not talk to Docker',
      'sudo',
    ],
    [
      'forbidden (since 28)',
      { stdout: '{"ServerErrors":["permission denied while …"]}' },
      'unusable',
      'may not talk to Docker',
      'sudo',
    ],
    ['silent', { code: 124 }, 'unusable', 'does not answer (waited 15 s)', 'systemctl restart docker'],
  ])('%s', async (_, result, state, message, fix) => {
    expect(await engineOf(says(result))).toMatchObject({
      state,
      error: {
        message: expect.stringContaining(message),
        fix: expect.arrayContaining([expect.stringContaining(fix)]),
      },
    });
  });
});

describe('addresses', () => {
  const at = (name: string, address: string, family: 4 | 6 = 4) => ({ interface: name, address, family });

  test('the address of the default route comes first, IPv4 before IPv6, no container networks', async () => {
    const host = fakeHost();
    host.machine = {
      ...host.machine,
      addresses: [
        at('docker0', '172.17.0.1'),
        at('br-0123456789ab', '172.18.0.1'),
        at('eth0', '10.0.0.1'),
        at('eth1', 'fd00::1', 6),
        at('eth1', '10.0.1.1'),
      ],
    };
    host.put('/proc/net/route', 'Iface\tDestination\tGateway\neth0\t0000000A\t0\neth1\t00000000\t0100000A\n');
    expect((await gatherFacts(host, DIR)).addresses).toEqual([
      { host: '10.0.1.1', note: 'eth1' },
      { host: '[fd00::1]', note: 'eth1' },
      { host: '10.0.0.1', note: 'eth0' },
    ]);
  });

  test('no address at all is not a failure', async () => {
    const host = fakeHost();
    host.machine = { ...host.machine, addresses: [] };
    expect(await gatherFacts(host, DIR)).toMatchObject({
      addresses: [],
      system: 'Debian GNU/Linux 13 (trixie)',
    });
  });
});

test('ports that something listens on, in both families', async () => {
  const host = fakeHost();
  host.put('/proc/net/tcp', tcp(row(22), row(5000), row(40000, '01')));
  host.put('/proc/net/tcp6', tcp(row(8080, '0A', '0'.repeat(32))));
  expect([...(await listeningPorts(host))].sort((a, b) => a - b)).toEqual([22, 5000, 8080]);
  expect((await listeningPorts(fakeHost())).size).toBe(0);
});

test('names the program that holds a port', async () => {
  const host = fakeHost();
  host.commands['ss -Hltnp sport = :80'] = {
    stdout: 'LISTEN 0 511 *:80 *:* users:(("nginx",pid=812,fd=6),("nginx",pid=9,fd=6))',
  };
  host.commands['ss -Hltnp sport = :81'] = { code: 127 };
  expect(await portHolder(host, 80)).toEqual({ program: 'nginx', pid: 812 });
  expect(await portHolder(host, 81)).toBeUndefined();
});

test('reads the answers of the last run; an unreadable file is bad input', async () => {
  const host = fakeHost();
  expect(await gatherFacts(host, DIR)).toMatchObject({ last: undefined, settingsText: undefined });
  host.put(`${DIR}/settings.yml`, 'port: 30001\n');
  expect((await gatherFacts(host, DIR)).last).toEqual({
    port: { value: 30001, where: `${DIR}/settings.yml: port`, last: true },
  });
});

describe('preflight', () => {
  function settings(line = ''): Settings {
    const { answers } = readArguments(`--tls insecure --host a ${line}`.trim().split(' '));
    const result = resolveSettings(answers, { dir: DIR });
    if ('problems' in result) throw new Error(JSON.stringify(result.problems));
    return result.settings;
  }
  async function findings(host: FakeHost, line = '') {
    const before = host.snapshot();
    const found = await preflight(settings(line), await gatherFacts(host, DIR), host);
    expect(host.snapshot(), 'a check changes nothing').toEqual(before);
    return found;
  }
  const stranger = { uid: 1001, gid: 1001 };

  test.each([
    ['docker-proxy', true, []],
    ['docker-proxy', false, ['Port 5000 is taken by the program "docker-proxy" (pid 8).']],
    ['nginx', true, ['Port 5000 is taken by the program "nginx" (pid 8).']],
  ])('a port that %s holds without a container, and gives back: %s', async (program, givesBack, expected) => {
    const host = machine();
    host.put('/proc/net/tcp', tcp(row(5000)));
    host.commands['ss -Hltnp sport = :5000'] = { stdout: `users:(("${program}",pid=8,fd=6))` };
    const facts = await gatherFacts(host, DIR);
    if (givesBack) host.put('/proc/net/tcp', tcp());
    const found = await preflight(settings(), facts, host);
    expect(found.map(({ message }) => message)).toEqual(expected);
  });

  test('a machine without problems has no findings', async () => {
    expect(await findings(machine())).toEqual([]);
    expect(findingsError([])).toBeUndefined();
  });

  test.each<[string, string, (host: FakeHost) => unknown, string, string, string | undefined]>([
    [
      'a port that a container holds',
      '',
      (host) => host.docker.foreign('old', 'old:1', [5000]),
      'Port 5000 is taken by the container "old" (old:1, up 3 days).',
      'docker update --restart=no old && docker stop old',
      '--port',
    ],
    [
      'a port that a program holds',
      '--port 80',
      (host) => {
        host.put('/proc/net/tcp', tcp(row(80), row(81)));
        host.commands['ss -Hltnp sport = :80'] = { stdout: 'users:(("nginx",pid=8,fd=6))' };
      },
      'Port 80 is taken by the program "nginx" (pid 8).',
      '--port 82',
      '--port',
    ],
    [
      'a port that a proxy holds',
      '--port 443',
      (host) => {
        host.put('/proc/net/tcp', tcp(row(443)));
        host.commands['ss -Hltnp sport = :443'] = { stdout: 'users:(("nginx",pid=8,fd=6))' };
      },
      'Port 443 is taken by the program "nginx" (pid 8).',
      'Or behind nginx:           registry-setup --external-url https://a --port 5000',
      '--port',
    ],
    [
      'a port that a proxy holds in a container',
      '',
      (host) => host.docker.foreign('edge', 'docker.io/library/traefik:v3', [5000]),
      'Port 5000 is taken by the container "edge" (docker.io/library/traefik:v3, up 3 days).',
      'Or behind Traefik:',
      '--port',
    ],
    [
      'a name that is taken',
      '',
      (host) => host.docker.foreign('registry', 'registry:2'),
      'The container "registry" (registry:2) was not made by registry-setup.',
      '--name registry-2',
      '--name',
    ],
    [
      'a file',
      '--storage /srv/x',
      (host) => host.put('/srv/x', ''),
      '/srv/x is a file, not a directory.',
      '--storage DIR',
      '--storage',
    ],
    [
      'a file on the way',
      '--storage /srv/x/y/z',
      (host) => host.put('/srv/x', ''),
      'A part of /srv/x/y/z is a file.',
      '--storage DIR',
      '--storage',
    ],
    [
      "somebody else's directory",
      '--storage /srv/x',
      async (host) => {
        await host.mkdir('/srv/x', 0o755);
        await host.chmod('/srv/x', 0o755, stranger);
      },
      '/srv/x belongs to uid 1001, and the registry could not write to it.',
      'chown root /srv/x',
      '--storage',
    ],
    [
      'a user who may not',
      '',
      (host) => {
        host.machine = { ...host.machine, uid: 1000 };
      },
      'This user may not write to /opt/registry.',
      'sudo registry-setup',
      '--dir',
    ],
    [
      'images that would be lost from sight',
      '--storage /srv/new',
      (host) => {
        host.put(`${DIR}/settings.yml`, `storage: ${DIR}/data\n`);
        host.put(`${DIR}/data/docker/registry/v2/repositories/x`, '');
      },
      'The images are in /opt/registry/data, and would not be found in /srv/new.',
      'cp -a /opt/registry/data/docker /srv/new/',
      '--storage',
    ],
  ])('%s', async (_, line, prepare, message, fix, flag) => {
    const host = machine();
    await prepare(host);
    const found = await findings(host, line);
    expect(found).toMatchObject([{ level: 'error', message, ...(flag && { flag }) }]);
    expect(found[0]?.fix.join('\n')).toContain(fix);
    expect(findingsError(found)).toMatchObject({ message, exitCode: flag ? 2 : 1 });
  });

  test('little space is a warning, and no error', async () => {
    const host = machine();
    host.space = async () => ({ free: 2e8, total: 1e9 });
    const found = await findings(host);
    expect(found).toMatchObject([
      { level: 'warning', message: 'Only 200 MB are free in /opt/registry/data.' },
    ]);
    expect(findingsError(found)).toBeUndefined();
  });

  test("the set-up's own container may hold its port and its name", async () => {
    const host = machine();
    await follow(host, smallPlan());
    host.put('/proc/net/tcp', tcp(row(5000)));
    expect(await findings(host)).toEqual([]);
  });

  test('the name is taken by a container of a unit, which comes back under it: the unit is stopped', async () => {
    const host = machine();
    host.docker.foreign('registry', 'registry:2').labels = { PODMAN_SYSTEMD_UNIT: 'registry.service' };
    host.commands['systemctl is-enabled registry.service'] = { stdout: 'generated\n' };
    const [found] = await findings(host);
    expect(found?.fix[1]).toBe('Or stop that one for good: systemctl mask --now registry.service');
    expect(found?.why).toContain('It has no volume');
  });

  test('a world-writable directory is accepted, whoever owns it', async () => {
    const host = machine();
    await host.mkdir('/srv/x', 0o777);
    await host.chmod('/srv/x', 0o777, stranger);
    expect(await findings(host, '--storage /srv/x')).toEqual([]);
  });

  test('reports all findings at once, each with its fix; exit 1 if one is no bad input, else 2', async () => {
    const host = machine();
    host.docker.foreign('registry', 'registry:2', [5000]);
    host.put(`${DIR}/data`, 'a file');
    const found = await findings(host);
    expect(found.map(({ flag }) => flag)).toEqual(['--port', '--name', '--storage']);
    const error = findingsError(found);
    expect(error?.message.split('\n')).toHaveLength(3);
    for (const { fix } of found) expect(error?.fix.join('\n')).toContain(fix[0]);
    expect(error?.exitCode).toBe(2);
    expect(findingsError([...found, { level: 'error', message: 'x', fix: [] }])?.exitCode).toBe(1);
  });
});

describe('an image archive', () => {
  const archive = (content: string | Buffer) => {
    const host = fakeHost();
    host.put('/a.tar', content);
    return host;
  };
  const withList = (list: string) =>
    archive(
      tarOf(
        { name: 'c.json', content: '{}' },
        { name: 'l.tar', content: 'a layer' },
        { name: 'manifest.json', content: list },
      ),
    );

  test('lists its images', async () => {
    const files = { Config: 'c.json', Layers: ['l.tar'] };
    const list = [['other:1'], null, ['mirror/registry:3', 'registry:3']].map((RepoTags) => ({
      RepoTags,
      ...files,
    }));
    const names = await archiveImages(withList(JSON.stringify(list)), '/a.tar');
    expect(names).toEqual(['other:1', 'mirror/registry:3', 'registry:3']);
    expect(chooseImage(names, '/a.tar', undefined)).toBe('mirror/registry:3');
    expect(chooseImage(names, '/a.tar', 'other:1')).toBe('other:1');
    expect(chooseImage(['other:1'], '/a.tar', undefined)).toBe('other:1');
    expect(() => chooseImage(names, '/a.tar', 'registry:2')).toThrow(
      '--image registry:2: /a.tar does not hold it, but other:1, mirror/registry:3, registry:3.',
    );
  });

  test.each<[string, FakeHost | (() => FakeHost), string]>([
    ['not there', () => fakeHost(), 'there is no file /a.tar'],
    ['empty', () => archive(''), '/a.tar is not an image archive'],
    ['no archive', () => archive('nonsense'), '/a.tar is not an image archive'],
    ['an archive of other things', () => archive(tarOf({ name: 'x' })), '/a.tar is not an image archive'],
    ['no list in it', () => withList('nonsense'), '/a.tar is not an image archive'],
    ['another list in it', () => withList('{"a":1}'), '/a.tar is not an image archive'],
    [
      'images without a name',
      () => withList('[{"Config":"c.json","RepoTags":null,"Layers":[]}]'),
      'has no name: it was saved by its id',
    ],
    [
      'a directory',
      () => {
        const host = fakeHost();
        host.put('/a.tar/x', '');
        return host;
      },
      '/a.tar is not a file',
    ],
  ])('%s: bad input', async (_, host, wanted) => {
    const refused = archiveImages(typeof host === 'function' ? host() : host, '/a.tar');
    await expect(refused).rejects.toThrow(`--image-archive: ${''}`);
    await expect(refused).rejects.toMatchObject({ message: expect.stringContaining(wanted), exitCode: 2 });
  });
});
