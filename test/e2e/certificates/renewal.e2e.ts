// Renewal by itself: a timer, or a line in cron.d, that runs a copy of the program which needs neither npm nor a network.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createNetwork, type Host, removeAll } from '../../lab/host.ts';
import { type Age, age, files, inFile, onWire, roots } from '../helpers/certificates.ts';
import { refused, run, running, startServer } from '../helpers/machines.ts';

let server: Host;
beforeAll(async () => {
  server = await startServer({ systemNode: true }, await createNetwork('renewal', { internal: true }));
});
beforeEach(() => server.reset());
afterAll(removeAll);

const SET_UP = '--yes --auth none --host registry.example';
const AT = '127.0.0.1:5000';

/** Runs what the timer runs; gives its exit code and what it said. */
async function fire(unit = 'registry-setup-renew') {
  const since = (await server.sh("date +'%F %T'")).stdout.trim();
  const { code } = await server.sh(`systemctl start ${unit}.service`, { check: false });
  await server.sh('journalctl --sync');
  const said = await server.sh(`journalctl -o cat -u ${unit}.service --since '${since}'`);
  return { code, said: said.stdout };
}

/** The same, and it is served. */
async function aged(wish: Age) {
  await server.sh(age(wish));
  await run(server, `--yes --days ${wish.life}`);
  expect(await onWire(server, AT)).toBe(await inFile(server));
}

const daysLeft = async () => {
  const status = await server.sh('registry-setup status --json || true');
  return JSON.parse(status.stdout).certificates.site.daysLeft as number;
};

describe('with systemd', () => {
  it('the timer is there, enabled, waiting; the copy of the program is whole; status and the plan tell of it', async () => {
    expect((await run(server, `${SET_UP} --dry-run`)).stdout).toContain('timer registry-setup-renew');
    await run(server, SET_UP);
    await server.sh(
      'systemctl is-enabled registry-setup-renew.timer && systemctl is-active registry-setup-renew.timer',
    );
    expect((await server.sh('systemctl list-timers')).stdout).toMatch(
      /registry-setup-renew\.timer +registry-setup-renew\.service/,
    );
    expect(
      (await server.sh('systemd-analyze verify /etc/systemd/system/registry-setup-renew.*')).stderr,
    ).toBe('');

    await server.sh('systemctl disable --now registry-setup-renew.timer');
    const { stdout } = await server.sh('registry-setup status || true');
    expect(stdout).toContain('systemctl enable --now registry-setup-renew.timer');
    await run(server, '--yes');
    await server.sh('systemctl is-active registry-setup-renew.timer');
  });

  it('fired long before the end it does nothing', async () => {
    await run(server, SET_UP);
    const [before, container] = [await files(server), await running(server)];
    expect(await fire()).toEqual({
      code: 0,
      said: expect.stringMatching(/Nothing to do: .* in 39[56] days/),
    });
    expect(await files(server)).toEqual(before);
    expect(await running(server)).toBe(container);
  });

  it('fired ten days before the end it renews, without npm, network and the program that set it up', async () => {
    await run(server, SET_UP);
    await aged({ life: 397, left: 10 });
    expect(await daysLeft()).toBeLessThanOrEqual(10);
    const [root, old] = [await roots(server), await inFile(server)];
    await server.sh('mv /usr/local/lib/node_modules /usr/local/lib/away');
    const { code, said } = await fire();
    await server.sh('mv /usr/local/lib/away /usr/local/lib/node_modules');
    expect({ code, said }).toEqual({ code: 0, said: expect.stringContaining('The new certificate ends on') });
    expect(await daysLeft()).toBeGreaterThan(390);
    expect(await inFile(server)).not.toBe(old);
    expect(await onWire(server, AT)).toBe(await inFile(server));
    expect(await roots(server)).toEqual(root);
    expect((await fire()).said).toContain('Nothing to do');
    await run(server, 'status');
  });

  it('an expired certificate is renewed, too', async () => {
    await run(server, SET_UP);
    await server.sh(`${age({ life: 397, left: -3 })}; docker restart registry`);
    expect((await fire()).said).toContain('The new certificate ends on');
    expect(await onWire(server, AT)).toBe(await inFile(server));
    expect(await daysLeft()).toBeGreaterThan(390);
  });

  it('a certificate for ten days is renewed in the last third of them, not every day', {
    timeout: 120_000,
  }, async () => {
    await run(server, `${SET_UP} --days 10`);
    const before = await running(server);
    expect((await fire()).said).toContain('Nothing to do');
    await aged({ life: 10, left: 5 });
    expect((await fire()).said).toContain('Nothing to do');
    await aged({ life: 10, left: 3 });
    expect((await fire()).said).toContain('The new certificate ends on');
    expect(await daysLeft()).toBeGreaterThanOrEqual(8);
    expect(await running(server)).not.toBe(before);
  });

  it('self-signed is renewed as well: with the same key, so that Docker goes on until the former one ends', async () => {
    await run(server, `${SET_UP} --tls self-signed --days 60`);
    const key = await server.read('/opt/registry/certs/site.key');
    const [old = ''] = await roots(server);
    await server.write('/tmp/old.crt', old);
    expect((await run(server, 'rotate --yes --if-expiring 60')).stderr).toContain('Nothing to do');
    await run(server, 'rotate --yes');
    expect(await server.read('/opt/registry/certs/site.key')).toBe(key);
    expect(await roots(server)).not.toEqual([old]);
  });

  it('two registries on one machine have a timer each', { timeout: 180_000 }, async () => {
    await run(server, SET_UP);
    await run(server, `${SET_UP} --dir /srv/second --name second --port 5001`);
    expect(await fire('registry-setup-renew-second')).toMatchObject({ code: 0 });
    await run(server, 'uninstall --purge --yes --dir /srv/second');
    await server.sh('systemctl is-active registry-setup-renew.timer');
    await run(server, 'uninstall --purge --yes');
    expect(await server.changes()).toEqual([]);
  });

  it('--no-renew, plain HTTP and uninstall remove all of it', { timeout: 180_000 }, async () => {
    await run(server, SET_UP);
    const there = 'ls -d /etc/systemd/system/registry-setup* /opt/registry/program 2>/dev/null || true';
    expect((await server.sh(there)).stdout.trim().split('\n')).toHaveLength(3);
    await run(server, '--yes --no-renew');
    expect((await server.sh(there)).stdout).toBe('');
    expect((await server.sh('systemctl list-timers --all')).stdout).not.toContain('registry-setup');
    expect((await run(server, '--yes')).stderr).toContain('Nothing to do');
    await server.sh("sed -i 's/^renew: false/renew: true/' /opt/registry/settings.yml");
    await run(server, '--yes');
    await server.sh('systemctl is-active registry-setup-renew.timer');
    await run(server, '--yes --tls insecure');
    const plain = (await server.sh(there)).stdout;
    expect(plain).toContain('registry-setup-recover.timer');
    expect(plain).not.toContain('registry-setup-renew');
    await run(server, '--yes --tls ca-signed');
    await run(server, 'uninstall --purge --yes');
    expect(await server.changes()).toEqual([]);
    expect((await server.sh('systemctl list-units --all "registry-setup*" --no-legend')).stdout.trim()).toBe(
      '',
    );
  });
});

