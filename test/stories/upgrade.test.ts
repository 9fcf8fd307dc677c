// An upgrade by the built program: real files, real registries, an engine of which only the container is left out.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../src/secret.ts';
import { putImage } from '../helpers/images.ts';
import { type Machine, runProgram, temporaryMachine } from '../helpers/program.ts';
import { freePort, noRegistry } from '../helpers/registry-program.ts';

const NEW = `sha256:${'4'.repeat(64)}`;
const OLD = `sha256:${'3'.repeat(64)}`;
const imageFile = ({ place }: Machine, name: string) => join(place, 'engine/images', name);

async function registry() {
  const machine = temporaryMachine({ serves: true });
  const port = await freePort();
  const flags = ['--host', 'localhost', '--bind', '127.0.0.1', '--tls', 'insecure', '--port', `${port}`];
  const set = await runProgram(
    ['--yes', ...flags, '--dir', machine.dir, '--password-stdin'],
    machine,
    'geheim\n',
  );
  expect(set.code, set.stderr).toBe(0);
  const at = { tls: false, host: 'localhost', port, connectTo: '127.0.0.1' };
  const credentials = { user: 'admin', password: new Secret('geheim') };
  await putImage({ ...at, credentials }, 'team/app', '1', { layers: ['a layer'] });
  const upgrade = (...more: string[]) => runProgram(['upgrade', '--dir', machine.dir, ...more], machine);
  return { machine, upgrade };
}

describe.skipIf(noRegistry)('with a real registry', () => {
  test('nothing newer; then a name that leads to another image, and the way back', async () => {
    const { machine, upgrade } = await registry();
    const none = await upgrade('--yes', '--json');
    expect(none.code).toBe(0);
    expect(JSON.parse(none.stdout)).toMatchObject({
      ok: true,
      upgraded: false,
      registry: { image: 'registry:3' },
    });
    expect(readFileSync(imageFile(machine, 'registry:3'), 'utf8').trim()).toBe(OLD);

    // What can be pulled under that name.
    writeFileSync(join(machine.place, 'engine/remote-registry:3'), `${NEW}\n`);
    const before = machine.told().length;
    const done = await upgrade('--yes');
    expect(done.code, done.stderr).toBe(0);
    expect(done.stderr).toContain('Tried beside the one that runs: 1 repository, 1 tag, the same; logins');
    expect(done.stderr).toContain('The same images as before');
    const trial =
      machine
        .told()
        .slice(before)
        .find((line) => line.includes('-upgrade-')) ?? '';
    expect(trial).toMatch(/--restart no .*-p 127\.0\.0\.1:\d+:5000 .*\/data:\/var\/lib\/registry:ro/);
    expect(trial).toContain(NEW);
    expect(machine.containers()).toEqual(['registry']);
    const back = /To go back: {3}registry-setup upgrade --image (\S+)/.exec(done.stderr)?.[1] ?? '';
    expect(back).toBe('registry:3-before-33333333');
    expect(readFileSync(imageFile(machine, back), 'utf8').trim()).toBe(OLD);
    expect(readFileSync(join(machine.dir, 'auth/htpasswd'), 'utf8')).not.toContain('_registry-setup');

    // An ordinary run leaves the image for the way back, and uninstall does not.
    const again = await runProgram(['--yes', '--json', '--dir', machine.dir], machine);
    expect(JSON.parse(again.stdout).changed).toEqual([]);
    const gone = await runProgram(['uninstall', '--yes', '--purge', '--dir', machine.dir], machine);
    expect(gone.code).toBe(0);
    expect(() => readFileSync(imageFile(machine, back))).toThrow();
  });

  test('a new image that does not serve: what runs stays, and the name leads where it led', async () => {
    const { machine, upgrade } = await registry();
    writeFileSync(imageFile(machine, 'new:1'), `${NEW}\n`);
    const settings = readFileSync(join(machine.dir, 'settings.yml'), 'utf8');
    const program = join(machine.place, 'bad');
    writeFileSync(
      program,
      '#!/bin/sh\n[ "$1" = --version ] && echo registry github.com/distribution/distribution/v3 v3.9.9 && exit\necho no moon; exit 3\n',
      { mode: 0o755 },
    );
    const former = machine.env.FAKE_DOCKER_REGISTRY;
    machine.env.FAKE_DOCKER_REGISTRY = program;
    const failed = await upgrade('--yes', '--image', 'new:1');
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain('new:1 cannot take over');
    expect(failed.stderr).toContain('no moon');
    machine.env.FAKE_DOCKER_REGISTRY = former ?? '';
    expect(machine.containers()).toEqual(['registry']);
    expect(readFileSync(join(machine.dir, 'settings.yml'), 'utf8')).toBe(settings);
    const again = await runProgram(['--yes', '--json', '--dir', machine.dir], machine);
    expect(JSON.parse(again.stdout).changed).toEqual([]);
  });
});
