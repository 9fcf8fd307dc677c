// A server with nothing but Node: the registry is a program of the machine, kept running by systemd.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNetwork, type Flavour, type Host, removeAll, startHost } from '../../lab/host.ts';
import { install, login, pull, push, refused, run, troubles, until } from '../helpers/machines.ts';
import { chosen } from '../helpers/matrix.ts';

/** Who adds and removes a user leaves copies of the former files beside them. */
const leftover = (line: string) =>
  !/^(changed|new): \/etc\/(passwd|group|shadow|gshadow)-$|adduser|deluser/.test(line);

const flavours = chosen<Flavour>(['bookworm-bare', 'trixie-bare'], (flavour) => flavour === 'trixie-bare');
describe.each(flavours)('%s', (flavour) => {
  let server: Host;
  let dev: Host;
  let address: string;
  beforeAll(async () => {
    const network = await createNetwork(flavour);
    [server, dev] = await Promise.all([
      startHost({ flavour, name: `srv-${flavour}`, network }),
      startHost({ flavour: 'trixie', name: `dev-${flavour}`, network, images: ['lab/hello:1'] }),
    ]);
    address = `${server.ip}:5000`;
    await install(server, { systemNode: true });
  }, 300_000);
  afterAll(removeAll);

  const pid = async () => (await server.sh('systemctl show -p MainPID --value registry')).stdout.trim();

  it('token mode needs a container engine; nothing is touched', async () => {
    expect(await refused(server, 2, '--yes --auth token')).toContain('token needs a container engine');
    expect(await server.changes()).toEqual([]);
  });

  it('--yes: from nothing to pushes over TLS with a password', async () => {
    const watch = `(for i in {1..3000}; do ss -Hltn 'sport = :5000' | grep -q . && ps -o args= -C docker-registry; sleep 0.05; done) >/tmp/seen 2>&1 & echo $! >/tmp/watch`;
    await server.sh(watch);
    const { stderr } = await run(server, '--yes --user admin --password-stdin', {
      input: 'correct horse',
      seconds: 180,
    });
    expect(stderr).toContain('No container engine is here');
    expect(stderr).toContain('A test image pushed, pulled and removed');
    await server.sh('kill $(cat /tmp/watch) || true');
    const seen = new Set((await server.read('/tmp/seen')).split('\n').filter(Boolean));
    expect([...seen], 'no other service was ever on that port').toEqual([
      expect.stringContaining('/opt/registry/config/config.yml'),
    ]);
    expect(await troubles(server)).toEqual([]);
    await dev.write(`/etc/docker/certs.d/${address}/ca.crt`, await server.read('/opt/registry/certs/ca.crt'));
    await login(dev, address, 'admin', 'correct horse');
    const pushed = await push(dev, `${address}/team/app:1.0`);
    expect(await pull(dev, `${address}/team/app:1.0`)).toBe(pushed);
    expect((await run(server, '--yes')).stderr).toContain('Nothing to do');
    await run(server, 'status');
  }, 240_000);

  it('its keys are readable by root and its own user only, which can write nothing but images', async () => {
    const { stdout } = await server.sh(`cd /opt/registry
      stat -c '%a %U:%G %n' certs/site.key config/config.yml auth/htpasswd ca/ca.key data
      ps -o user:20= -p $(systemctl show -p MainPID --value registry)`);
    expect(stdout.trim().split('\n')).toEqual([
      '640 root:registry-setup certs/site.key',
      '640 root:registry-setup config/config.yml',
      '640 root:registry-setup auth/htpasswd',
      '600 root:root ca/ca.key',
      '755 registry-setup:registry-setup data',
      'registry-setup',
    ]);
  });

  it('a new user restarts nothing, a new certificate does', async () => {
    const before = await pid();
    await run(server, 'user add ci --yes --password-stdin', { input: 'staple' });
    await login(dev, address, 'ci', 'staple');
    expect(await pid()).toBe(before);
    await run(server, 'rotate --yes');
    expect(await pid()).not.toBe(before);
    await login(dev, address, 'ci', 'staple');
  });

  it('the registry comes back when it is killed, and when the machine starts', async () => {
    const before = await pid();
    await server.sh(`kill -9 ${before}`);
    await until(
      server,
      `test "$(systemctl show -p MainPID --value registry)" -gt 0 && registry-setup status`,
    );
    await server.reboot();
    await until(server, 'systemctl is-active registry && registry-setup status | grep -q answers', 30);
  }, 120_000);

  it('uninstall leaves the images, and nothing else; with the images gone, nothing at all', async () => {
    await run(server, 'uninstall --yes --purge', { seconds: 180 });
    expect((await server.changes()).filter(leftover)).toEqual([]);
    const { stdout } = await server.sh(
      'dpkg -s docker-registry 2>&1 | grep ^Status || true; getent passwd registry-setup docker-registry || true',
    );
    expect(stdout).toBe('');
  }, 240_000);
});
