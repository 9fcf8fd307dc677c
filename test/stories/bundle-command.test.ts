// `bundle` of the built program, out of an archive, so that no engine is needed; and what it wrote, run.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { architecture } from '../../src/engines/images/archive.ts';
import { VERSION } from '../../src/package.ts';
import { type Machine, runProgram, temporaryMachine } from '../helpers/program.ts';

/** As `docker save` writes it, packed. */
function withArchive(): Machine & { archive: string } {
  const machine = temporaryMachine();
  const inside = join(machine.place, 'inside');
  mkdirSync(inside);
  const image = { Config: 'c.json', RepoTags: ['registry:3'], Layers: ['layer.tar'] };
  writeFileSync(join(inside, 'manifest.json'), JSON.stringify([image]));
  writeFileSync(join(inside, 'c.json'), JSON.stringify({ architecture: architecture() }));
  writeFileSync(join(inside, 'layer.tar'), 'a layer');
  const archive = join(machine.place, 'images.tar.gz');
  execFileSync('tar', ['-C', inside, '-czf', archive, 'manifest.json', 'c.json', 'layer.tar']);
  machine.env.TMPDIR = join(machine.place, 'tmp');
  mkdirSync(machine.env.TMPDIR);
  return { ...machine, archive };
}
const left = ({ env }: Machine) => readdirSync(env.TMPDIR ?? '');

describe('bundle FILE', () => {
  test('writes one file that anybody may run, reported by --json; leaves nothing else, holds no password', async () => {
    const machine = withArchive();
    const file = join(machine.place, 'registry.run');
    // It would be an answer for the server.
    delete machine.env.REGISTRY_SETUP_NO_RENEW;
    Object.assign(machine.env, { REGISTRY_SETUP_PASSWORD: 'correct horse', REGISTRY_SETUP_PORT: '5050' });
    writeFileSync(join(machine.place, 'a.yml'), 'host: reg.corp\nuser: [ann]\n');
    const words = ['bundle', file, '--image-archive', machine.archive, '--user', 'ben', '--json'];
    const { code, stdout } = await runProgram([...words, '--answers', join(machine.place, 'a.yml')], machine);
    expect(code).toBe(0);
    const bytes = readFileSync(file);
    expect(JSON.parse(stdout)).toEqual({
      version: 1,
      ok: true,
      file,
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      architecture: architecture(),
      images: ['registry:3'],
      answers: { host: 'reg.corp', port: 5050, user: ['ben'], image: 'registry:3' },
    });
    expect(statSync(file).mode & 0o777).toBe(0o755);
    expect(bytes.includes('correct horse')).toBe(false);
    expect(left(machine)).toEqual([]);
    expect(machine.told()).toEqual([]);

    const run = (...more: string[]) =>
      spawnSync('sh', [file, ...more], { env: { ...process.env, ...machine.env }, encoding: 'utf8' });
    expect(run('--version').stdout).toBe(`${VERSION}\n`);
    const dry = run('--yes', '--dry-run', '--tls', 'insecure', '--dir', machine.dir);
    expect([dry.status, dry.stdout]).toEqual([0, expect.stringContaining('+host: reg.corp\n')]);
    expect(run('status', '--dir', machine.dir).stderr).toContain(`Set one up:           sh ${file}\n`);
    expect(left(machine)).toEqual([]);

    // Another one takes its place.
    expect((await runProgram(['bundle', file, '--image-archive', machine.archive], machine)).code).toBe(0);
    expect(run('--version').status).toBe(0);
  });

  test.each<[string, string]>([
    ['', 'bundle: needs the name of the file to write'],
    ['HERE', 'is a directory'],
    ['HERE/none/x.run', 'there is no directory'],
    ['HERE/theirs', 'is there and is not a bundle: it is not overwritten'],
    ['HERE/x.run HERE/y.run', 'y.run: "bundle" takes one word, FILE'],
    ['HERE/x.run --password-stdin', '--password-stdin: "bundle" does not take this flag'],
    ['HERE/x.run --key HERE/theirs', '--key: "bundle" does not take this flag'],
    ['HERE/x.run --dir /srv/reg', '--dir: "bundle" does not take this flag'],
    ['HERE/x.run --answers HERE/dir.yml', 'dir.yml: dir: is given on the server'],
    ['HERE/x.run --auth none --reader bob', '--reader: only --auth token and htpasswd have readers'],
    ['HERE/x.run --auth token --image-archive HERE/images.tar.gz', 'does not hold cesanta/docker_auth:1'],
    ['HERE/x.run --image-archive HERE/theirs', 'is not an image archive'],
    [
      'HERE/x.run --image a@sha256:0000000000000000000000000000000000000000000000000000000000000000',
      'digest',
    ],
  ])('bundle %s: exit 2, nothing is written', async (line, wanted) => {
    const machine = withArchive();
    writeFileSync(join(machine.place, 'theirs'), 'not a bundle\n');
    writeFileSync(join(machine.place, 'dir.yml'), 'dir: /srv/reg\n');
    const before = readdirSync(machine.place);
    const words = line.split(' ').filter(Boolean);
    const { code, stderr } = await runProgram(
      ['bundle', ...words.map((word) => word.replace('HERE', machine.place))],
      machine,
    );
    expect([code, stderr]).toEqual([2, expect.stringContaining(wanted)]);
    expect(readdirSync(machine.place)).toEqual(before);
    expect(readFileSync(join(machine.place, 'theirs'), 'utf8')).toBe('not a bundle\n');
    expect(left(machine)).toEqual([]);
  });

  test('--dry-run writes nothing', async () => {
    const machine = withArchive();
    const file = join(machine.place, 'x.run');
    const { code, stdout } = await runProgram(['bundle', file, '--dry-run', '--port', '5050'], machine);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/registry:3 {3}\(here already\)\n {2}port: 5050\n/),
    ]);
    expect(readdirSync(machine.place)).not.toContain('x.run');
  });
});
