// What a bundle means on the server that runs it, and what is asked of the machine that makes it.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { architecture, listed, plainName } from '../src/archive.ts';
import { type About, asCalled, carry } from '../src/bundle/carried.ts';
import { fetcher, plainTar, wantedIn } from '../src/bundle/images.ts';
import { CliError } from '../src/errors.ts';
import { runCommand } from './helpers/context.ts';
import { imageIdOf } from './helpers/fake-docker.ts';
import { type FakeHost, fakeHost } from './helpers/fake-host.ts';

vi.mock('../src/checks.ts', async (original) => ({
  ...(await original<typeof import('../src/checks.ts')>()),
  liveChecks: () => [],
}));

const FILE = '/root/registry.run';
function carriedOn(host: FakeHost, about: Partial<About> = {}): FakeHost {
  const part = { at: 0, length: 0 };
  const told = { version: '1', architecture: architecture(), images: ['registry:3'], answers: {}, ...about };
  carry({
    file: FILE,
    about: { ...told, program: part, archive: part, length: 0, sha256: '' },
    unpack: () => '/var/tmp/x/images.tar',
  });
  host.docker.archives['/var/tmp/x/images.tar'] = Object.fromEntries(
    told.images.map((ref) => [ref, imageIdOf(ref)]),
  );
  host.commands['tar -tf /var/tmp/x/images.tar manifest.json'] = { stdout: 'manifest.json' };
  return host;
}
afterEach(() => carry(undefined));

const settings = (host: FakeHost) => host.text('/opt/registry/settings.yml') ?? '';
const SETUP = '--yes --tls insecure';

describe('a set-up out of a bundle', () => {
  test('its image is loaded, none is pulled; the plan names the bundle', async () => {
    const host = carriedOn(fakeHost());
    const { documents } = await runCommand(host, `${SETUP} --dry-run`);
    expect(JSON.stringify(documents)).toContain(`docker load -i ${FILE}`);
    await runCommand(host, SETUP);
    expect(host.done).toContain('docker load -i /var/tmp/x/images.tar');
    expect(host.done.filter((line) => line.startsWith('docker pull'))).toEqual([]);
    host.done.length = 0;
    await runCommand(host, SETUP);
    expect(host.done.filter((line) => line.startsWith('docker'))).toEqual([]);
  });

  test('its answers are those that nobody gave', async () => {
    const host = carriedOn(fakeHost(), { answers: { host: 'reg.corp', port: 5050, user: ['ann'] } });
    await runCommand(host, `${SETUP} --port 5443`);
    expect(settings(host)).toMatch(/host: reg\.corp[\s\S]*port: 5443/);
    expect(settings(host)).toContain('- ann');
  });

  test('the settings of this server are newer: a run that says nothing takes nothing back', async () => {
    const host = carriedOn(fakeHost(), { answers: { host: 'reg.corp', user: ['ann'], auth: 'htpasswd' } });
    await runCommand(host, SETUP);
    await runCommand(host, `${SETUP} --user ann --user ben --host other.corp`);
    const before = settings(host);
    await runCommand(host, '--yes');
    expect(settings(host)).toBe(before);
  });

  test('answers of a mode that was left do not come back', async () => {
    const images = ['registry:3', 'cesanta/docker_auth:1'];
    const host = carriedOn(fakeHost(), {
      images,
      answers: { auth: 'token', reader: ['bob'], user: ['ann'] },
    });
    await runCommand(host, `${SETUP} --auth htpasswd --no-anonymous-pull --reader=`);
    await runCommand(host, '--yes');
    expect(settings(host)).toContain('auth: htpasswd');
  });

  test('an image that it does not hold is pulled, and the error tells how it would', async () => {
    const host = carriedOn(fakeHost());
    host.docker.remote['mirror/registry:3'] = imageIdOf('mirror/registry:3');
    await runCommand(host, `${SETUP} --image mirror/registry:3`);
    expect(host.done.filter((line) => /^docker (load|pull)/.test(line))).toEqual([
      'docker pull mirror/registry:3',
    ]);
    const failed = runCommand(carriedOn(fakeHost()), `${SETUP} --image other/registry:3`);
    await expect(failed).rejects.toMatchObject({
      fix: expect.arrayContaining([
        expect.stringContaining('registry-setup bundle FILE --image other/registry:3'),
      ]),
    });
  });

  test('another image than the one that runs is no wish, and is told', async () => {
    const host = carriedOn(fakeHost());
    await runCommand(host, SETUP);
    carriedOn(host, { images: ['registry:3.1'], answers: { image: 'registry:3.1' } });
    const { heard } = await runCommand(host, '--yes');
    expect(heard.join()).toContain('To take it:   registry-setup --yes --image registry:3.1');
    expect(settings(host)).toContain('image: registry:3\n');
    await runCommand(host, '--yes --image registry:3.1');
    expect(settings(host)).toContain('image: registry:3.1\n');
  });

  test('lines to be pasted call the bundle, for nothing is on the PATH; files and developer machines are shown as they are', () => {
    expect(asCalled('registry-setup --yes')).toBe('registry-setup --yes');
    carriedOn(fakeHost());
    const here = `sh ${FILE}`;
    expect(asCalled('Set one up:   registry-setup\nAs root:  sudo npx registry-setup')).toBe(
      `Set one up:   ${here}\nAs root:  sudo ${here}`,
    );
    expect(asCalled('`registry-setup user password admin` makes another; registry-setup --yes')).toBe(
      `\`${here} user password admin\` makes another; ${here} --yes`,
    );
    for (const text of [
      'npx registry-setup --client --host a',
      'registry-setup · a private image registry',
      '  +# by registry-setup --no-renew',
      'add the timer registry-setup-renew',
      'registry-setup bundle FILE --auth token',
    ])
      expect(asCalled(text)).toBe(text);
  });

  test('another kind of machine: exit 2, nothing is touched', async () => {
    const host = carriedOn(fakeHost(), { architecture: 'm68k' });
    const failed = runCommand(host, SETUP);
    await expect(failed).rejects.toMatchObject({ exitCode: 2 });
    await expect(failed).rejects.toThrow(`This bundle is for m68k, and this machine is ${architecture()}.`);
    expect(host.done).toEqual([]);
  });
});

