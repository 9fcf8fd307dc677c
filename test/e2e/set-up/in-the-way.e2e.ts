// What is not ours is never replaced: the one who has the name, the port or the lock is named, with the way out.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Host, removeAll, spawnPty } from '../../lab/host.ts';
import { HOLD, portThief, trapDocker } from '../helpers/faults.ts';
import { ask, push, refused, run, running, startServer } from '../helpers/machines.ts';

const SET_UP = '--yes --tls insecure --auth none';
let server: Host;
beforeAll(async () => {
  server = await startServer();
});
beforeEach(async () => {
  await server.sh("pkill -f '[t]hief.py' || true");
  await server.reset();
});
afterAll(removeAll);

/** A command that an error gave, as a person pastes it. */
const advice = (said: string, pattern: RegExp) => pattern.exec(said)?.[0] ?? 'no such advice';

describe('a container of somebody else', () => {
  it('has the name: exit 2, untouched, and another name works', async () => {
    await server.sh('docker run -d --name registry --entrypoint sleep registry:3 600');
    const [before, changes] = [await running(server), await server.changes()];
    const said = await refused(server, 2, SET_UP);
    expect(said).toContain('The container "registry" (registry:3) was not made by registry-setup.');
    expect(await running(server)).toBe(before);
    expect(await server.changes()).toEqual(changes);

    await server.sh(`${advice(said, /registry-setup --name \S+/)} ${SET_UP}`);
    expect(await ask(server, 'http://127.0.0.1:5000/v2/')).toBe('200 {}');
    await run(server, 'uninstall --yes');
    expect(await running(server)).toBe(before);
    expect(await server.changes()).toEqual(changes);
  });

  it('has the port: it is named, another port works, and so does stopping it for good', async () => {
    await server.sh('docker run -d --restart=always --name old-reg -p 5000:5000 registry:3');
    const before = await running(server, 'old-reg');
    const said = await refused(server, 2, SET_UP);
    expect(said).toMatch(/Port 5000 is taken by the container "old-reg" \(registry:3, up .*\)\./);
    await server.sh(`${advice(said, /registry-setup --port \d+/)} ${SET_UP}`);
    expect(await running(server, 'old-reg')).toBe(before);
    await server.sh(advice(said, /docker update .*/));
    await server.sh('systemctl restart docker');
    expect((await server.sh("docker ps --format '{{.Names}}'")).stdout.trim()).toBe('registry');
    expect(said).toContain('Its images are in /var/lib/docker/volumes/');
  });

  it('takes the name of our container that was removed by hand: it is left alone, also by uninstall', async () => {
    await run(server, SET_UP);
    await server.sh('docker rm -f registry; docker run -d --name registry --entrypoint sleep registry:3 600');
    const before = await running(server);
    expect(await refused(server, 2, '--yes')).toContain('was not made by registry-setup');
    await run(server, 'uninstall --yes');
    expect(await running(server)).toBe(before);
    expect(await server.changes()).toEqual(['container: registry']);
  });
});

it('a program has the port: it is named', async () => {
  await server.sh(await portThief(server, 5000));
  const said = await refused(server, 2, SET_UP);
  expect(said).toMatch(/Port 5000 is taken by the program "python3\S*" \(pid \d+\)\./);
  expect(await server.changes()).toEqual([]);
});

it('another registry of registry-setup, in another directory, is told apart', async () => {
  await run(server, SET_UP);
  const first = await running(server);
  const other = `${SET_UP} --dir /srv/other`;
  expect(await refused(server, 2, `${other} --port 5050`)).toContain(
    'belongs to the registry in /opt/registry',
  );
  await run(server, `${other} --port 5050 --name other`);
  await run(server, 'uninstall --yes --dir /srv/other');
  expect(await running(server)).toBe(first);
});

it('the name of another registry as a word: refused with its directory, and both run', async () => {
  await run(server, SET_UP);
  await run(server, `${SET_UP} --dir /opt/second --port 5050 --name registry2`);
  const both = async () => [await running(server), await running(server, 'registry2')];
  const before = await both();
  const said = await refused(server, 2, 'uninstall registry2 --yes');
  expect(await both()).toEqual(before);
  const line = advice(said, /registry-setup uninstall --dir \S+/);
  expect(line).toBe('registry-setup uninstall --dir /opt/second');
  // And the wrong directory tells of the right one.
  expect(await refused(server, 1, 'status --dir /opt/third')).toContain(
    'registry-setup status --dir /opt/second',
  );

  const { stderr } = await server.sh(`REGISTRY_SETUP_PURGE=1 ${line} --yes`);
  expect(stderr).toContain(`  Removes     http://${server.ip}:5050 (/opt/second)`);
  expect(stderr).toContain('REGISTRY_SETUP_PURGE is not taken from the environment');
  expect(await server.sh('docker ps --format {{.Names}}')).toMatchObject({ stdout: 'registry\n' });
  expect(await running(server)).toBe(before[0]);
});

