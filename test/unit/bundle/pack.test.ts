// The file that `bundle` writes, run as a person runs it: by sh and by node, whole, cut off and damaged.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { isBundle, packBundle } from '../../../src/bundle/pack.ts';
import { temporaryDirectory } from '../../helpers/tmp.ts';

/** Every byte beside every other, and what ends a line of JavaScript in UTF-8. */
const IMAGES = Buffer.concat([
  Buffer.from([0xe2, 0x80, 0xa8, 0xe2, 0x80, 0xa9, 0x1b, 0x1b, 0x0d, 0x0a]),
  Buffer.from(Array.from({ length: 3 * 65_536 }, (_, i) => (i * 7919 + (i >> 8) * 104_729) & 0xff)),
  ...Array.from({ length: 2000 }, (_, i) => createHash('sha256').update(String(i)).digest()),
]);
const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** Stands for the program: tells what it was given. */
const PROGRAM = `
  import { createHash } from 'node:crypto';
  import { readFileSync, statSync } from 'node:fs';
  import { dirname } from 'node:path';
  const bundle = globalThis[Symbol.for('registry-setup.bundle')];
  if (process.argv[2] === 'wait') { console.log('waiting'); setTimeout(() => {}, 20_000); }
  else {
    const path = bundle.unpack();
    console.log(JSON.stringify({
      words: process.argv.slice(2), file: bundle.file, host: bundle.about.answers.host,
      images: createHash('sha256').update(readFileSync(path)).digest('hex'),
      modes: [path, dirname(path)].map((it) => (statSync(it).mode & 0o777).toString(8)),
      template: readFileSync(new URL('../templates/a.yml', import.meta.url), 'utf8'),
    }));
    process.exit(process.argv[2] === 'fail' ? 7 : 0);
  }`;
const contents = {
  version: '1.2.3',
  architecture: 'amd64',
  images: ['registry:3'],
  answers: { host: "it's `here` $(no) */ ✖", user: ['a'] },
  program: { 'package.json': '{"type":"module"}', 'dist/cli.js': PROGRAM, 'templates/a.yml': 'a: ü\n' },
  archive: IMAGES,
};
const bundle = packBundle(contents);

let place: string;
let temporary: string;
beforeEach(() => {
  place = temporaryDirectory();
  temporary = join(place, 'tmp');
  mkdirSync(temporary);
});
const env = (more: object = {}) => ({ PATH: process.env.PATH, TMPDIR: temporary, ...more });
function run(words: string[], more = {}) {
  const [command = '', ...args] = words;
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: place,
    env: env(more),
    encoding: 'utf8',
  });
  expect(readdirSync(temporary), 'nothing is left behind').toEqual([]);
  return { status, stdout, stderr };
}
async function put(name: string, change = (bytes: Buffer) => bytes) {
  mkdirSync(join(place, name, '..'), { recursive: true });
  writeFileSync(join(place, name), change(await bundle));
}

