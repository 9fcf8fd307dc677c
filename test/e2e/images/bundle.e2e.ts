// One file, made where there is network, sets a registry up where there is none: with Docker, with logins by token, with nothing but Node.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createNetwork, type ExecOptions, type Host, removeAll, startHost } from '../../lab/host.ts';
import { roots, trustRoots } from '../helpers/certificates.ts';
import { ask, install, login, pull, push, refused, run, running, trust, until } from '../helpers/machines.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 300_000 });

const FILE = '/root/registry.run';
/** Where what is made waits to be carried over. */
let shelf: string;
let maker: Host;
let server: Host;
let bare: Host;
let dev: Host;
beforeAll(async () => {
  shelf = await mkdtemp(join(tmpdir(), 'bundle-'));
  const [open, cut] = [await createNetwork('open'), await createNetwork('cut', { internal: true })];
  [maker, server, bare, dev] = await Promise.all([
    startHost({
      flavour: 'bookworm',
      name: 'maker',
      network: open,
      images: ['registry:3', 'cesanta/docker_auth:1'],
    }),
    startHost({ flavour: 'trixie', name: 'server', network: cut }),
    startHost({ flavour: 'trixie-bare', name: 'bare', network: cut }),
    startHost({ flavour: 'trixie', name: 'dev', network: cut, images: ['lab/hello:1'] }),
  ]);
  await install(maker);
});
afterAll(async () => {
  await removeAll();
  await rm(shelf, { recursive: true });
});

/** Makes it, and puts it where the servers' copies come from. */
async function make(name: string, flags = ''): Promise<string> {
  const { stderr } = await run(maker, `bundle /root/${name} ${flags}`);
  await execa('docker', ['cp', `${maker.container}:/root/${name}`, join(shelf, name)]);
  return stderr;
}
const carry = (name: string, host: Host) => host.copyIn(join(shelf, name), FILE);
const sh = (host: Host, words: string, options: ExecOptions = {}) =>
  host.sh(`cd /root; sh registry.run ${words}`, { seconds: 170, ...options });
const leftovers = (host: Host) =>
  host.sh('ls -d /tmp/registry-setup-* /var/tmp/registry-setup-* 2>/dev/null || true');

describe('on the machine that makes it', () => {
  it('--dry-run says what would be in it, and writes nothing', async () => {
    const { stdout } = await run(maker, 'bundle /root/x.run --dry-run --auth token --host reg.corp');
    expect(stdout).toContain('image cesanta/docker_auth:1   (here already)');
    expect(stdout).toContain('host: reg.corp');
    expect(await maker.changes()).toEqual([]);
  });

  it('an image that cannot be fetched, no room, no right to write, Ctrl-C: nothing is left behind', async () => {
    expect(
      await refused(maker, 1, 'bundle x.run --image mirror.invalid/registry:3', { cwd: '/root' }),
    ).toContain('--image-archive');
    expect(await refused(maker, 2, 'bundle /proc/x.run')).toContain('Cannot write /proc/x.run');
    await maker.sh('mkdir -p /run/small && mount -t tmpfs -o size=4m none /run/small');
    expect(await refused(maker, 1, 'bundle /run/small/x.run')).toContain('disk is full');
    expect((await maker.sh('ls -A /run/small; umount /run/small')).stdout).toBe('');
    await maker.sh(`cd /root
      for t in 0.3 0.8 1.6 3; do
        timeout -s INT $t registry-setup bundle x.run || true
        if [ -e x.run ]; then sh x.run --version; rm x.run; fi  # it was ready: then it is whole
      done`);
    expect(await maker.changes()).toEqual([]);
    expect((await leftovers(maker)).stdout).toBe('');
  });
});