it('every problem is reported at once', async () => {
  await server.sh(
    'docker run -d --name registry -p 5000:5000 registry:3; mkdir /srv/theirs; chown 1000 /srv/theirs',
  );
  const said = await refused(server, 2, `${SET_UP} --storage /srv/theirs`);
  for (const words of ['Port 5000 is taken', 'was not made by registry-setup', 'belongs to uid 1000'])
    expect(said).toContain(words);
});

describe('another run', () => {
  it('is in progress: it is named, and not disturbed', async () => {
    const { env, reached } = await trapDocker(server, { at: 'run', before: HOLD });
    const first = spawnPty(server, `registry-setup ${SET_UP}`, { env });
    await reached();
    // At a terminal it is said at once; what nobody watches waits.
    const second = spawnPty(server, 'registry-setup uninstall');
    expect(await second.exitCode, second.screen()).toBe(1);
    expect(second.screen()).toContain('Another run is at work here: "registry-setup');
    const { stdout } = await server.sh(advice(second.screen(), /ps -fp \d+/));
    expect(stdout).toContain(`registry-setup ${SET_UP}`);
    const waiting = run(server, '--yes');
    await server.sh('sleep 2; pkill -xf "sleep 60"');
    expect(await first.exitCode, first.screen()).toBe(0);
    expect((await waiting).stderr).toMatch(/Waiting for "registry-setup [\s\S]*Nothing to do/);
    expect(await ask(server, 'http://127.0.0.1:5000/v2/')).toBe('200 {}');
  });

  it('at the same moment: one does it, the other says so or finds it done', async () => {
    const one = `{ registry-setup ${SET_UP} && echo 'exit 0' || echo "exit $?"; } 2>&1`;
    const said = (await server.sh(`${one} >/tmp/one & ${one} >/tmp/two & wait; cat /tmp/one /tmp/two`))
      .stdout;
    const codes = [...said.matchAll(/^exit (\d+)$/gm)].map(([, code]) => code).sort();
    expect(codes, said).toEqual(['0', expect.stringMatching(/^[01]$/)]);
    if (codes[1] === '1') expect(said).toContain('Another run is at work here');
    expect((await run(server, '--yes')).stderr).toContain('Nothing to do');
  });
});

describe('uninstall --purge', () => {
  const host = async () => /^host: (.+)$/m.exec(await server.read('/opt/registry/settings.yml'))?.[1] ?? '';
  beforeEach(async () => {
    await run(server, SET_UP);
    await push(server, '127.0.0.1:5000/app:1');
    await server.sh('docker rmi 127.0.0.1:5000/app:1; rm -rf /root/.docker');
  });

  it('asks for the name of the host, and accepts nothing else', async () => {
    const name = await host();
    const pty = spawnPty(server, 'registry-setup uninstall --purge');
    await pty.waitFor(/Type \S+ to remove the registry and its images/);
    pty.type('yes');
    pty.key('enter');
    await pty.waitFor(/That is not/);
    pty.key('backspace', 'backspace', 'backspace');
    pty.type(name);
    pty.key('enter');
    expect(await pty.exitCode, pty.screen()).toBe(0);
    expect(await server.changes()).toEqual([]);
  });

  it('Ctrl-C at that question: nothing was touched', async () => {
    const before = await running(server);
    const pty = spawnPty(server, 'registry-setup uninstall --purge');
    await pty.waitFor(/Type \S+ to remove/);
    pty.key('ctrl-c');
    expect(await pty.exitCode).toBe(130);
    expect(await running(server)).toBe(before);
    expect((await run(server, '--yes')).stderr).toContain('Nothing to do');
  });

  it('without a terminal it needs --yes', async () => {
    expect(await refused(server, 2, 'uninstall --purge')).toContain('--yes');
    expect(await ask(server, 'http://127.0.0.1:5000/v2/')).toBe('200 {}');
  });
});
