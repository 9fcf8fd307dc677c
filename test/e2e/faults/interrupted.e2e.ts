// A run that is cut off: by kill -9, by Ctrl-C, by an engine that goes away. Nothing is left half done.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Host, removeAll, spawnPty } from '../../lab/host.ts';
import { HOLD, KILL, type Trap, trapDocker } from '../helpers/faults.ts';
import { ask, pull, push, refused, run, running, startServer, until } from '../helpers/machines.ts';
import { chosen } from '../helpers/matrix.ts';

let server: Host;
beforeAll(async () => {
  server = await startServer();
});
afterAll(removeAll);

const SET_UP = '--yes --tls insecure --auth none';
const answers = async (port: number) => (await ask(server, `http://127.0.0.1:${port}/v2/`)).slice(0, 3);
/** What a killed program has started goes on without it. */
const allDone = () => until(server, '! pgrep -x docker');

async function killed(line: string, trap: Trap) {
  const { env } = await trapDocker(server, trap);
  const { code } = await server.sh(`registry-setup ${line}`, { env, check: false });
  expect(code).toBe(137);
  await allDone();
}

describe('a first run', () => {
  beforeEach(() => server.reset());

  it.each<Trap>([
    { at: 'run', before: KILL },
    { at: 'run', after: KILL },
  ])(
    'killed at docker $at (before: $before, after: $after): the next one says so and finishes',
    async (trap) => {
      await killed(SET_UP, trap);
      const { stderr } = await run(server, SET_UP);
      expect(stderr).toContain('was interrupted');
      expect(await answers(5000)).toBe('200');
      expect((await run(server, '--yes')).stderr).toContain('Nothing to do');
      await run(server, 'uninstall --yes');
      expect(await server.changes()).toEqual([]);
    },
  );

  it('killed, and no longer wanted: uninstall removes what it had done', async () => {
    await killed(SET_UP, { at: 'run', after: KILL });
    await run(server, 'uninstall --yes');
    expect(await server.changes()).toEqual([]);
  });

  it('killed at any moment: the next run finishes, and uninstall leaves nothing', {
    timeout: 240_000,
  }, async () => {
    for (let tenths = 2; tenths <= 14; tenths += 2) {
      await server.sh(`timeout -s KILL ${tenths / 10} registry-setup ${SET_UP}`, { check: false });
      await allDone();
      await run(server, SET_UP);
      expect(await answers(5000)).toBe('200');
      await run(server, 'uninstall --yes');
      expect(await server.changes(), `killed after ${tenths / 10} s`).toEqual([]);
    }
  });

  it.each<Trap>([
    { at: 'run', before: HOLD },
    { at: 'run', after: HOLD },
  ])('Ctrl-C at docker $at (before: $before, after: $after): undone, exit 130', async (trap) => {
    const { env, reached } = await trapDocker(server, trap);
    const pty = spawnPty(server, `registry-setup ${SET_UP}`, { env });
    await reached();
    pty.key('ctrl-c');
    expect(await pty.exitCode, pty.screen()).toBe(130);
    expect(pty.screen()).toContain('Everything was put back as it was.');
    expect(await server.changes()).toEqual([]);
  });

  it('a second Ctrl-C leaves at once, and the next run puts things right', async () => {
    const { env, reached } = await trapDocker(server, { at: 'run', after: HOLD });
    const pty = spawnPty(server, `registry-setup ${SET_UP}`, { env });
    await reached();
    await trapDocker(server, { at: 'container', before: HOLD });
    pty.key('ctrl-c');
    await reached();
    pty.key('ctrl-c');
    expect(await pty.exitCode).toBe(130);
    expect((await run(server, SET_UP)).stderr).toContain('was interrupted');
    expect(await answers(5000)).toBe('200');
  });

  it('terminated by the system: undone, exit 130', async () => {
    const { env } = await trapDocker(server, { at: 'run', before: `kill -TERM $PPID; ${HOLD}` });
    await refused(server, 130, SET_UP, { env });
    expect(await server.changes()).toEqual([]);
  });
});

