// Servers with a firewall on, looked at from another machine: shut before, open after a yes, shut again when the registry is gone.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNetwork, type Host, removeAll, startHost } from '../../lab/host.ts';
import { install, login, pull, push, run, troubles } from '../helpers/machines.ts';

const PASSWORD = 'correct horse';
const SETUP = '--yes --user admin --password-stdin';
let server: Host;
let dev: Host;

async function startServer(flavour: Host['flavour'], packages: string): Promise<void> {
  const network = await createNetwork(`fw-${flavour}`);
  const images = flavour === 'trixie-bare' ? [] : (['registry:3'] as const);
  [server, dev] = await Promise.all([
    startHost({ flavour, name: `srv-${flavour}`, network, images: [...images] }),
    startHost({ flavour: 'trixie', name: `dev-${flavour}`, network, images: ['lab/hello:1'] }),
  ]);
  await install(server);
  // Installed they are off, and stay so until a test switches one on.
  await server.sh(
    `apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ${packages} >/dev/null 2>&1
    if systemctl cat firewalld &>/dev/null; then systemctl disable --quiet --now firewalld; fi`,
    { seconds: 240 },
  );
}

/** What another machine gets: `401` from a registry, `000` from a shut port. */
const answer = async (port = 5000): Promise<string> => {
  const line = `curl --silent --insecure --max-time 4 --output /dev/null --write-out '%{http_code}' https://${server.ip}:${port}/v2/`;
  return (await dev.sh(line, { check: false })).stdout;
};

const setUp = (line = '') => run(server, `${SETUP} ${line}`, { input: PASSWORD, seconds: 180 });

/** Docker on another machine uses the registry. */
async function use(port = 5000): Promise<void> {
  const address = `${server.ip}:${port}`;
  await dev.write(`/etc/docker/certs.d/${address}/ca.crt`, await server.read('/opt/registry/certs/ca.crt'));
  await login(dev, address, 'admin', PASSWORD);
  const pushed = await push(dev, `${address}/team/app:1.0`);
  expect(await pull(dev, `${address}/team/app:1.0`)).toBe(pushed);
}

