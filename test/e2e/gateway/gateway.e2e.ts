// nginx in front of the registry: one port for all, readers with htpasswd, the page, rotation and collection without a lost request.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Host, removeAll } from '../../lab/host.ts';
import { gapSeenBy, inFile, onWire, roots, trustRoots } from '../helpers/certificates.ts';
import {
  login,
  loginRefused,
  pull,
  push,
  refused,
  run,
  running,
  startTeam,
  until,
} from '../helpers/machines.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 300_000 });

let server: Host;
let dev: Host;
let at: string;
beforeAll(async () => {
  ({ server, dev } = await startTeam({
    images: ['registry:3', 'cesanta/docker_auth:1', 'joxit/docker-registry-ui:2'],
  }));
  at = `${server.name}:5000`;
});
afterAll(removeAll);

const INPUT = 'ann:correct horse\nbob:battery staple\n';
const SETUP = () => `--yes --host ${server.name} --user ann --reader bob --password-stdin`;

/** What curl on the developer's machine is answered: the status, and the body. */
async function ask(method: string, path: string, who?: string): Promise<string> {
  const user = who === undefined ? '' : `-u '${who}'`;
  const line = `curl -sk -X ${method} ${user} -w '\n%{http_code}' 'https://${at}${path}'`;
  const [status, ...body] = (await dev.sh(line)).stdout.split('\n').toReversed();
  return [status, ...body.toReversed()].join(' ').trim();
}

/** Tries an image that is there to be pulled by somebody who may not push. */
async function refusedPush(name: string): Promise<string> {
  const { code, stderr } = await dev.sh(`docker tag lab/hello:1 ${name} && docker push ${name}`, {
    check: false,
  });
  expect(code).not.toBe(0);
  return stderr;
}