describe('a run that changes the port of a registry with images', () => {
  let digest: string | undefined;
  let before: string;
  const id = async () => (await running(server)).split(' ')[0];
  const image = '127.0.0.1:5000/team/app:1';

  beforeAll(async () => {
    await server.reset();
    await run(server, SET_UP);
    digest = await push(server, image);
  });
  beforeEach(async () => {
    await run(server, '--yes --port 5000');
    before = await running(server);
  });

  async function servesAsBefore() {
    expect(await pull(server, image)).toBe(digest);
    expect(await id()).toBe(before.split(' ')[0]);
    expect((await server.sh("docker ps -a --format '{{.Names}}'")).stdout).toBe('registry\n');
    expect((await run(server, '--yes')).stderr).toContain('Nothing to do');
  }

  const moments: Trap[] = [
    { at: 'rename', before: KILL },
    { at: 'rename', after: KILL },
    { at: 'create', before: KILL },
    { at: 'create', after: KILL },
    { at: 'stop', before: KILL },
    { at: 'stop', after: KILL },
    { at: 'start', before: KILL },
    { at: 'start', after: KILL },
  ];
  it.each(chosen(moments, (_, i) => [0, 3, 4, 7].includes(i)))(
    'killed at docker $at (before: $before, after: $after): the former one is back',
    async (trap) => {
      await killed('--yes --port 5050', trap);
      expect(await refused(server, 1, 'status')).toBe('');
      const { stderr } = await run(server, '--yes --port 5000');
      expect(stderr).toContain('was interrupted');
      await servesAsBefore();
    },
  );

  it('killed while it opens the registry to everybody: the timer puts the logins back', async () => {
    await run(server, '--yes --port 5000 --tls ca-signed --auth htpasswd --user admin');
    await killed('--yes --auth none', { at: 'stop', after: KILL });
    expect(await server.read('/opt/registry/settings.yml')).toContain('auth: none');
    await server.sh('systemctl start registry-setup-renew.service');
    expect(await server.read('/opt/registry/settings.yml')).toContain('auth: htpasswd');
    const { stdout } = await server.sh(
      `curl --silent --insecure -o /dev/null -w '%{http_code}' https://127.0.0.1:5000/v2/`,
    );
    expect(stdout).toBe('401');
    await run(server, `uninstall --yes`);
    await run(server, SET_UP);
  });

  it('killed during the cleanup: the new container stays, and the next run finishes the cleanup', async () => {
    await killed('--yes --port 5050', { at: 'rm', before: KILL });
    await run(server, '--yes');
    const moved = '127.0.0.1:5050/team/app:1';
    expect(await pull(server, moved)).toBe(digest);
    await server.sh(`docker rmi ${moved}`);
    expect((await server.sh("docker ps -a --format '{{.Names}}'")).stdout).toBe('registry\n');
  });

  it('Ctrl-C while the new container starts: the former container serves again', async () => {
    const { env, reached } = await trapDocker(server, { at: 'start', before: HOLD });
    const pty = spawnPty(server, 'registry-setup --yes --port 5050', { env });
    await reached();
    pty.key('ctrl-c');
    expect(await pty.exitCode).toBe(130);
    await servesAsBefore();
  });

  it('the engine stops half-way: the error lists what is left to do, and the next run repairs it', async () => {
    const stop = 'systemctl stop docker.socket docker.service';
    const { env } = await trapDocker(server, { at: 'create', before: stop });
    const said = await refused(server, 1, '--yes --port 5050', { env });
    expect(said).toContain('Not everything could be put back');
    await server.sh('systemctl reset-failed docker.service docker.socket; systemctl start docker');
    expect((await run(server, '--yes --port 5000')).stderr).toContain('was interrupted');
    await servesAsBefore();
  });

  it('uninstall, killed half-way: the next run of it finishes', async () => {
    await killed('uninstall --yes', { at: 'rename', after: KILL });
    await run(server, 'uninstall --yes');
    await server.sh(`docker rmi ${image}; rm -rf /root/.docker`);
    expect(await server.changes()).toEqual(['new: /opt/registry']);
  });
});
