// What a bundle means on the server that runs it, and what is asked of the machine that makes it.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { commonArchive, fetcher, wantedIn } from '../../src/bundle/images.ts';
import { architecture, listed } from '../../src/engines/images/archive.ts';
import { plainName } from '../../src/engines/images/reference.ts';
import { CliError } from '../../src/errors.ts';
import { type About, carry } from '../../src/program/bundled.ts';
import { runCommand } from '../helpers/context.ts';
import { imageIdOf } from '../helpers/fake-docker.ts';
import { type FakeHost, fakeHost } from '../helpers/fake-host.ts';
import { listLine, savedImages, tarOf } from '../helpers/tar.ts';
import { temporaryDirectory } from '../helpers/tmp.ts';

vi.mock('../../src/server/checks/proof.ts', async (original) => ({
  ...(await original<typeof import('../../src/server/checks/proof.ts')>()),
  liveChecks: () => [],
}));

const FILE = '/root/registry.run';
function carriedOn(host: FakeHost, about: Partial<About> = {}, node?: string): FakeHost {
  const part = { at: 0, length: 0 };
  const told = { version: '1', architecture: architecture(), images: ['registry:3'], answers: {}, ...about };
  carry({
    file: FILE,
    about: { ...told, program: part, archive: part, length: 0, sha256: '' },
    unpack: () => '/var/tmp/x/images.tar',
    node,
  });
  host.docker.archives['/var/tmp/x/images.tar'] = Object.fromEntries(
    told.images.map((ref) => [ref, imageIdOf(ref)]),
  );
  host.put('/var/tmp/x/images.tar', savedImages(...told.images));
  return host;
}
afterEach(() => carry(undefined));

const settings = (host: FakeHost) => host.text('/opt/registry/settings.yml') ?? '';
const SETUP = '--yes --tls insecure';

describe('a setup from a bundle', () => {
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

  test('its answers fill in what was not given', async () => {
    const host = carriedOn(fakeHost(), { answers: { host: 'reg.corp', port: 5050, user: ['ann'] } });
    await runCommand(host, `${SETUP} --port 5443`);
    expect(settings(host)).toMatch(/host: reg\.corp[\s\S]*port: 5443/);
    expect(settings(host)).toContain('- ann');
  });

  test('the settings of this server are newer: a run without flags reverts nothing', async () => {
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

  test('an image that the bundle lacks is pulled; the error says how to bundle it', async () => {
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

  test('an image other than the running one does not replace it, and is reported', async () => {
    const host = carriedOn(fakeHost());
    await runCommand(host, SETUP);
    carriedOn(host, { images: ['registry:3.1'], answers: { image: 'registry:3.1' } });
    const { heard } = await runCommand(host, '--yes');
    expect(heard.join()).toContain('To use it:   registry-setup --yes --image registry:3.1');
    expect(settings(host)).toContain('image: registry:3\n');
    await runCommand(host, '--yes --image registry:3.1');
    expect(settings(host)).toContain('image: registry:3.1\n');
  });

  test('the node that came with it is kept for the timer', async () => {
    const host = carriedOn(fakeHost(), {}, '/var/tmp/x/node');
    host.put('/run/systemd/system/.keep', '');
    host.put('/var/tmp/x/node', 'ELF', 0o700);
    host.commands['systemctl is-enabled'] = {};
    const { documents } = await runCommand(host, '--yes --tls self-signed --dry-run');
    const { changes } = documents[0] as { changes: { kind: string; details: string[] }[] };
    expect(changes.find(({ kind }) => kind === 'copy')?.details).toEqual([
      'install -m 0755 /var/tmp/x/node /opt/registry/program/node',
    ]);
    expect(changes.find(({ kind }) => kind === 'timer')?.details.join()).toContain(
      '+ExecStart=/opt/registry/program/node /opt/registry/program/',
    );
  });

  test('another kind of machine: exit 2, nothing is touched', async () => {
    const host = carriedOn(fakeHost(), { architecture: 'm68k' });
    const failed = runCommand(host, SETUP);
    await expect(failed).rejects.toMatchObject({ exitCode: 2 });
    await expect(failed).rejects.toThrow(`This bundle is for m68k, and this machine is ${architecture()}.`);
    expect(host.done).toEqual([]);
  });
});

/** What the tar of this machine takes out of it. */
function unpacked(tar: Buffer) {
  const folder = temporaryDirectory();
  execFileSync('tar', ['-C', folder, '-xf', '-'], { input: tar });
  const list: unknown = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
  return { inside: readdirSync(folder).sort(), list };
}

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

  test('the error names an image that the archive lacks', () => {
    const both = ['registry:3', 'cesanta/docker_auth:1'];
    expect(() => wantedIn([image('registry:3')], both, '/x.tar')).toThrow(
      '--image-archive: /x.tar does not hold cesanta/docker_auth:1, but registry:3.',
    );
  });

  test('whichever engine wrote them, they travel with whole names, and nothing beside them does', async () => {
    const host = fakeHost();
    const both = (authFor: string) =>
      tarOf(
        { name: 'a.json', content: '{"architecture":"arm64"}' },
        { name: 'b.json', content: JSON.stringify({ architecture: authFor }) },
        ...['1.tar', '2.tar', '3.tar', '9.tar', 'x.json'].map((name) => ({ name, content: `in ${name}` })),
        {
          name: 'manifest.json',
          content: JSON.stringify([
            listLine('localhost/registry:3', ['1.tar', '2.tar'], 'a.json'),
            listLine('other:1', ['9.tar'], 'x.json'),
            listLine('cesanta/docker_auth:1', ['1.tar', '3.tar'], 'b.json'),
          ]),
        },
      );
    host.put('/x.tar', both('arm64'));
    const refs = ['registry:3', 'cesanta/docker_auth:1'];
    const { tar, architecture: found } = await commonArchive(host, '/x.tar', refs);
    expect(found).toBe('arm64');
    const { inside, list } = unpacked(tar);
    expect(inside).toEqual(['1.tar', '2.tar', '3.tar', 'a.json', 'b.json', 'manifest.json']);
    expect(list).toEqual([
      listLine('docker.io/library/registry:3', ['1.tar', '2.tar'], 'a.json'),
      listLine('docker.io/cesanta/docker_auth:1', ['1.tar', '3.tar'], 'b.json'),
    ]);
    host.put('/x.tar', both('amd64'));
    await expect(commonArchive(host, '/x.tar', refs)).rejects.toThrow(
      'registry:3 is for arm64, and cesanta/docker_auth:1 is for amd64.',
    );
  });

  test('podman fetches if there is no Docker; without both the program fetches itself', async () => {
    const host = fakeHost();
    host.commands['docker info'] = { code: 127 };
    expect(await fetcher(host)).toBeUndefined();
    host.commands['podman info'] = { stdout: JSON.stringify({ host: {}, version: { Version: '5' } }) };
    expect(await fetcher(host)).toBe('podman');
  });

  test('a stopped Docker is reported, and native is not suggested', async () => {
    const host = fakeHost();
    host.commands['docker info'] = { stdout: JSON.stringify({ ServerErrors: ['no socket'] }) };
    const error = (await fetcher(host).catch((e) => e)) as CliError;
    expect(error).toBeInstanceOf(CliError);
    expect(error.message).toContain('not running');
    expect(error.fix).toEqual(['systemctl start docker', expect.stringMatching(/^From a file: /)]);
  });
});
