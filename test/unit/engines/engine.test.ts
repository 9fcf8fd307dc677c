// Which engine a machine has, and what is said where it has none that works.
import { describe, expect, test } from 'vitest';
import { engineText, findEngine } from '../../../src/engines/engine.ts';
import { readManifest } from '../../../src/engines/images/archive.ts';
import { fullName } from '../../../src/engines/images/reference.ts';
import { publisher } from '../../../src/engines/podman.ts';
import { readyInfo } from '../../../src/engines/types.ts';
import { resolveSettings } from '../../../src/settings/resolve.ts';
import { type FakeHost, fakeHost } from '../../helpers/fake-host.ts';

const NONE = { code: 127, stderr: 'not found' };
const PODMAN = {
  stdout: JSON.stringify({
    host: { logDriver: 'journald', security: { rootless: true } },
    version: { Version: '5.4.2' },
  }),
};

function machine(docker: object, podman: object): FakeHost {
  const host = fakeHost();
  host.commands['docker info'] = docker;
  host.commands['podman info'] = podman;
  return host;
}

function withPackages(host: FakeHost): FakeHost {
  host.put('/usr/bin/apt-get', '', 0o755);
  return host;
}

describe('--engine auto', () => {
  test('a Docker that answers', async () => {
    const host = machine({ stdout: JSON.stringify({ ServerVersion: '26.1.5+dfsg1' }) }, PODMAN);
    const found = readyInfo(await findEngine(host, 'auto'));
    expect(found).toMatchObject({ kind: 'docker' });
    expect(engineText(found)).toBe('Docker 26.1.5');
  });

  test('else podman', async () => {
    const found = readyInfo(await findEngine(machine(NONE, PODMAN), 'auto'));
    expect(found).toMatchObject({ kind: 'podman', version: '5.4.2', rootless: true, logDriver: 'journald' });
  });

  test('podman under the name of docker is podman', async () => {
    expect(readyInfo(await findEngine(machine(PODMAN, PODMAN), 'auto'))).toMatchObject({ kind: 'podman' });
  });

  test('else none at all: the package of the system', async () => {
    const found = readyInfo(await findEngine(withPackages(machine(NONE, NONE)), 'auto'));
    expect(found).toMatchObject({
      kind: 'native',
      serviceManager: 'script',
      package: { manager: 'apt', name: 'docker-registry', service: 'docker-registry' },
    });
    expect(engineText(found)).toBe('no container engine');
  });

  test('a stopped Docker is reported, and never passed over', async () => {
    const host = withPackages(machine({ stdout: JSON.stringify({ ServerErrors: ['no socket'] }) }, NONE));
    expect(await findEngine(host, 'auto')).toMatchObject({
      state: 'stopped',
      error: { fix: expect.arrayContaining(['systemctl start docker']) },
    });
  });

  test('nothing can run a registry: the error says how to get an engine', async () => {
    expect(await findEngine(machine(NONE, NONE), 'auto')).toMatchObject({
      state: 'absent',
      error: { fix: expect.arrayContaining([expect.stringContaining('registry-setup --engine docker')]) },
    });
  });

  test('a Docker that hangs or refuses is passed over by no package, and podman is asked first', async () => {
    const hung = { code: 124 };
    expect(await findEngine(withPackages(machine(hung, NONE)), 'auto')).toMatchObject({ state: 'unusable' });
    expect(await findEngine(machine(hung, PODMAN), 'auto')).toMatchObject({ state: 'ready' });
  });
});

