// The second run, and the ones after it: only what differs is touched, and no image is ever lost.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Host, removeAll } from '../../lab/host.ts';
import { ask, pull, push, refused, run, running, startServer } from '../helpers/machines.ts';

let server: Host;
beforeAll(async () => {
  server = await startServer();
});
afterAll(removeAll);

const status = async () => JSON.parse((await server.sh('registry-setup status --json || [ $? = 1 ]')).stdout);
const answersTo = (login: string, port = 5000) => ask(server, `http://127.0.0.1:${port}/v2/`, login);
const nothingToDo = expect.stringMatching(/Nothing to do: the registry at \S+:5000 is as it should be\.\n$/);

describe('a registry with a user and an image', () => {
  let digest: string | undefined;
  let before: string;
  const image = '127.0.0.1:5000/team/app:1';
  beforeEach(async () => {
    await server.reset();
    await run(server, '--yes --tls insecure --user ann --password-stdin', { input: 'one' });
    await server.sh('docker login -u ann --password-stdin 127.0.0.1:5000', { input: 'one' });
    digest = await push(server, image);
    before = await running(server);
  });

  it('nothing changed: nothing is done, nothing restarts, however the settings are given', async () => {
    const tree = "find /opt/registry -path '*/data' -prune -o -printf '%p %m %i %t\\n'";
    const files = await server.sh(tree);
    expect((await run(server, '--yes')).stderr).toEqual(nothingToDo);
    expect((await run(server, '--yes --tls insecure --user ann')).stderr).toEqual(nothingToDo);
    const given = { env: { REGISTRY_SETUP_PASSWORD: 'one' } };
    expect((await run(server, '--yes', given)).stderr).toContain('Nothing to do');
    expect((await run(server, '--yes --dry-run')).stdout).toContain('Nothing to do');
    expect(await running(server)).toBe(before);
    // .state is written in by the lock.
    const ours = (text: string) => text.split('\n').filter((line) => !/\.state |registry \d/.test(line));
    expect(ours((await server.sh(tree)).stdout)).toEqual(ours(files.stdout));
  });

  it('a new user logs in, a removed one is refused, and the registry is not restarted', async () => {
    await run(server, '--yes --user ann --user bob --password-stdin', { input: 'bob:two' });
    expect(await answersTo('bob:two')).toMatch(/^200/);
    expect(await answersTo('ann:one')).toMatch(/^200/);
    await run(server, '--yes --user bob');
    expect(await answersTo('ann:one')).toMatch(/^401/);
    expect(await answersTo('bob:two')).toMatch(/^200/);
    expect(await running(server)).toBe(before);
  });

  it('a new password for an existing user', async () => {
    await run(server, '--yes --password-stdin', { input: 'three' });
    expect(await answersTo('ann:one')).toMatch(/^401/);
    expect(await answersTo('ann:three')).toMatch(/^200/);
    expect(await running(server)).toBe(before);
  });

  it('a new port replaces the container and keeps every image', async () => {
    await run(server, '--yes --port 30001');
    expect(await running(server)).not.toBe(before);
    expect(await answersTo('ann:one')).toBe('000');
    await server.sh('docker login -u ann --password-stdin 127.0.0.1:30001', { input: 'one' });
    expect(await pull(server, '127.0.0.1:30001/team/app:1')).toBe(digest);
    expect(await containers()).toEqual(['registry']);
  });

  it('login turned off and on again: the passwords are still there', async () => {
    await run(server, '--yes --auth none');
    expect(await answersTo('nobody:x')).toMatch(/^200/);
    await run(server, '--yes --auth htpasswd');
    expect(await answersTo('nobody:x')).toMatch(/^401/);
    expect(await answersTo('ann:one')).toMatch(/^200/);
  });

  it('settings.yml, edited by hand: --yes has the same effect as flags, and comments stay', async () => {
    await server.sh(`cd /opt/registry
      sed -i 's/^port: 5000$/port: 5050  # asked for by the network people/; s/^delete: true/delete: false/' settings.yml
      cp settings.yml /tmp/edited.yml`);
    expect((await run(server, '--yes --dry-run')).stdout).toMatch(/^ *\+ +enabled: false$/m);
    await run(server, '--yes');
    expect(await answersTo('ann:one', 5050)).toMatch(/^200/);
    await server.sh('diff /opt/registry/settings.yml /tmp/edited.yml');
    const digestUrl = `http://127.0.0.1:5050/v2/team/app/manifests/${digest}`;
    const { stdout } = await server.sh(
      `curl -su ann:one -o /dev/null -w '%{http_code}' -X DELETE ${digestUrl}`,
    );
    expect(stdout).toBe('405');
  });

  it('a mistake in settings.yml: exit 2 with its line, and the registry goes on as it was', async () => {
    await server.sh("sed -i 's/^port: .*/port: 80a/' /opt/registry/settings.yml");
    expect(await refused(server, 2, '--yes')).toMatch(/settings\.yml.*port/);
    await server.sh("sed -i 's/^port: .*/port: [5000/' /opt/registry/settings.yml");
    expect(await refused(server, 2, '--yes')).toMatch(/settings\.yml.*line \d+/);
    expect(await running(server)).toBe(before);
  });

  it('status reports an edited file and a stopped container, and --yes repairs both', async () => {
    expect(await status()).toMatchObject({ ok: true, answers: true, drift: [] });
    await server.sh(`echo 'misspelt: true' >>/opt/registry/config/config.yml
      chmod 644 /opt/registry/auth/htpasswd
      docker stop registry`);
    const titles = ['/opt/registry/config/config.yml', '/opt/registry/auth/htpasswd', 'container registry'];
    const { ok, answers, drift } = await status();
    expect({ ok, answers }).toEqual({ ok: false, answers: false });
    expect(drift.map(({ title }: { title: string }) => title)).toEqual(titles);
    const { stdout } = await server.sh('registry-setup status || echo "exit $?"');
    expect(stdout).toContain('-misspelt: true');
    expect(stdout).toMatch(/exit 1\n$/);

    await run(server, '--yes');
    expect(await status()).toMatchObject({ ok: true, answers: true, drift: [] });
    expect(await pull(server, image)).toBe(digest);
  });

  it('a container that was removed by hand is recreated, over the same images', async () => {
    await server.sh('docker rm -f registry');
    expect(await refused(server, 1, 'status')).toBe('');
    await run(server, '--yes');
    expect(await pull(server, image)).toBe(digest);
  });

  it('uninstall keeps the images and nothing else, and the next set-up finds them again', async () => {
    await server.sh(
      'docker rmi 127.0.0.1:5000/team/app:1; docker logout 127.0.0.1:5000; rm -rf /root/.docker',
    );
    expect((await run(server, 'uninstall --yes')).stderr).toContain(
      'The images are kept in /opt/registry/data',
    );
    const left = await server.changes();
    expect(left.filter((line) => line !== 'new: /opt/registry')).toEqual([]);
    expect((await server.sh('ls -A /opt/registry')).stdout).toBe('data\n');

    await run(server, '--yes --tls insecure --auth none');
    expect(await pull(server, image)).toBe(digest);
  });

  it('uninstall --purge --yes leaves no trace', async () => {
    await server.sh(
      'docker rmi 127.0.0.1:5000/team/app:1; docker logout 127.0.0.1:5000; rm -rf /root/.docker',
    );
    await run(server, 'uninstall --purge --yes');
    expect(await server.changes()).toEqual([]);
    expect((await run(server, 'uninstall --yes')).stderr).toContain('Nothing to do');
  });
});

const containers = async () =>
  (await server.sh("docker ps -a --format '{{.Names}}'")).stdout.split('\n').filter(Boolean);