describe.each(['sh', process.execPath])('%s FILE', (shell) => {
  test.each(['registry.run', "it's a $name.sh", 'deep/er/registry.js', '-x'])('as %s', async (name) => {
    await put(name);
    const words = ['--host', "a b'c", '', '--user=*'];
    const { status, stdout, stderr } = run([shell, `./${name}`, ...words]);
    expect([status, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toEqual({
      words,
      file: join(place, name),
      host: "it's `here` $(no) */ ✖",
      images: hash(IMAGES),
      modes: ['600', '700'],
      template: 'a: ü\n',
    });
  });

  test('its exit code is that of the program', async () => {
    await put('registry.run');
    expect(run([shell, 'registry.run', 'fail']).status).toBe(7);
  });

  test('a truncated or damaged bundle says so in two lines', async () => {
    const whole = await bundle;
    const start = whole.indexOf('\n//payload:') + 12;
    for (const end of [start, start + 1, start + 500, whole.length - 1]) {
      await put('cut.run', (bytes) => bytes.subarray(0, end));
      const { status, stdout, stderr } = run([shell, 'cut.run', '--yes']);
      expect([status, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(/^✖ \S*cut\.run is cut off: only \d+ % of it is here\.\n {2}Copy it again\.\n$/);
    }
    await put('damaged.run', (bytes) =>
      Buffer.concat([bytes.subarray(0, -9), Buffer.from('~'), bytes.subarray(-8)]),
    );
    const { status, stdout, stderr } = run([shell, 'damaged.run', '--json']);
    expect(status).toBe(2);
    expect(stderr).toContain('is damaged: it is not what was written.');
    expect(JSON.parse(stdout)).toMatchObject({ version: 1, ok: false, error: { fix: ['Copy it again.'] } });
  });

  test('extra bytes at its end do no harm: some ways of copying add an end of line', async () => {
    await put('registry.run', (bytes) => Buffer.concat([bytes, Buffer.from('\n')]));
    expect(run([shell, 'registry.run']).status).toBe(0);
  });

  test('Ctrl-C leaves nothing behind', async () => {
    await put('registry.run');
    const child = spawn(shell, ['registry.run', 'wait'], { cwd: place, env: env() });
    const ended = new Promise((resolve) => child.on('close', resolve));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    expect(readdirSync(temporary)).toHaveLength(1);
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(readdirSync(temporary)).toEqual([]);
  });

  test('reports a node that is too old', async () => {
    await put('registry.run');
    const old = join(place, 'old.cjs');
    writeFileSync(old, "Object.defineProperty(process, 'versions', { value: { node: '18.20.4' } });");
    const { status, stderr } = run([shell, 'registry.run'], { NODE_OPTIONS: `--require ${old}` });
    expect(status).toBe(2);
    expect(stderr).toMatch(/^✖ registry-setup needs Node 20\.17 or newer; this is v/);
  });

  test('no place to unpack the bundle: the error shows the fix', async () => {
    await put('registry.run');
    const { status, stderr } = run([shell, 'registry.run'], { TMPDIR: join(place, 'none') });
    expect([status, stderr]).toEqual([2, expect.stringContaining('TMPDIR=DIR sh ')]);
  });
});

test('runs with bash, and with node beside a package.json of modules', async () => {
  await put('registry');
  expect(run(['bash', 'registry']).status).toBe(0);
  writeFileSync(join(place, 'package.json'), '{"type":"module"}');
  expect(run([process.execPath, 'registry']).status).toBe(0);
});

test('without node one line says what is needed; through a pipe, how it is run', async () => {
  await put('registry.run');
  const none = run(['/bin/sh', 'registry.run'], { PATH: '/nowhere' });
  expect([none.status, none.stderr]).toEqual([
    2,
    expect.stringMatching(/^✖ registry-setup needs Node 20\.17/),
  ]);
  const piped = execFileSync('/bin/sh', ['-c', 'sh <registry.run 2>&1; true'], {
    cwd: place,
    encoding: 'utf8',
  });
  expect(piped).toBe('✖ Run it as a file:   sh FILE\n');
});

test('only a file with the first line of a bundle is recognized as one', async () => {
  expect(isBundle(await bundle)).toBe(true);
  expect(isBundle(Buffer.from('#!/bin/sh\necho hello\n'))).toBe(false);
  expect(isBundle(Buffer.alloc(0))).toBe(false);
});

describe('with a node in it', () => {
  // What matters of a node here: it runs, and is not on the PATH.
  const script = `#!/bin/sh\nexec ${process.execPath} "$@"\n`;
  const withNode = (text: string) =>
    packBundle({ ...contents, node: '20.17.0', nodeBinary: Buffer.from(text) });
  /** A machine that has what sh needs to take it out, and no node. */
  const tools = () => {
    const bin = join(place, 'bin');
    mkdirSync(bin);
    for (const name of ['sh', 'mktemp', 'tail', 'head', 'base64', 'gzip', 'chmod', 'rm', 'cut', 'sha256sum'])
      symlinkSync(execFileSync('which', [name], { encoding: 'utf8' }).trim(), join(bin, name));
    return bin;
  };
  const sh = async (bytes: Promise<Buffer>, change = (all: Buffer) => all, more = {}) => {
    writeFileSync(join(place, 'registry.run'), change(await bytes));
    return run(['sh', 'registry.run', 'a b'], { PATH: tools(), ...more });
  };

  test('sh unpacks the node if the machine has none', async () => {
    const { status, stdout, stderr } = await sh(withNode(script));
    expect([status, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({ words: ['a b'], images: hash(IMAGES) });
  });

  test('a node of the machine that is new enough is used; node runs the file, too', async () => {
    writeFileSync(join(place, 'registry.run'), await withNode('not this one'));
    for (const shell of ['sh', process.execPath]) expect(run([shell, 'registry.run']).status).toBe(0);
  });

  test('reports a carried node that does not run here, and leaves nothing', async () => {
    const foreign = await sh(withNode('#!/nowhere/interpreter\n'));
    expect([foreign.status, foreign.stderr]).toEqual([
      2,
      expect.stringContaining('does not run on this machine'),
    ]);
  });

  test.each<[string, (all: Buffer) => Buffer]>([
    ['in the node', (all) => all.subarray(0, all.indexOf('\n//node:') + 30)],
    ['before the node', (all) => all.subarray(0, all.indexOf('\n//node:'))],
    ['after the node', (all) => all.subarray(0, all.indexOf('\n//payload:'))],
  ])('a copy that is truncated %s says so', async (_, cut) => {
    const { status, stderr } = await sh(withNode(script), cut);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^✖ registry\.run is cut off[^\n]*\n {2}Copy it again[^\n]*\n$/);
    expect(run([process.execPath, 'registry.run']).stderr).toMatch(/^✖ \S+registry\.run is cut off/);
  });
});
