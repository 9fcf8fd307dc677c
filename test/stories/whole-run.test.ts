// A whole set-up by the built program: real files, a real registry, an engine of which only the container is left out.
// (With a real engine: test/e2e.)
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout, setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { catalog } from '../../src/registry/api.ts';
import { ask } from '../../src/registry/http.ts';
import { Secret } from '../../src/secret.ts';
import { makeTestImage, pullImage, pushImage } from '../../src/server/checks/test-image.ts';
import { type Machine, runProgram, startProgram, temporaryMachine } from '../helpers/program.ts';
import { freePort, noRegistry } from '../helpers/registry-program.ts';

const credentials = { user: 'admin', password: new Secret('geheim') };
const flags = (machine: Machine, port: number) => [
  '--yes',
  '--host',
  'localhost',
  '--bind',
  '127.0.0.1',
  '--tls',
  'insecure',
  '--dir',
  machine.dir,
  '--port',
  `${port}`,
];
const json = (stdout: string) => JSON.parse(stdout) as { changed: { title: string; what: string }[] };

/** The engine has been told this, so the run is at that point. */
async function told(machine: Machine, word: string): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (machine.told().some((line) => line.startsWith(word))) return;
    await sleep(10);
  }
  throw new Error(`the engine was not told to ${word}, but ${machine.told().join('\n')}`);
}

describe.skipIf(noRegistry)('with a real registry', () => {
  test('set-up, re-run, change, drift, removal', async () => {
    const machine = temporaryMachine({ serves: true });
    const [port, other] = [await freePort(), await freePort()];
    const at = { tls: false, host: 'localhost', port, connectTo: '127.0.0.1' };
    const setup = (p: number, ...more: string[]) =>
      runProgram([...flags(machine, p), ...more], machine, 'geheim\n');

    const first = await setup(port, '--password-stdin');
    expect(first).toMatchObject({ code: 0, stdout: '' });
    expect(first.stderr).toContain('✔ Answers as localhost, refuses strangers, lets admin in');
    expect(first.stderr).toContain('✔ A test image pushed, pulled and removed');
    expect(first.stderr).toContain(`docker push localhost:${port}/`);
    expect(first.stderr + machine.told().join()).not.toContain('geheim');
    expect(await catalog(at, credentials), 'nothing of the test image is left').toEqual([]);
    expect(statSync(join(machine.dir, 'auth/htpasswd')).mode & 0o777).toBe(0o600);
    const image = makeTestImage('team/app');
    await pushImage(at, image, credentials);

    const before = machine.told().length;
    expect(json((await setup(port, '--json')).stdout).changed).toEqual([]);
    expect(
      machine
        .told()
        .slice(before)
        .filter((line) => /^(run|create|start|stop)/.test(line)),
    ).toEqual([]);

    const changed = json((await setup(other, '--json')).stdout).changed;
    expect(changed.map(({ what, title }) => `${what} ${title}`)).toEqual([
      `change ${machine.dir}/settings.yml`,
      'change container registry',
    ]);
    await pullImage({ ...at, port: other }, image, credentials);
    await expect(ask(at, 'GET', '/v2/')).rejects.toMatchObject({ code: 'ECONNREFUSED' });

    writeFileSync(join(machine.dir, 'config/config.yml'), 'version: 0.1\n');
    const status = await runProgram(['status', '--dir', machine.dir], machine);
    expect(status).toMatchObject({ code: 1, stdout: expect.stringContaining('config/config.yml') });

    const gone = await runProgram(['uninstall', '--yes', '--purge', '--dir', machine.dir], machine);
    expect(gone.code).toBe(0);
    expect(existsSync(join(machine.place, 'srv'))).toBe(false);
    expect(machine.containers()).toEqual([]);
  });

  test('kill -9 in the middle: a run that waits says so, puts it back, and goes on', async () => {
    const machine = temporaryMachine({ serves: true });
    const port = await freePort();
    const hanging = { env: { ...machine.env, FAKE_DOCKER_HANGS: 'run' } };
    const killed = startProgram(flags(machine, port), hanging);
    await told(machine, 'run ');

    const second = startProgram(flags(machine, port), machine);
    while (!second.stderr().includes('Waiting for')) await setTimeout(20);
    killed.kill('SIGKILL');
    await killed.result;
    const { code, stderr } = await second.result;
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('Waiting for "registry-setup --yes');
    expect(stderr).toContain(`(pid ${killed.pid}), since 20`);
    expect(stderr).toMatch(
      /The run "registry-setup --yes .*" of 20\S+ was interrupted\. Undoing what it had done/,
    );
    expect(machine.containers()).toEqual(['registry']);
    expect(existsSync(join(machine.dir, '.state/journal'))).toBe(false);
  });

  test('a registry that stops right after its start: its last words, and everything is undone', async ({
    expect,
  }) => {
    const machine = temporaryMachine({ serves: true });
    Object.assign(machine.env, { FAKE_DOCKER_REGISTRY: '/bin/echo' });
    const { code, stderr } = await runProgram(flags(machine, await freePort()), machine);
    expect(code).toBe(1);
    expect(stderr).toContain('✖ The registry stopped right after its start');
    expect(stderr).toContain('its log:\n    serve /');
    expect(stderr).toContain('Everything was put back as it was.');
    expect(existsSync(join(machine.place, 'srv'))).toBe(false);
    expect(machine.containers()).toEqual([]);
  });
});

describe('interrupted', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('by %s while it works: undone, 130', async (signal) => {
    const machine = temporaryMachine();
    const hanging = { env: { ...machine.env, FAKE_DOCKER_HANGS: 'run' } };
    const running = startProgram([...flags(machine, await freePort()), '--json'], hanging);
    await told(machine, 'run ');
    running.kill(signal);
    const { code, stdout, stderr } = await running.result;
    expect(code).toBe(130);
    expect(stderr).toContain('Interrupted. Undoing …');
    expect(stderr).toContain('Everything was put back as it was.');
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { message: 'Interrupted.' } });
    expect(existsSync(join(machine.place, 'srv'))).toBe(false);
  });

  test('twice: it leaves at once, and the next run puts it back', async () => {
    const machine = temporaryMachine();
    const hanging = { env: { ...machine.env, FAKE_DOCKER_HANGS: 'container' } };
    const going = startProgram([...flags(machine, await freePort())], hanging);
    await told(machine, 'container ');
    going.kill('SIGINT');
    await setTimeout(400);
    going.kill('SIGINT');
    expect((await going.result).code).toBe(130);
    expect(readFileSync(join(machine.env.FAKE_DOCKER ?? '', 'log'), 'utf8')).not.toContain('run ');
  });

  test('twice at once, as by npm, which sends again what the terminal sends: undone', async () => {
    const machine = temporaryMachine();
    const hanging = { env: { ...machine.env, FAKE_DOCKER_HANGS: 'run' } };
    const going = startProgram([...flags(machine, await freePort())], hanging);
    await told(machine, 'run ');
    going.kill('SIGINT');
    going.kill('SIGINT');
    const { code, stderr } = await going.result;
    expect(code).toBe(130);
    expect(stderr).toContain('Everything was put back as it was.');
    expect(existsSync(join(machine.place, 'srv'))).toBe(false);
  });
});
