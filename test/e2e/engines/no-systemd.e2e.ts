// A container without an init, such as the machine of a CI: the registry runs in the background, and stays.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createNetwork, type Host, removeAll, startHost } from '../../lab/host.ts';
import { ask, install, run, until } from '../helpers/machines.ts';

let server: Host;
beforeAll(async () => {
  const network = await createNetwork('plain');
  server = await startHost({ flavour: 'bookworm-bare', name: 'plain', network, noSystemd: true });
  await install(server);
});
afterAll(removeAll);

const program = 'pgrep -x docker-registry';

it('--yes: from nothing to a registry that answers over TLS, with a password', async () => {
  const { stderr } = await run(server, '--yes --user admin --password-stdin', {
    input: 'horse',
    seconds: 180,
  });
  expect(stderr).toContain('does not come back after a restart of the machine');
  expect(stderr).toContain('A test image pushed, pulled and removed');
  const curl = '--cacert /opt/registry/certs/ca.crt';
  expect(await ask(server, `https://${server.ip}:5000/v2/`, 'admin:horse')).not.toContain('200');
  const { stdout } = await server.sh(`curl -s ${curl} -u admin:horse https://${server.ip}:5000/v2/_catalog`);
  expect(stdout.trim()).toBe('{"repositories":[]}');
  expect((await run(server, '--yes')).stderr).toContain('Nothing to do');
}, 240_000);

it('a registry that dies is started again, and a rotation restarts it', async () => {
  await server.sh(`kill -9 $(${program})`);
  await until(server, 'registry-setup status');
  await run(server, 'rotate --yes');
  await run(server, 'status');
});

it('after a restart of the machine --yes starts it again', async () => {
  await server.sh(`kill -9 $(cat /opt/registry/run/registry.pid) $(${program})`);
  const { stderr } = await run(server, '--yes');
  expect(stderr).toContain('Background process registry');
  await run(server, 'status');
});

it('uninstall leaves nothing, and nothing runs', async () => {
  await run(server, 'uninstall --yes --purge', { seconds: 180 });
  const { stdout } = await server.sh(
    `ls -A /opt; ps -C docker-registry -o stat= | grep -v Z || true; dpkg -s docker-registry 2>&1 | grep ^Status || true; ls /usr/sbin/policy-rc.d 2>/dev/null || true`,
  );
  expect(stdout).toBe('');
}, 120_000);