describe('without systemd', () => {
  /** The program alone sees none: the engine of the host needs it. */
  const alone = (line: string) =>
    server.sh(`unshare --mount sh -c "mount -t tmpfs none /run/systemd; registry-setup ${line}"`);

  it('a line in cron.d, whose command renews; --no-renew and uninstall take it away', {
    timeout: 180_000,
  }, async () => {
    await server.sh('mkdir -p /etc/cron.d');
    await alone(SET_UP);
    const cron = await server.read('/etc/cron.d/registry-setup-renew');
    expect((await server.sh('ls /etc/systemd/system')).stdout).not.toContain('registry-setup');
    expect((await server.sh('stat -c %a /etc/cron.d/registry-setup-renew')).stdout).toBe('644\n');
    const [, command = ''] = /^\d+ \d+ \* \* \* root (.*)$/m.exec(cron) ?? [];
    const path = /^PATH=.*$/m.exec(cron)?.[0];
    const asCron = `unshare --mount env -i ${path} HOME=/root SHELL=/bin/sh sh -c "mount -t tmpfs none /run/systemd; ${command}"`;
    expect((await server.sh(asCron)).stderr).toBe('');
    await server.sh(age({ life: 397, left: 10 }));
    await alone('--yes');
    expect(await daysLeft()).toBeLessThanOrEqual(10);
    await server.sh(asCron);
    expect(await daysLeft()).toBeGreaterThan(390);

    await alone('--yes --no-renew');
    expect((await server.sh('ls /etc/cron.d')).stdout).toBe('');
    await server.sh("sed -i 's/^renew: false/renew: true/' /opt/registry/settings.yml");
    await alone('--yes');
    expect((await server.sh('ls /etc/cron.d')).stdout).toBe('registry-setup-renew\n');
    await alone('uninstall --purge --yes');
    expect((await server.sh('ls /etc/cron.d')).stdout).toBe('');
  });

  it('and without cron.d: the registry is set up all the same, and the command is shown', async () => {
    await server.sh('rm -rf /etc/cron.d');
    const { stderr } = await alone(SET_UP);
    expect(stderr).toMatch(
      /run this every day:\n.*node \/opt\/registry\/program\/[0-9a-f]+\/dist\/cli\.js rotate --if-expiring 30 --yes/,
    );
    expect((await server.sh('ls /etc/systemd/system')).stdout).not.toContain('registry-setup');
    expect(await onWire(server, AT)).toBe(await inFile(server));
  });
});

it('the CA ends with the certificate: renewal says so and touches nothing', async () => {
  await run(server, `${SET_UP} --san ${server.ip}`);
  await server.sh(`
    cd /opt/registry
    printf 'basicConstraints=critical,CA:TRUE,pathlen:1\\nkeyUsage=critical,keyCertSign,cRLSign\\nsubjectKeyIdentifier=hash\\n' >/tmp/ca.ext
    openssl req -new -key ca/ca.key -subj "$(openssl x509 -in ca/ca.crt -noout -subject -nameopt compat | sed 's/^subject= *//; s/^\\([^/]\\)/\\/\\1/; s/, /\\//g')" |
      openssl x509 -req -signkey ca/ca.key -extfile /tmp/ca.ext -not_after $(date -u -d '20 days' +%Y%m%d%H%M%SZ) 2>/dev/null >/tmp/ca.crt
    cp /tmp/ca.crt ca/ca.crt`);
  await run(server, 'rotate --yes');
  const before = await files(server);
  expect(await refused(server, 1, 'rotate --yes --if-expiring 30')).toMatch(
    /The CA itself ends in (19|20) days[\s\S]*rotate --ca/,
  );
  expect(await files(server)).toEqual(before);
});