describe('the images of a bundle', () => {
  const image = (...RepoTags: string[]) => ({ Config: 'c', RepoTags, Layers: [] });

  test.each([
    ['docker.io/library/registry:3', 'registry:3'],
    ['registry', 'registry:latest'],
    ['docker.io/cesanta/docker_auth:1', 'cesanta/docker_auth:1'],
    ['mirror.corp:5000/library/registry', 'mirror.corp:5000/library/registry:latest'],
  ])('%s is %s, whichever engine wrote the archive', (name, plain) => {
    expect(plainName(name)).toBe(plain);
    expect(listed([image('other:1'), image(name)], plain)).toMatchObject({ RepoTags: [name] });
  });

  test('an archive that lacks one is told by its name', () => {
    const both = ['registry:3', 'cesanta/docker_auth:1'];
    expect(() => wantedIn([image('registry:3')], both, '/x.tar')).toThrow(
      '--image-archive: /x.tar does not hold cesanta/docker_auth:1, but registry:3.',
    );
  });

  test('packed archives travel as a plain one; the server needs nothing to unpack it', async () => {
    const host = fakeHost();
    host.put('/plain.tar', 'a tar');
    expect((await plainTar(host, '/plain.tar', '/tmp/f')).toString()).toBe('a tar');
    host.put('/x.tar.zst', '');
    await host.write('/x.tar.zst', Buffer.from('28b52ffd00', 'hex'), { mode: 0o600 });
    host.put('/tmp/f/plain.tar', 'unpacked');
    host.commands['sh -c exec "$@" >"$0" /tmp/f/plain.tar zstd -dc /x.tar.zst'] = {};
    expect((await plainTar(host, '/x.tar.zst', '/tmp/f')).toString()).toBe('unpacked');
  });

  test('podman fetches where there is no Docker; without both the way out is a file', async () => {
    const host = fakeHost();
    host.commands['docker info'] = { code: 127 };
    const failed = fetcher(host);
    await expect(failed).rejects.toThrow('Neither Docker nor podman is here');
    await expect(failed).rejects.toMatchObject({
      fix: expect.arrayContaining([expect.stringContaining('--image-archive')]),
    });
    host.commands['podman info'] = { stdout: JSON.stringify({ host: {}, version: { Version: '5' } }) };
    expect(await fetcher(host)).toBe('podman');
  });

  test('a Docker that is stopped is told of, and native is no way out here', async () => {
    const host = fakeHost();
    host.commands['docker info'] = { stdout: JSON.stringify({ ServerErrors: ['no socket'] }) };
    const error = (await fetcher(host).catch((e) => e)) as CliError;
    expect(error).toBeInstanceOf(CliError);
    expect(error.message).toContain('not running');
    expect(error.fix.join()).not.toContain('native');
  });
});