describe('--engine native', () => {
  const DEBIAN = 'docker-registry github.com/docker/distribution 2.8.3+ds1';

  test('a registry on the PATH needs no package', async () => {
    const host = withPackages(fakeHost());
    host.put('/usr/local/bin/registry', '', 0o755);
    host.commands['/usr/local/bin/registry --version'] = {
      stdout: 'registry github.com/distribution/distribution/v3 v3.1.1',
    };
    const found = readyInfo(await findEngine(host, 'native'));
    expect(found).toMatchObject({ binary: '/usr/local/bin/registry', version: '3.1.1' });
    expect(found).not.toHaveProperty('package');
  });

  test('another program of that name is passed over', async () => {
    const host = fakeHost();
    host.put('/usr/local/bin/registry', '', 0o755);
    host.put('/usr/bin/docker-registry', '', 0o755);
    host.commands['/usr/local/bin/registry --version'] = { stdout: 'registry 1.0 (of deeds)' };
    host.commands['/usr/bin/docker-registry --version'] = { stdout: DEBIAN };
    expect(await findEngine(host, 'native')).toMatchObject({ info: { binary: '/usr/bin/docker-registry' } });
  });

  test.each([
    ['registry github.com/docker/distribution v2.8.3+unknown', '2.8.3+unknown'],
    ['registry github.com/distribution/distribution/v3 v3.1.1', '3.1.1'],
    ['registry of the Slackware distribution 15', undefined],
    ['npm-registry 4.2', undefined],
  ])('"%s" is %s', async (stdout, version) => {
    const host = fakeHost();
    host.put('/usr/bin/registry', '', 0o755);
    host.commands['/usr/bin/registry --version'] = { stdout };
    const found = await findEngine(host, 'native');
    if (version) expect(found).toMatchObject({ info: { binary: '/usr/bin/registry', version } });
    else expect(found).toMatchObject({ state: 'unusable' });
  });

  test('without root no package is installed', async () => {
    const host = withPackages(fakeHost());
    host.machine.uid = 1000;
    expect(await findEngine(host, 'native')).toMatchObject({
      state: 'unusable',
      error: { fix: expect.arrayContaining([expect.stringContaining('sudo')]) },
    });
  });

  test('a program out of an image comes first; one that is on the machine before an archive that is carried along', async () => {
    const host = withPackages(fakeHost());
    const own = { binary: '/srv/reg/bin/registry', fromImage: true };
    const find = async (archive?: 'first' | 'last') =>
      readyInfo(await findEngine(host, 'native', { dir: '/srv/reg', archive }));
    expect(await find()).toMatchObject({ package: { manager: 'apt' } });
    expect(await find('last')).toMatchObject(own);
    host.put('/usr/bin/docker-registry', '', 0o755);
    host.commands['/usr/bin/docker-registry --version'] = { stdout: DEBIAN };
    expect(await find('last')).not.toHaveProperty('fromImage');
    expect(await find('first')).toMatchObject(own);
    host.put('/srv/reg/bin/registry', '', 0o755);
    host.commands['/srv/reg/bin/registry --version'] = { stdout: DEBIAN };
    expect(await find()).toMatchObject({ ...own, version: '2.8.3+ds1' });
  });

  test('an archive of images is enough, also to choose one of them', () => {
    const answers = {
      engine: { value: 'native', where: '--engine' },
      image: { value: 'registry:2', where: '--image' },
    };
    const place = { host: '10.0.0.1', dir: '/opt/registry', archive: '/x.tar' };
    expect(resolveSettings(answers, place)).toHaveProperty('settings');
  });

  test.each([
    ['auth', 'token'],
    ['image', 'registry:2'],
  ] as const)('--%s %s needs a container engine', (name, value) => {
    const answers = {
      engine: { value: 'native', where: '--engine' },
      [name]: { value, where: `--${name}` },
    };
    const result = resolveSettings(answers, { host: '10.0.0.1', dir: '/opt/registry' });
    expect(result).toMatchObject({
      problems: [
        expect.objectContaining({
          where: `--${name}`,
          message: expect.stringContaining('needs a container engine'),
        }),
      ],
    });
  });
});

test.each([
  ['registry:3', 'docker.io/library/registry:3'],
  ['cesanta/docker_auth:1', 'docker.io/cesanta/docker_auth:1'],
  ['mirror.corp/library/registry:3', 'mirror.corp/library/registry:3'],
  ['localhost/registry:3', 'localhost/registry:3'],
])('podman is told %s as %s', (ref, full) => expect(fullName(ref)).toBe(full));

test('finds the container that publishes a port in the output of podman', async () => {
  const host = fakeHost();
  const row = { Names: ['web'], Image: 'x:1', Status: 'Up 3 days', Ports: [{ host_port: 8000, range: 3 }] };
  host.commands['podman ps --format json'] = { stdout: JSON.stringify([{ Names: ['none'] }, row]) };
  expect(await publisher(host, 8002, 'podman')).toMatchObject({ name: 'web' });
  expect(await publisher(host, 8003, 'podman')).toBeUndefined();
});

describe('an archive without a list of its own (OCI layout)', () => {
  const files = (annotations: object): Record<string, string> => ({
    'index.json': JSON.stringify({ manifests: [{ digest: 'sha256:a', annotations }] }),
    'blobs/sha256/a': JSON.stringify({
      manifests: [
        { digest: 'sha256:no', platform: { os: 'linux', architecture: 'riscv64' } },
        { digest: 'sha256:b', platform: { os: 'linux', architecture: 'amd64' } },
        { digest: 'sha256:b', platform: { os: 'linux', architecture: 'arm64' } },
      ],
    }),
    'blobs/sha256/b': JSON.stringify({ config: { digest: 'sha256:c' }, layers: [{ digest: 'sha256:d' }] }),
  });

  test.each([
    [{ 'io.containerd.image.name': 'docker.io/library/registry:3.1' }, 'registry:3.1'],
    [{ 'org.opencontainers.image.ref.name': '3.1' }, 'registry:3.1'],
    [{ 'org.opencontainers.image.ref.name': 'corp.example/reg:7' }, 'corp.example/reg:7'],
    [{}, 'registry:3'],
  ])('%j is %s', async (annotations, name) => {
    const layout = files(annotations);
    const list = await readManifest(async (paths) => paths.map((path) => layout[path]), 'registry:3');
    expect(list).toEqual([{ Config: 'blobs/sha256/c', RepoTags: [name], Layers: ['blobs/sha256/d'] }]);
  });
});
