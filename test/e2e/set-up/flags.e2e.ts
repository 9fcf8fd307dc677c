// What is not the default: other ports and addresses, where passwords come from, where the image comes from.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { removeAll } from '../../lab/host.ts';
import { ask, login, pull, push, refused, run, startTeam, type Team, trust } from '../helpers/machines.ts';

let team: Team;
beforeAll(async () => {
  team = await startTeam();
  await trust(team.dev, `${team.server.name}:30001`, `${team.server.ip}:5000`);
});
beforeEach(() => team.server.reset('/srv/images'));
afterAll(removeAll);

const inspect = async (format: string) =>
  JSON.parse(
    (await team.server.exec(['docker', 'inspect', '--format', `{{json ${format}}}`, 'registry'])).stdout,
  );

describe('where the registry listens', () => {
  it('--host and --port: clients use a name and another port', async () => {
    const { server, dev } = team;
    await run(server, `--yes --tls insecure --auth none --host ${server.name} --port 30001`);
    const name = `${server.name}:30001/app:1`;
    expect(await push(dev, name)).toBe(await pull(dev, name));
  });

  it('--bind 127.0.0.1: no other machine reaches the registry', async () => {
    const { server, dev } = team;
    await run(server, '--yes --tls insecure --auth none --bind 127.0.0.1');
    expect(await ask(server, 'http://127.0.0.1:5000/v2/')).toBe('200 {}');
    expect(await ask(dev, `http://${server.ip}:5000/v2/`)).toBe('000');
    expect(await run(server, 'status')).toMatchObject({ stdout: expect.stringContaining('answers') });
  });
});

describe('passwords', () => {
  const canLogIn = (user: string, password: string) =>
    login(team.dev, `${team.server.ip}:5000`, user, password);

  it('--password-file: a line is the password of the first user, the others get generated ones in a file', async () => {
    const { server } = team;
    await server.write('/root/password', 'from a file\n', 0o600);
    await run(server, '--yes --tls insecure --user ann --user bob --password-file /root/password');
    await canLogIn('ann', 'from a file');
    const [line = '', ...more] = (await server.read('/opt/registry/generated-passwords')).trim().split('\n');
    expect(more).toEqual([]);
    expect(line).toMatch(/^bob:.{20,}/);
    await canLogIn('bob', line.slice('bob:'.length));
  });

  it('REGISTRY_SETUP_PASSWORD', async () => {
    await run(team.server, '--yes --tls insecure', {
      env: { REGISTRY_SETUP_PASSWORD: 'from the environment' },
    });
    await canLogIn('admin', 'from the environment');
  });

  it('a chosen password costs bcrypt 10, a generated one 5, since the registry pays it for every request', async () => {
    const { server } = team;
    await run(server, '--yes --tls insecure --user ann --user bob --password-stdin', { input: 'ann:chosen' });
    const htpasswd = await server.read('/opt/registry/auth/htpasswd');
    expect(htpasswd).toMatch(/^ann:\$2[aby]\$10\$/m);
    expect(htpasswd).toMatch(/^bob:\$2[aby]\$05\$/m);
    await server.sh('htpasswd -vbB /opt/registry/auth/htpasswd ann chosen');
  });
});

describe('the container', () => {
  it('can do nothing but its job', async () => {
    const { server } = team;
    await run(server, '--yes --tls insecure --storage /srv/images');
    const { Binds, ...rest } = await inspect('.HostConfig');
    expect(Binds.sort()).toEqual([
      '/opt/registry/auth:/auth:ro',
      '/opt/registry/config:/etc/registry:ro',
      '/srv/images:/var/lib/registry',
    ]);
    expect(rest).toMatchObject({
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Privileged: false,
      RestartPolicy: { Name: 'unless-stopped' },
    });
  });

  it('comes back after a reboot, with its images', async () => {
    const { server, dev } = team;
    const before = server.ip;
    await run(server, '--yes --tls insecure --auth none');
    const pushed = await push(dev, `${before}:5000/app:1`);
    await server.reboot();
    expect(server.ip).toBe(before);
    expect(await run(server, 'status')).toMatchObject({ stdout: expect.stringContaining('answers') });
    expect(await pull(dev, `${before}:5000/app:1`)).toBe(pushed);
  });

  it('--no-delete: what was pushed stays, and the check of the set-up leaves nothing behind either way', async () => {
    const { server, dev } = team;
    const address = `${server.ip}:5000`;
    const remove = async (digest: string | undefined) => {
      const url = `http://${address}/v2/app/manifests/${digest}`;
      return (await server.sh(`curl -s -o /dev/null -w '%{http_code}' -X DELETE ${url}`)).stdout;
    };
    await run(server, '--yes --tls insecure --auth none --no-delete');
    expect(await ask(server, `http://${address}/v2/_catalog`)).toBe('200 {"repositories":[]}');
    const digest = await push(dev, `${address}/app:1`);
    expect(await remove(digest)).toBe('405');
    await server.sh('sed -i "s/^delete: false/delete: true/" /opt/registry/settings.yml');
    await run(server, '--yes');
    expect(await remove(digest)).toBe('202');
    expect(await ask(server, `http://${address}/v2/_catalog`)).toBe('200 {"repositories":["app"]}');
  });
});

describe('without questions', () => {
  it('--answers gives the same as flags', async () => {
    const { server } = team;
    const answers = `port: 5050\ntls: insecure\nuser: [ann, bob]\nstorage: /srv/images\n`;
    await server.write('/root/answers.yml', answers);
    await run(server, '--yes --answers /root/answers.yml');
    expect(await ask(server, 'http://127.0.0.1:5050/v2/')).toMatch(/^401 /);
    expect(await server.read('/opt/registry/auth/htpasswd')).toMatch(/^ann:.*\nbob:/);
    const { stderr } = await run(
      server,
      '--yes --port 5050 --tls insecure --user ann,bob --storage /srv/images',
    );
    expect(stderr).toContain('Nothing to do');
  });

  it('neither terminal nor --yes: exit 2, every missing flag in one message, nothing written', async () => {
    const { server } = team;
    const said = await refused(server, 2, '--port 5050');
    for (const flag of ['--host', '--storage', '--auth', '--user', '--tls']) expect(said).toContain(flag);
    expect(said).not.toContain('--port');
    expect(await server.changes()).toEqual([]);
  });

  it('--dry-run shows every file and the docker run line, and changes nothing', async () => {
    const { server } = team;
    const { stdout } = await run(server, '--yes --tls insecure --dry-run --user ann');
    expect(stdout).toContain('+++ /opt/registry/config/config.yml');
    expect(stdout).toMatch(/docker run -d --name registry .* registry:3 serve/);
    expect(await server.changes()).toEqual([]);
  });
});