describe('a server with Docker and no network', () => {
  beforeAll(async () => {
    const told = await make('registry.run', '--user admin');
    expect(told).toContain('registry:3 (linux/amd64), answers: user. No password.');
    await carry('registry.run', server);
  });

  it('sh FILE --yes: a registry over TLS with a password', async () => {
    expect((await sh(server, '--yes --dry-run')).stdout).toContain('docker load -i /root/registry.run');
    const { stderr } = await sh(server, '--yes --password-stdin', { input: 'correct horse' });
    expect(stderr).toContain('A test image pushed, pulled and removed');
    expect(stderr).toContain('sh /root/registry.run --yes --host');
    expect((await leftovers(server)).stdout).toBe('');
    const at = `${server.ip}:5000`;
    await trustRoots(dev, (await roots(server)).join(''), at);
    await login(dev, at, 'admin', 'correct horse');
    const pushed = await push(dev, `${at}/team/app:1.0`);
    expect(await pull(dev, `${at}/team/app:1.0`)).toBe(pushed);
  });

  it('a second run changes nothing, and reverts nothing that was changed since', async () => {
    const before = await running(server);
    expect((await sh(server, '--yes')).stderr).toContain('Nothing to do');
    expect((await server.sh('cd /root; node registry.run --yes')).stderr).toContain('Nothing to do');
    await sh(server, 'user add ci --yes --password-stdin', { input: 'staple' });
    expect((await sh(server, '--yes')).stderr).toContain('Nothing to do');
    expect((await sh(server, 'user list')).stdout).toContain('ci');
    expect((await sh(server, 'status --json')).stdout).toContain('"ok": true');
    expect(await running(server)).toBe(before);
  });

  it('the copy for the timer does its work when the bundle is gone', async () => {
    const serial = 'cksum /opt/registry/certs/site.crt';
    const before = (await server.sh(serial)).stdout;
    await server.sh(`rm ${FILE}
      systemctl start registry-setup-renew.service
      node /opt/registry/program/*/dist/cli.js rotate --yes`);
    expect((await server.sh(serial)).stdout).not.toBe(before);
  });

  it('a developer machine is joined by the same file', async () => {
    await carry('registry.run', dev);
    await carry('registry.run', server);
    const { client } = JSON.parse((await sh(server, 'status --json')).stdout) as { client: string };
    await dev.sh('rm -rf /etc/docker/certs.d /root/.docker');
    const words = client.replace('npx registry-setup', '').trim();
    await sh(dev, `${words} --yes --password-stdin`, { input: 'correct horse' });
    await push(dev, `${server.ip}:5000/team/app:2.0`);
  });

  it('uninstall takes the images away, too', async () => {
    await sh(server, 'uninstall --yes --purge');
    await server.sh(`rm ${FILE}`);
    expect(await server.changes()).toEqual([]);
  });

  it('a copy that is cut off or damaged says so, and does nothing', async () => {
    await carry('registry.run', server);
    await server.sh(`cd /root; head -c 9000000 registry.run >cut.run
      (head -c 9000000 registry.run; printf xy; tail -c +9000003 registry.run) >damaged.run`);
    for (const [words, said] of [
      ['sh cut.run --yes', /^✖ cut.run is cut off: only \d+ % of it is here\.\n {2}Copy it again\.\n$/],
      ['node cut.run --yes', /^✖ \/root\/cut.run is cut off: only \d+ % of it is here\.\n/],
      ['sh damaged.run --yes', /^✖ damaged.run is damaged: it is not what was written\.\n/],
      ['PATH=/nowhere /bin/sh registry.run --yes', /^✖ registry-setup needs Node 20\.17 or newer/],
    ] as const) {
      const { code, stderr } = await server.sh(`cd /root; ${words}`, { check: false });
      expect([code, stderr], words).toEqual([2, expect.stringMatching(said)]);
    }
    await server.sh('cd /root; rm *.run');
    expect(await server.changes()).toEqual([]);
    expect((await leftovers(server)).stdout).toBe('');
  });
});

describe('logins by token', () => {
  it('carries both images and the answers; the roles are those that were given for the bundle', async () => {
    await make('registry.run', '--auth token --user admin --reader bob --host server');
    await carry('registry.run', server);
    const input = 'admin:correct horse\nbob:staple';
    const { stderr } = await sh(server, '--yes --password-stdin', { input });
    expect(stderr).toContain('lets admin, bob in');
    const at = 'server:5000';
    await trustRoots(dev, (await roots(server)).join(''), at);
    await login(dev, at, 'admin', 'correct horse');
    const pushed = await push(dev, `${at}/team/app:1.0`);
    await login(dev, at, 'bob', 'staple');
    expect(await pull(dev, `${at}/team/app:1.0`)).toBe(pushed);
    await expect(push(dev, `${at}/team/app:2.0`)).rejects.toThrow(/denied/);
    expect((await sh(server, '--yes')).stderr).toContain('Nothing to do');
    await sh(server, 'uninstall --yes --purge');
    await server.sh(`rm ${FILE}`);
    expect(await server.changes()).toEqual([]);
  });

  it('an image that the bundle does not hold is named, with the way to one that does', async () => {
    await make('registry.run');
    await carry('registry.run', server);
    const { code, stderr } = await sh(server, '--yes --auth token', { check: false });
    expect(code).toBe(1);
    expect(stderr).toContain('registry-setup bundle FILE --auth token');
    await sh(server, 'uninstall --yes --purge');
    await server.sh(`rm ${FILE}; docker rmi registry:3 || true`);
    expect(await server.changes()).toEqual([]);
  });
});