describe('a registry without a container', () => {
  beforeAll(() => startServer('trixie-bare', 'ufw firewalld docker-registry'), 420_000);
  beforeAll(() => server.sh('systemctl disable --quiet --now docker-registry').then(() => {}));
  afterAll(removeAll);

  const added = async () => (await server.sh('ufw show added | tail -n +2')).stdout.trim();

  it('ufw: a run that is killed when it has made its rule is put back, rule and all', async () => {
    await server.sh('ufw --force enable && cp -a /etc/ufw /tmp/ufw');
    await server.sh(
      `registry-setup --yes </dev/null &>/tmp/killed &
      until grep -q 'allow tcp 5000' /etc/ufw/user.rules; do sleep 0.02; done
      kill -9 $!`,
      { seconds: 120 },
    );
    await run(server, 'uninstall --yes --purge', { seconds: 120 });
    expect(await added()).toBe('(None)');
    await server.sh('diff -r /etc/ufw /tmp/ufw');
  }, 240_000);

  it('ufw: after a no the port stays closed, and the command is shown', async () => {
    const { stderr } = await setUp('--no-open-port');
    expect(stderr).toContain('ufw is on: no other machine reaches port 5000');
    expect(stderr).toContain('ufw allow 5000/tcp');
    expect((await troubles(server)).map(({ code }) => code)).toContain('firewall-shut');
    expect(await answer()).toBe('000');
  }, 240_000);

  it('ufw: after a yes the port is open, and the second run has nothing to do', async () => {
    expect((await run(server, '--yes --open-port --dry-run')).stdout).toContain('ufw allow 5000/tcp');
    expect((await run(server, '--yes --open-port')).stderr).toContain('Opened: port 5000 in ufw.');
    await use();
    expect((await run(server, '--yes')).stderr).toContain('Nothing to do');
  }, 240_000);

  it('ufw: a rule that vanished is reported, and put back', async () => {
    await server.sh('ufw delete allow 5000/tcp');
    const status = await server.sh('registry-setup status', { check: false });
    expect(status.code).toBe(1);
    expect(status.stdout).toContain('rule for port 5000 in ufw');
    await run(server, '--yes');
    expect(await answer()).toBe('401');
  });

  it('ufw: the rule follows the port and the address, and is removed with --bind 127.0.0.1', async () => {
    await run(server, '--yes --port 5005');
    expect([await answer(5000), await answer(5005)]).toEqual(['000', '401']);
    await run(server, `--yes --bind ${server.ip}`);
    expect(await added()).toBe(`ufw allow to ${server.ip} port 5005 proto tcp comment 'registry-setup'`);
    expect(await answer(5005)).toBe('401');
    await run(server, '--yes --bind 127.0.0.1');
    expect(await added()).toBe('(None)');
    await run(server, `--yes --bind ${server.ip}`);
    await run(server, '--yes --bind 0.0.0.0');
    expect(await answer(5005)).toBe('401');
  }, 240_000);

  it('ufw: uninstall closes the port without a trace; rules that were there before stay', async () => {
    await run(server, 'uninstall --yes --purge', { seconds: 120 });
    expect(await answer()).toBe('000');
    await server.sh('diff -r /etc/ufw /tmp/ufw');
    await server.sh('ufw allow 5000/tcp');
    const { stderr } = await setUp();
    expect(stderr).not.toContain('Opened');
    expect(await answer()).toBe('401');
    await run(server, 'uninstall --yes --purge', { seconds: 120 });
    expect(await added()).toBe('ufw allow 5000/tcp');
    await server.sh('ufw disable');
  }, 300_000);

  it('firewalld: the port is open now and after a reload, changes of others stay, and uninstall closes it', async () => {
    await server.sh('systemctl start firewalld && firewall-cmd --add-port=7777/tcp');
    const { stderr } = await setUp();
    expect(stderr).toContain('Opened: port 5000 in firewalld, zone public.');
    const ports = async () => (await server.sh('firewall-cmd --list-ports')).stdout.trim();
    expect(await ports(), 'nothing was reloaded').toBe('5000/tcp 7777/tcp');
    await use();
    expect((await run(server, '--yes')).stderr).toContain('Nothing to do');
    await server.sh('firewall-cmd --reload');
    expect(await ports()).toBe('5000/tcp');
    expect(await answer()).toBe('401');
    await run(server, 'uninstall --yes --purge', { seconds: 120 });
    expect(await ports()).toBe('');
    expect((await server.sh('firewall-cmd --permanent --list-ports')).stdout.trim()).toBe('');
    expect(await answer()).toBe('000');
  }, 300_000);
});

describe('Docker', () => {
  beforeAll(() => startServer('trixie', 'ufw firewalld'), 420_000);
  afterAll(removeAll);

  it('its ports bypass ufw, which is reported, and it opens firewalld itself: neither is touched', async () => {
    await server.sh('ufw --force enable');
    const { stderr } = await setUp();
    expect(stderr).toContain('ports that Docker publishes bypass it');
    expect(stderr).not.toContain('Opened');
    expect((await server.sh('ufw show added | tail -n +2')).stdout.trim()).toBe('(None)');
    expect(await answer()).toBe('401');
    await server.sh('ufw disable && systemctl start firewalld');
    await expect.poll(() => answer(), { timeout: 20_000 }).toBe('401');
    expect((await run(server, '--yes')).stderr).toContain('Nothing to do');
    expect((await server.sh('firewall-cmd --list-ports')).stdout.trim()).toBe('');
  }, 240_000);
});

describe('podman', () => {
  beforeAll(() => startServer('trixie-podman', 'ufw firewalld'), 420_000);
  afterAll(removeAll);

  it('ufw filters what is forwarded to a container, also on another port', async () => {
    await server.sh('ufw --force enable');
    await setUp('--port 5443 --no-open-port');
    expect(await answer(5443)).toBe('000');
    const { stderr } = await run(server, '--yes --open-port');
    expect(stderr).toContain('Opened: port 5443 in ufw.');
    await use(5443);
    await run(server, 'uninstall --yes --purge', { seconds: 120 });
    expect((await server.sh('ufw show added | tail -n +2')).stdout.trim()).toBe('(None)');
    await server.sh('ufw disable');
  }, 240_000);

  it('podman opens firewalld itself', async () => {
    await server.sh('systemctl start firewalld');
    const { stderr } = await setUp();
    expect(stderr).not.toContain('Opened');
    expect(await answer()).toBe('401');
  }, 240_000);
});
