// The built program and a real registry: a proof that is killed in the middle, and a storage that is not what it should be.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { catalog, digest, pushManifest } from '../../src/registry/api.ts';
import type { Endpoint } from '../../src/registry/http.ts';
import { call } from '../../src/registry/token.ts';
import { Secret } from '../../src/secret.ts';
import { makeTestImage, pullImage, pushImage } from '../../src/server/checks/test-image.ts';
import { type Machine, runProgram, startProgram, temporaryMachine } from '../helpers/program.ts';
import { freePort, noRegistry } from '../helpers/registry-program.ts';

const credentials = { user: 'admin', password: new Secret('geheim') };

async function setUp(...more: string[]) {
  const machine = temporaryMachine({ serves: true });
  const port = await freePort();
  const flags = ['--host', 'localhost', '--bind', '127.0.0.1', '--tls', 'insecure', '--port', `${port}`];
  const args = ['--yes', ...flags, '--dir', machine.dir, '--password-stdin', ...more];
  expect(await runProgram(args, machine, 'geheim\n')).toMatchObject({ code: 0 });
  const at: Endpoint = { tls: false, host: 'localhost', port, connectTo: '127.0.0.1' };
  return { machine, at, v2: join(machine.dir, 'data/docker/registry/v2') };
}

/** Ends a run when its test image is in the registry; more than once where that was too late. */
async function killInProof(machine: Machine, v2: string): Promise<string> {
  const tests = () => {
    const path = join(v2, 'repositories');
    const names = existsSync(path) ? readdirSync(path) : [];
    return names.filter((name) => name.startsWith('registry-setup-check-'));
  };
  const before = tests();
  const left = () => tests().find((name) => !before.includes(name));
  for (let tries = 0; tries < 5; tries++) {
    const args = ['user', 'password', 'admin', '--yes', '--dir', machine.dir, '--password-stdin'];
    const run = startProgram(args, machine, 'anders\n');
    const ended = run.result.then(() => true);
    while (!left() && !(await Promise.race([ended, sleep(1, false)])));
    run.kill('SIGKILL');
    await ended;
    const name = left();
    if (name) return name;
  }
  throw new Error('no run could be killed in its proof');
}

/** What may push can do with what it may read: another's layers in a repository of any name. */
async function mount(at: Endpoint, image: ReturnType<typeof makeTestImage>, to: string) {
  for (const content of [image.config, image.layer]) {
    const from = `mount=${digest(content)}&from=${image.repository}`;
    const { status } = await call(at, 'POST', `/v2/${to}/blobs/uploads/?${from}`, { credentials });
    expect(status).toBe(201);
  }
  await pushManifest(at, to, 'x', image.manifest, credentials);
}

describe.skipIf(noRegistry)('a proof that was killed', { timeout: 60_000 }, () => {
  test.each([[[]], [['--no-delete']]])(
    'is swept by the next run, and nothing else is removed %s',
    async (more) => {
      const { machine, at, v2 } = await setUp(...more);
      const keep = makeTestImage('keep');
      await pushImage(at, keep, credentials);
      await mount(at, keep, 'registry-setup-check-0123456789ab');
      // What a registry can do that was broken into.
      const precious = join(machine.place, 'precious');
      for (const name of ['precious-dir', 'prime.conf']) {
        mkdirSync(join(precious, name), { recursive: true });
        mkdirSync(join(v2, 'repositories/registry-setup-check-0123456789ab/_layers/sha256', name));
      }
      symlinkSync(precious, join(v2, 'blobs/sha256/pr'));

      const killed = await killInProof(machine, v2);
      const journal = readFileSync(join(machine.dir, '.state/journal'), 'utf8');
      expect(journal).toContain(killed);
      const { code, stderr } = await runProgram(['--yes', '--dir', machine.dir], machine);
      expect([code, stderr]).toEqual([0, expect.stringContaining('was interrupted')]);

      await pullImage(at, keep, credentials);
      expect(await catalog(at, credentials)).toEqual(['keep', 'registry-setup-check-0123456789ab']);
      expect(readdirSync(precious)).toEqual(['precious-dir', 'prime.conf']);
      const blobs = readdirSync(join(v2, 'blobs/sha256'), { recursive: true }) as string[];
      const kept = [keep.config, keep.layer, keep.manifest].map((content) => digest(content).slice(7));
      const hex = blobs.flatMap((path) => (path.endsWith('/data') ? [path.split('/')[1]] : []));
      expect(hex.sort()).toEqual(kept.sort());
    },
  );

  test('is swept by uninstall', async () => {
    const { machine, v2 } = await setUp();
    const killed = await killInProof(machine, v2);
    expect(await runProgram(['uninstall', '--yes', '--dir', machine.dir], machine)).toMatchObject({
      code: 0,
    });
    expect(existsSync(join(v2, 'repositories', killed))).toBe(false);
    expect(existsSync(join(machine.place, 'srv')), 'nothing was in it').toBe(false);
  });
});

test.skipIf(noRegistry)(
  'uninstall --purge does not follow a link, and says so before it begins',
  async () => {
    const { machine, at } = await setUp();
    await pushImage(at, makeTestImage('team/app'), credentials);
    const [docker, elsewhere] = [join(machine.dir, 'data/docker'), join(machine.place, 'elsewhere')];
    renameSync(docker, elsewhere);
    symlinkSync(elsewhere, docker);
    const purge = ['uninstall', '--yes', '--purge', '--dir', machine.dir];
    const { code, stderr } = await runProgram(purge, machine);
    expect([code, stderr]).toEqual([2, expect.stringContaining(`${docker} is a link`)]);
    expect(machine.containers(), 'nothing is touched').toEqual(['registry']);
    expect(existsSync(join(elsewhere, 'registry/v2/repositories/team/app'))).toBe(true);

    // Without --purge it is as anything that lies there.
    expect(await runProgram(['uninstall', '--yes', '--dir', machine.dir], machine)).toMatchObject({
      code: 0,
    });
    expect(lstatSync(docker).isSymbolicLink()).toBe(true);
    expect(existsSync(join(elsewhere, 'registry/v2/repositories/team/app'))).toBe(true);
    rmSync(docker);
  },
);
