// A person without root, with podman: the registry and its renewal are services of their own systemd, and start with the machine.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  buildImages,
  createNetwork,
  type ExecResult,
  type Flavour,
  type Host,
  removeAll,
  startHost,
} from '../../lab/host.ts';
import { age } from '../helpers/certificates.ts';
import { install, login, pull, push, until } from '../helpers/machines.ts';
import { chosen } from '../helpers/matrix.ts';

const DIR = '--dir /home/ann/registry';

// podman 4.3 is tried with root, in podman.e2e.ts.
const flavours = chosen<Flavour>(
  ['trixie-podman', 'bookworm-podman'],
  (flavour) => flavour === 'trixie-podman',
);
describe.each(flavours)('%s', (flavour) => {
  let server: Host;
  let dev: Host;
  let address: string;
  beforeAll(async () => {
    await buildImages([flavour]);
    const network = await createNetwork(`ann-${flavour}`);
    [server, dev] = await Promise.all([
      startHost({ flavour, name: `ann-${flavour}`, network }),
      startHost({ flavour: 'trixie', name: `dev-${flavour}`, network, images: ['lab/hello:1'] }),
    ]);
    address = `${server.ip}:5000`;
    await install(server);
    // A container of an engine may have every port; a machine has not.
    await server.sh(`
      echo net.ipv4.ip_unprivileged_port_start=1024 >/etc/sysctl.d/lab.conf
      sysctl -qp /etc/sysctl.d/lab.conf
      useradd -m ann
      loginctl enable-linger ann`);
    await until(server, 'systemctl is-active user@$(id -u ann)');
  }, 600_000);
  afterAll(removeAll);

  /** A line of ann's, as after a login. */
  const ann = (line: string, check = true): Promise<ExecResult> =>
    server.exec(['su', '-', 'ann', '-c', line], { check });

  it('a port under 1024 is explained; nothing is touched', async () => {
    const { code, stderr } = await ann(`registry-setup --yes ${DIR} --port 443`, false);
    expect(code).toBe(2);
    expect(stderr).toContain('Port 443 is for root: without root, ports begin at 1024.');
    expect(stderr).toContain('registry-setup --port 5443');
    expect((await ann('ls -A ~')).stdout).not.toContain('registry');
  });

  it('--yes: a registry that another machine pushes to, with a password', async () => {
    const { stderr } = await ann(
      `echo horse | registry-setup --yes ${DIR} --image-archive /lab/registry-3.tar --password-stdin`,
    );
    expect(stderr).toContain('A test image pushed, pulled and removed');
    expect(stderr).toContain('renewed automatically');
    await dev.write(
      `/etc/docker/certs.d/${address}/ca.crt`,
      await server.read('/home/ann/registry/certs/ca.crt'),
    );
    await login(dev, address, 'admin', 'horse');
    expect(await push(dev, `${address}/team/app:1`)).toBe(await pull(dev, `${address}/team/app:1`));
    expect((await ann(`registry-setup --yes ${DIR}`)).stderr).toContain('Nothing to do');
    expect((await server.sh('podman ps -aq')).stdout, 'nothing of it is of root').toBe('');
  });

  it('its timer runs the renewal, and a new certificate needs no new trust', async () => {
    expect((await ann('systemctl --user list-timers')).stdout).toContain('registry-setup-renew.timer');
    await ann('systemctl --user start registry-setup-renew.service');
    const fire = 'systemctl --user start registry-setup-renew.service';
    const served = `openssl s_client -connect ${address} </dev/null 2>/dev/null | openssl x509 -noout -enddate`;
    const before = (await server.sh(served)).stdout;
    await ann(fire);
    expect((await server.sh(served)).stdout, 'it is not time yet').toBe(before);
    // The openssl of Debian 12 makes no certificate that began in the past.
    if (flavour.startsWith('bookworm')) return;
    await server.sh(age({ life: 397, left: 10 }).replaceAll('/opt/registry', '/home/ann/registry'));
    await server.sh('chown -R ann: /home/ann/registry/certs');
    await ann(`registry-setup --yes ${DIR} --days 397`);
    const old = (await server.sh(served)).stdout;
    expect(old).not.toBe(before);
    await ann(fire);
    expect((await server.sh(served)).stdout).not.toBe(old);
    await login(dev, address, 'admin', 'horse');
    await ann(`registry-setup status ${DIR}`);
  });

  it('the registry comes back when the machine starts, with nobody logged in', async () => {
    await server.reboot();
    await until(server, `curl -sk https://${server.ip}:5000/v2/ | grep -q UNAUTHORIZED`, 60);
    await ann(`registry-setup status ${DIR}`);
    expect((await ann('systemctl --user is-active registry-setup-renew.timer')).stdout.trim()).toBe('active');
  });

  it('uninstall leaves nothing', async () => {
    await ann(`registry-setup uninstall --yes --purge ${DIR}`);
    expect((await ann('podman ps -aq; podman images -q')).stdout).toBe('');
    expect((await ann('systemctl --user list-unit-files "registry*" --no-legend || true')).stdout).toBe('');
    // podman keeps locks and its storage in the home; that is no business of ours.
    expect(
      (await ann("find ~ -path ~/.local -prune -o -path '*registry*' -print -o -path '*systemd*' -print"))
        .stdout,
    ).toBe('');
  });
});