describe('a server with Node, and nothing else', () => {
  const leftover = (line: string) =>
    !/^(changed|new): \/etc\/(passwd|group|shadow|gshadow)-$|adduser|deluser/.test(line);
  const pid = async () => (await bare.sh('systemctl show -p MainPID --value registry')).stdout.trim();

  it('node FILE: the registry comes out of the image', async () => {
    await carry('registry.run', bare);
    const { stderr } = await bare.sh('cd /root; node registry.run --yes --password-stdin', {
      input: 'correct horse',
    });
    expect(stderr).toContain('runs as a program of this machine, out of the image');
    expect(stderr).toContain('A test image pushed, pulled and removed');
    const at = `${bare.ip}:5000`;
    await trustRoots(dev, (await roots(bare)).join(''), at);
    await login(dev, at, 'admin', 'correct horse');
    const pushed = await push(dev, `${at}/team/app:1.0`);
    expect(await pull(dev, `${at}/team/app:1.0`)).toBe(pushed);
    expect((await sh(bare, 'status')).stdout).toMatch(/registry 3\.\d/);
  });

  it('a second run changes nothing; it goes on when the machine starts, without the bundle', async () => {
    const before = await pid();
    expect((await sh(bare, '--yes')).stderr).toContain('Nothing to do');
    expect(await pid()).toBe(before);
    await bare.sh('mv registry.run /var/tmp/', { cwd: '/root' });
    await bare.reboot();
    await until(bare, 'systemctl is-active registry', 30);
    expect(await ask(bare, 'https://127.0.0.1:5000/v2/')).toContain('000');
    await bare.sh('node /opt/registry/program/*/dist/cli.js status');
    await bare.sh('mv /var/tmp/registry.run /root/');
  });

  it('uninstall takes the program away, too', async () => {
    await sh(bare, 'uninstall --yes --purge');
    await bare.sh(`rm ${FILE}`);
    expect((await bare.changes()).filter(leftover)).toEqual([]);
    expect((await leftovers(bare)).stdout).toBe('');
  });
});

describe('a server without Node, too', () => {
  const program = '/opt/registry/program';
  beforeAll(async () => {
    await make('registry.run', '--with-node');
    await carry('registry.run', bare);
    await bare.sh('mv /usr/bin/node /usr/bin/node.away');
  });
  afterAll(() => bare.sh('mv /usr/bin/node.away /usr/bin/node'));

  it('the node of the bundle runs every command, and the timer uses a copy of it', async () => {
    const { stderr } = await sh(bare, '--yes');
    expect(stderr).toContain('A test image pushed, pulled and removed');
    expect((await sh(bare, '--yes')).stderr).toContain('Nothing to do');
    expect((await leftovers(bare)).stdout).toBe('');
    await bare.sh(`mv ${FILE} /var/tmp/
      systemctl start registry-setup-renew.service
      ${program}/node ${program}/*/dist/cli.js status
      ${program}/node ${program}/*/dist/cli.js rotate --yes
      mv /var/tmp/registry.run ${FILE}`);
    expect((await sh(bare, 'status')).stdout).toContain('answers');
    await sh(bare, 'uninstall --yes --purge');
    expect((await bare.sh('ls -A /opt')).stdout).toBe('');
    expect((await leftovers(bare)).stdout).toBe('');
  });

  it('a node that needs libraries of its own is refused when the bundle is made', async () => {
    await carry('registry.run', dev);
    const line = 'bundle x.run --with-node --image lab/hello:1';
    const { code, stderr } = await dev.sh(`cd /root; node registry.run ${line}`, { check: false });
    expect([code, stderr]).toEqual([2, expect.stringContaining('would not run on another machine')]);
    await dev.sh(`rm ${FILE}`);
  });
});

describe('made where there is no engine', () => {
  it('its image comes straight from a registry, or from a file; both set up a registry', async () => {
    await make('registry.run');
    await carry('registry.run', bare);
    await sh(bare, '--yes --tls insecure --auth none');
    const at = `${bare.ip}:5000`;
    await dev.sh('docker load -qi /lab/registry-3.tar');
    await trust(dev, at);
    await dev.sh(`docker tag registry:3 ${at}/library/registry:3; docker push -q ${at}/library/registry:3`);
    const { stderr } = await sh(bare, 'bundle other.run --image 127.0.0.1:5000/library/registry:3');
    expect(stderr).toContain('Image 127.0.0.1:5000/library/registry:3 fetched');
    await sh(bare, 'bundle third.run --image-archive /lab/registry-3.tar --tls insecure');
    for (const name of ['other.run', 'third.run']) {
      await sh(bare, 'uninstall --yes --purge');
      await bare.sh(`mv ${name} registry.run`, { cwd: '/root' });
      await sh(bare, '--yes --tls insecure --auth none');
      expect(await ask(bare, 'http://127.0.0.1:5000/v2/')).toBe('200 {}');
    }
    await sh(bare, 'uninstall --yes --purge');
  });
});