describe('with htpasswd', () => {
  beforeAll(async () => {
    await run(server, `${SETUP()} --ui --ui-title "Images of <us>"`, { input: INPUT });
    await trustRoots(dev, (await roots(server)).join(''), at);
  });

  it('who may push pushes; a reader pulls, and is told why a push is refused', async () => {
    await login(dev, at, 'ann', 'correct horse');
    const pushed = await push(dev, `${at}/team/app:1`);
    await login(dev, at, 'bob', 'battery staple');
    expect(await pull(dev, `${at}/team/app:1`)).toBe(pushed);
    expect(await refusedPush(`${at}/team/app:2`)).toContain('denied: this login may only read');
    expect(await loginRefused(dev, at, 'bob', 'wrong')).toMatch(/unauthorized|401/);
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'GETX'])(
    '%s: a reader 403, a wrong password 401',
    async (method) => {
      const path = '/v2/team/app/blobs/uploads/';
      expect(await ask(method, path, 'bob:battery staple')).toMatch(/^403 .*"code":"DENIED"/);
      // Whose password is wrong is not told what the name may do; nor is a name that nobody has.
      for (const who of ['bob:wrong', 'ann:wrong', 'BOB:battery staple', 'ANN:correct horse', undefined])
        expect(await ask(method, path, who)).toMatch(/^401 .*"code":"UNAUTHORIZED"/);
    },
  );

  it('the page has the title, and asks nobody outside', async () => {
    const page = await ask('GET', '/');
    expect(page).toContain('name="Images of &lt;us&gt;"');
    expect(page).toContain('enable-version-notification="false"');
    // The names of its variables.
    expect(page).not.toMatch(/\$\{[A-Z]/);
    const { stdout } = await dev.sh(`curl -s -o /dev/null -w '%{http_code} %{redirect_url}' http://${at}/`);
    expect(stdout).toBe(`301 https://${at}/`);
  });

  it('an upload goes on at the address that clients use', async () => {
    const line = `curl -sk -D- -o /dev/null -X POST -u 'ann:correct horse' https://${at}/v2/a/blobs/uploads/`;
    expect((await dev.sh(line)).stdout).toContain(`location: https://${at}/v2/a/blobs/uploads/`);
  });

  it('nothing is root, nothing can be written, and the registry has no port of its own', async () => {
    const { stdout } = await server.sh(`
      docker inspect -f '{{.Name}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.PortBindings}}' registry registry-gateway
      for pid in $(pidof nginx); do grep -H '^\\(Uid\\|CapEff\\|NoNewPrivs\\)' /proc/$pid/status | cut -d: -f2-; done | sort -u
      stat -c '%U %a %n' /opt/registry/gateway/tls/site.key`);
    const uid = (await server.sh('id -u registry-gateway')).stdout.trim();
    expect(stdout.split('\n').map((line) => line.trim())).toEqual([
      '/registry true [ALL] map[]',
      '/registry-gateway true [ALL] map[5000/tcp:[{ 5000}]]',
      'CapEff:\t0000000000000000',
      'NoNewPrivs:\t1',
      `Uid:\t${uid}\t${uid}\t${uid}\t${uid}`,
      'root 640 /opt/registry/gateway/tls/site.key',
      '',
    ]);
  });

  it('rotations: every request is answered, nothing is restarted', async () => {
    const before = [await running(server), await running(server, 'registry-gateway')];
    const { failed } = await gapSeenBy(dev, at, async () => {
      await run(server, 'rotate --yes');
      expect(await onWire(dev, at)).toBe(await inFile(server));
      await run(server, 'rotate --ca --yes');
      await run(server, 'rotate --yes');
    });
    expect(failed).toBe(0);
    expect(await onWire(dev, at)).toBe(await inFile(server));
    expect([await running(server), await running(server, 'registry-gateway')]).toEqual(before);
    await login(dev, at, 'ann', 'correct horse');
  });

  it('a collection refuses pushes with a sentence, and restarts nothing', async () => {
    await login(dev, at, 'ann', 'correct horse');
    await push(dev, `${at}/team/old:1`);
    await push(dev, `${at}/team/app:1`);
    const before = await running(server);
    // Deletions of what is not there: a push would make the collection wait.
    const delay = `sleep 0.1; done`;
    const none = `https://${at}/v2/team/app/manifests/sha256:${'0'.repeat(64)}`;
    await dev.sh('rm -f /tmp/stop');
    const writing = dev.sh(
      `until [ -e /tmp/stop ]; do curl -sk -X DELETE -u 'ann:correct horse' -w ' %{http_code}\\n' ${none}; ${delay}`,
      { seconds: 240 },
    );
    const reading = dev.sh(
      `until [ -e /tmp/stop ]; do curl -sk -u 'bob:battery staple' -o /dev/null -w '%{http_code}\\n' https://${at}/v2/team/app/tags/list; ${delay}`,
      { seconds: 240 },
    );
    const { all } = await run(server, 'image remove team/old --yes', { seconds: 240 });
    await dev.sh('touch /tmp/stop');
    const [writes, reads] = [(await writing).stdout, (await reading).stdout];
    expect(all).toContain('Gone from the list: team/old');
    expect(writes).toMatch(/"code":"UNAVAILABLE","message":"the registry is read-only for a moment.* 503/);
    expect([...new Set(reads.trim().split('\n'))]).toEqual(['200']);
    expect(await running(server)).toBe(before);
    expect(await ask('POST', '/v2/a/blobs/uploads/', 'ann:correct horse')).toMatch(/^202/);
    expect(await pull(dev, `${at}/team/app:1`)).toMatch(/^sha256/);
  });

  it('after a reboot, and after the registry was made anew, nginx finds it', async () => {
    await server.reboot();
    await until(server, `curl -skf -u 'ann:correct horse' https://localhost:5000/v2/`, 60);
    await server.sh('docker rm -f registry');
    expect(await ask('GET', '/v2/', 'ann:correct horse')).toMatch(/^50[24] .*"code":"UNAVAILABLE"/);
    await run(server, '--yes');
    expect(await ask('GET', '/v2/', 'ann:correct horse')).toMatch(/^200/);
    expect((await run(server, '--yes')).stderr).toContain('Nothing to do');
    expect((await run(server, 'doctor')).stdout).toContain('Nothing is wrong');
  });

  it('it cannot be taken away while that would let readers push', async () => {
    expect(await refused(server, 2, '--yes --no-ui')).toContain('bob may only pull');
    await run(server, 'user remove bob --yes');
    await run(server, '--yes --no-ui');
    expect(await ask('GET', '/v2/', 'ann:correct horse')).toMatch(/^200/);
    const { stdout } = await server.sh(
      'docker ps --format {{.Names}}; docker network ls --format {{.Name}}; ls /opt/registry',
    );
    expect(stdout).not.toMatch(/gateway|registry-network/);
  });
});

it('token mode: the logins are behind the same port, each role may what it may', async () => {
  await run(server, `${SETUP()} --auth token --gateway --ui-image joxit/docker-registry-ui:2`, {
    input: INPUT,
  });
  const ports = await server.sh(`docker inspect -f '{{.HostConfig.PortBindings}}' registry registry-auth`);
  expect(ports.stdout.trim().split('\n')).toEqual(['map[]', 'map[]']);
  await trustRoots(dev, (await roots(server)).join(''), at);
  await login(dev, at, 'ann', 'correct horse');
  const pushed = await push(dev, `${at}/team/app:3`);
  await login(dev, at, 'bob', 'battery staple');
  expect(await pull(dev, `${at}/team/app:3`)).toBe(pushed);
  expect(await refusedPush(`${at}/team/app:4`)).toMatch(/denied|unauthorized/);
  expect(await ask('GET', '/')).toMatch(/^404/);
  expect((await run(server, 'rotate --yes')).all).toContain('No client has to do anything');
  await login(dev, at, 'ann', 'correct horse');
});

it('an image without nginx: said before anything is started, nothing stays', async () => {
  await run(server, 'uninstall --yes --purge');
  await server.reset();
  const said = await refused(server, 2, '--yes --ui --ui-image cesanta/docker_auth:1');
  expect(said).toContain('cesanta/docker_auth:1 has no nginx');
  expect(await server.changes()).toEqual([]);
});
