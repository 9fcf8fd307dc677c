// Image archives that were made to do harm, and those that engines write: what is read of each by a bundle, an engine, and a machine without one.
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { commonArchive } from '../../../../src/bundle/images.ts';
import { listArchive } from '../../../../src/engines/images/archive.ts';
import { takeProgram } from '../../../../src/engines/images/program.ts';
import { loadImage } from '../../../../src/engines/images/store.ts';
import { CliError } from '../../../../src/errors.ts';
import type { Host } from '../../../../src/host/host.ts';
import { realHost } from '../../../../src/host/this-host.ts';
import { visible } from '../../../../src/terminal/visible.ts';
import { runProgram, temporaryMachine } from '../../../helpers/program.ts';
import { CONFIG, listLine, member, type Raw, tarOf } from '../../../helpers/tar.ts';
import { temporaryDirectory } from '../../../helpers/tmp.ts';

const SECRET = 'root:$y$j9T$nobody-may-see-this';
const REF = 'registry:3';
const PROGRAM = '#!/bin/sh\necho registry github.com/distribution/distribution/v3 v3.1.1\n';
/** A layer with the registry's program. */
const LAYER = tarOf({ name: 'bin/', type: '5' }, { name: 'bin/registry', content: PROGRAM, mode: 0o755 });

interface Place {
  /** All of it goes with the test. */
  place: string;
  /** Only its owner may read it. */
  secret: string;
  /** Where an archive might want to write. */
  outside: string;
  archive: string;
  program: string;
}

function withArchive(build: (place: Place) => Buffer): Place {
  const place = temporaryDirectory();
  const at = (name: string) => join(place, name);
  const all = {
    place,
    secret: at('shadow'),
    outside: at('daemon.json'),
    archive: at('a.tar'),
    program: at('opt/bin/registry'),
  };
  writeFileSync(all.secret, SECRET);
  chmodSync(all.secret, 0o600);
  mkdirSync(at('opt/bin'), { recursive: true });
  writeFileSync(all.archive, build(all));
  return all;
}

/** This machine, with an engine that keeps what it is given. */
function withEngine(): Host & { loaded: Buffer[] } {
  const loaded: Buffer[] = [];
  const host = realHost();
  return {
    ...host,
    loaded,
    async run(command, args, options) {
      if (command !== 'docker') return host.run(command, args, options);
      expect(args.slice(0, 2)).toEqual(['load', '-i']);
      loaded.push(readFileSync(args[2] as string));
      return { code: 0, stdout: '', stderr: '' };
    },
  };
}

/** Every way in which an archive is used; what came out, or the error. */
async function useAll({ archive, program }: Place) {
  const engine = withEngine();
  const uses = {
    list: () => listArchive(engine, archive),
    bundle: async () => (await commonArchive(engine, archive, [REF])).tar,
    load: async () => {
      await loadImage(engine, archive, 'docker', REF);
      return engine.loaded.at(-1);
    },
    take: async () => {
      await takeProgram(engine, archive, REF, program);
      return readFileSync(program);
    },
  };
  const results: Partial<Record<keyof typeof uses, unknown>> = {};
  for (const [name, use] of Object.entries(uses))
    results[name as keyof typeof uses] = await use().catch((error: unknown) => error);
  return results;
}

const textOf = (value: unknown): string => {
  if (value instanceof CliError) return [value.message, value.why, ...value.fix].join('\n');
  if (value instanceof Error) return `${value.stack}`;
  return Buffer.isBuffer(value) ? value.toString('latin1') : JSON.stringify(value);
};

const manifest = (...layers: string[]): Raw => ({
  name: 'manifest.json',
  content: JSON.stringify([listLine(REF, layers)]),
});
const config: Raw = { name: 'c.json', content: JSON.stringify(CONFIG) };
const layer: Raw = { name: 'l.tar', content: LAYER };
/** One image whose layer has these members. */
const layerOf = (...members: (Raw | Buffer)[]) =>
  tarOf(config, { name: 'l.tar', content: tarOf(...members) }, manifest('l.tar'));
const link = (name: string, to: string): Raw => ({ name, type: '2', to });
const zeros = gzipSync(Buffer.alloc(64_000_000), { level: 9 });
/** Zeros without end behind a member. */
const bomb = (one: Raw) =>
  Buffer.concat([
    gzipSync(member({ ...one, size: 20_000 * 64_000_000 })),
    ...Array.from({ length: 20 }, () => zeros),
  ]);

const packedBy = (program: string) => (bytes: Buffer) =>
  execFileSync(program, ['-c'], { input: bytes, maxBuffer: 1e8 });

/** Refused before anything is done with it. */
const REFUSED: [string, (place: Place) => Buffer, string][] = [
  ['an absolute layer', ({ secret }) => tarOf(config, manifest(secret)), 'that no image can have'],
  ['a layer that goes up', () => tarOf(config, manifest('../shadow')), 'no image can have: ../shadow'],
  [
    'a layer that is a link out',
    ({ secret }) => tarOf(config, link('l.tar', secret), manifest('l.tar')),
    'leads out',
  ],
  [
    'a layer that is a link up',
    () => tarOf(config, link('a/layer.tar', '../../shadow'), manifest('a/layer.tar')),
    'a/layer.tar is a link that leads out of it',
  ],
  [
    'a layer that is a link to a link',
    ({ secret }) => tarOf(config, link('a', 'b'), link('b', secret), manifest('a')),
    'b in it is a link, not a file',
  ],
  [
    'a link to itself',
    () => tarOf(config, link('l.tar', 'l.tar'), manifest('l.tar')),
    'is a link, not a file',
  ],
  [
    'a layer that is a hard link out',
    ({ secret }) => tarOf(config, { name: 'l.tar', type: '1', to: secret }, manifest('l.tar')),
    'l.tar in it is a link, not a file',
  ],
  [
    'a list that is there again, as a link',
    ({ outside }) => tarOf(config, layer, manifest('l.tar'), link('manifest.json', outside)),
    'manifest.json is in it more than once',
  ],
  [
    'a list that is a link first',
    ({ outside }) => tarOf(config, layer, link('manifest.json', outside), manifest('l.tar')),
    'manifest.json in it is a link, not a file',
  ],
  [
    'the same with ./ before it',
    ({ outside }) => tarOf(config, layer, manifest('l.tar'), link('./manifest.json', outside)),
    'manifest.json is in it more than once',
  ],
  [
    'a list that is a hard link',
    ({ secret }) => tarOf({ name: 'manifest.json', type: '1', to: secret }),
    'is a link',
  ],
  [
    'an index that is a link',
    ({ secret }) => tarOf(link('index.json', secret)),
    'index.json in it is a link',
  ],
  [
    'an option as a layer',
    () => tarOf(config, manifest('--to-command=sh -c id')),
    'no image can have: --to-command',
  ],
  [
    'an option as a layer that is there',
    () => tarOf(config, { name: '--checkpoint-action=exec=id' }, manifest('--checkpoint-action=exec=id')),
    'no image can have: --checkpoint-action',
  ],
  ['a list as a layer', () => tarOf(config, manifest('manifest.json')), 'no image can have: manifest.json'],
  [
    'settings that are a link',
    () => tarOf(link('c.json', '/dev/zero'), layer, manifest('l.tar')),
    'is a link',
  ],
  [
    'settings that are a FIFO',
    () => tarOf({ name: 'c.json', type: '6' }, layer, manifest('l.tar')),
    'is not a file',
  ],
  [
    'a device',
    () => tarOf(config, { name: 'l.tar', type: '4' }, manifest('l.tar')),
    'l.tar in it is not a file',
  ],
  ['a layer that is twice there', () => tarOf(config, layer, layer, manifest('l.tar')), 'more than once'],
  ['a layer that is not there', () => tarOf(config, manifest('l.tar')), 'l.tar is not in it'],
  [
    'a member that leads out',
    () => tarOf(config, layer, { name: '../x' }, manifest('l.tar')),
    'leads out of it: ../x',
  ],
  ['a bomb as a list', () => bomb({ name: 'manifest.json' }), 'manifest.json in it is too large'],
  ['a bomb as an index', () => bomb({ name: 'index.json' }), 'index.json in it is too large'],
  [
    'a bomb behind a good image',
    () => {
      // zstd unpacks it five times as fast as gzip does.
      const more = packedBy('zstd')(Buffer.alloc(64_000_000));
      return Buffer.concat([
        packedBy('zstd')(tarOf(config, layer, manifest('l.tar')).subarray(0, -1024)),
        packedBy('zstd')(member({ name: 'z', size: 20_000 * 64_000_000 })),
        ...Array.from({ length: 5 }, () => more),
      ]);
    },
    'More comes out of it',
  ],
  [
    'a size beyond the file',
    () =>
      Buffer.concat([member(config), member(manifest('l.tar')), member({ name: 'l.tar', size: 2 ** 50 })]),
    'cut off',
  ],
  [
    'a layer 10 000 times',
    () => tarOf(config, layer, manifest(...Array(10_000).fill('l.tar'))),
    'has 10000 layers',
  ],
  [
    'a list without a bottom',
    () => tarOf({ name: 'manifest.json', content: '['.repeat(300_000) }),
    'cannot be read',
  ],
  [
    'settings of one that is no text',
    () =>
      tarOf({
        name: 'manifest.json',
        content: JSON.stringify([listLine(REF, [], { toString: 1 } as never)]),
      }),
    'cannot be read',
  ],
  [
    'control characters in a name of an image',
    () =>
      tarOf(config, layer, {
        name: 'manifest.json',
        content: JSON.stringify([listLine('\u001b[31mregistry:9\u009b\u0007\u202e', ['l.tar'])]),
      }),
    'a name that no image can have: \\u001b[31mregistry:9\\u009b\\u0007\\u202e',
  ],
  [
    'an option as a name of an image',
    () =>
      tarOf(config, layer, {
        name: 'manifest.json',
        content: JSON.stringify([listLine('--privileged', ['l.tar'])]),
      }),
    'a name that no image can have',
  ],
  [
    'a digest that goes up',
    ({ secret }) =>
      tarOf({
        name: 'index.json',
        content: JSON.stringify({ manifests: [{ digest: `sha256:../../..${secret}` }] }),
      }),
    'cannot be read',
  ],
  [
    'a name that is no UTF-8',
    () => tarOf(config, { name: Buffer.from('ff2f78', 'hex') }, layer),
    'control characters',
  ],
];

/** A good list; the harm is in the layer, or in how it is packed. */
const HARMLESS: [string, (place: Place) => Buffer, string | undefined][] = [
  [
    'a program that is a link',
    ({ secret }) => layerOf(link('bin/registry', secret)),
    'bin/registry is a link',
  ],
  [
    'a program that is a hard link',
    ({ secret }) => layerOf({ name: 'bin/registry', type: '1', to: secret }),
    'bin/registry is a link',
  ],
  [
    'a directory that is a link, and a program through it',
    ({ place }) => layerOf(link('bin', place), { name: 'bin/registry', content: PROGRAM }),
    undefined,
  ],
  [
    'a program that is a FIFO',
    () => layerOf({ name: 'bin/registry', type: '6' }),
    'bin/registry is not a file',
  ],
  [
    'a program that is a device',
    () => layerOf({ name: 'bin/registry', type: '3' }),
    'bin/registry is not a file',
  ],
  ['a program that is a directory', () => layerOf({ name: 'bin/registry/', type: '5' }), 'is a directory'],
  [
    'a link over a program of a former layer',
    ({ secret }) =>
      tarOf(
        config,
        layer,
        { name: '2.tar', content: tarOf(link('bin/registry', secret)) },
        manifest('l.tar', '2.tar'),
      ),
    'bin/registry is a link',
  ],
  [
    'a program that is twice there, once as a link',
    ({ secret }) => layerOf({ name: 'bin/registry', content: PROGRAM }, link('./bin/registry', secret)),
    'more than once',
  ],
  ['setuid', () => layerOf({ name: 'bin/registry', content: PROGRAM, mode: 0o6777 }), undefined],
  [
    'names that lead out, beside a program',
    ({ outside }) =>
      layerOf(
        { name: outside, content: 'x' },
        { name: `../../../..${outside}`, content: 'x' },
        { name: 'x', pax: { path: outside }, content: 'x' },
        { name: '--checkpoint-action=exec=id', content: 'x' },
        { name: 'bin/registry', content: PROGRAM },
      ),
    undefined,
  ],
  [
    'a program that is a bomb',
    () => tarOf(config, { name: 'l.tar', content: bomb({ name: 'bin/registry' }) }, manifest('l.tar')),
    'More comes out of it than an image can be',
  ],
  [
    'another program alone',
    () => tarOf(config, { name: 'l.tar', content: layerOf({ name: 'x' }) }, manifest('l.tar')),
    'has no program named registry',
  ],
  [
    'a layer that is none',
    () => tarOf(config, { name: 'l.tar', content: 'x'.repeat(999) }, manifest('l.tar')),
    'not a tar archive',
  ],
  [
    'a sparse program',
    () => layerOf({ name: 'bin/registry', content: 'x', pax: { 'GNU.sparse.realsize': '9999999999999' } }),
    'bin/registry is not a file',
  ],
];

function expectUntouched({ place, secret, outside, program }: Place, results: object, before: string[]) {
  expect([readFileSync(secret, 'utf8'), statSync(secret).mode & 0o7777]).toEqual([SECRET, 0o600]);
  for (const [use, result] of Object.entries(results)) {
    expect(textOf(result), use).not.toContain(SECRET);
    if (result instanceof Error)
      for (const line of textOf(result).split('\n')) expect(visible(line)).toBe(line);
  }
  expect(lstatSync(outside, { throwIfNoEntry: false })).toBeUndefined();
  const now = readdirSync(place, { recursive: true, encoding: 'utf8' });
  expect(now.filter((name) => join(place, name) !== program).sort()).toEqual(before.sort());
}

async function attack(build: (place: Place) => Buffer) {
  const place = withArchive(build);
  const before = readdirSync(place.place, { recursive: true, encoding: 'utf8' });
  const memory = process.memoryUsage().rss;
  const began = Date.now();
  const results = await useAll(place);
  expect(Date.now() - began).toBeLessThan(20_000);
  expect(process.memoryUsage().rss - memory).toBeLessThan(500e6);
  expectUntouched(place, results, before);
  return { place, results };
}

describe('an archive that was made to do harm', { timeout: 60_000 }, () => {
  test.each(REFUSED)('%s is refused for every use, and nothing is touched', async (_, build, why) => {
    const { results, place } = await attack(build);
    for (const [use, result] of Object.entries(results)) {
      expect(result, use).toBeInstanceOf(CliError);
      expect((result as CliError).message, use).toBe(
        `--image-archive: ${place.archive} is not an image archive.`,
      );
      expect((result as CliError).why, use).toContain(why);
      expect((result as CliError).exitCode, use).toBe(2);
    }
  });

  test.each(HARMLESS)('%s does no harm', async (_, build, why) => {
    const { results, place } = await attack(build);
    expect(results.list).toMatchObject([{ RepoTags: [REF] }]);
    expect(Buffer.isBuffer(results.bundle) && Buffer.isBuffer(results.load)).toBe(true);
    if (why === undefined) {
      expect(textOf(results.take)).toBe(PROGRAM);
      expect(lstatSync(place.program).mode & 0o7777).toBe(0o755);
    } else {
      expect(results.take).toBeInstanceOf(CliError);
      expect(textOf(results.take)).toContain(why);
      expect(textOf(results.take)).toContain('--image-archive');
      expect(readdirSync(join(place.place, 'opt/bin'))).toEqual([]);
    }
  });

  test('a path that is not a file is refused at once', async () => {
    const place = withArchive(() => Buffer.alloc(0));
    const fifo = join(place.place, 'fifo');
    execFileSync('mkfifo', [fifo]);
    for (const archive of [fifo, '/dev/zero', '/dev/null'])
      for (const result of Object.values(await useAll({ ...place, archive })))
        expect(result).toMatchObject({ message: `--image-archive: ${archive} is not a file.`, exitCode: 2 });
  });

  test('a program that is too large is not taken, and the disk stays as free as it is', async () => {
    const { archive, program } = withArchive(() => tarOf(config, layer, manifest('l.tar')));
    const host: Host = { ...realHost(), space: async () => ({ free: 10, total: 100 }) };
    await expect(takeProgram(host, archive, REF, program)).rejects.toThrow('too large: ');
    const huge = `${archive}.huge`;
    writeFileSync(huge, member(config));
    const size = 2e9;
    // A file with a hole in it, as long as it says.
    const inner = member({ name: 'bin/registry', size });
    writeFileSync(
      huge,
      Buffer.concat([
        member(config),
        member(manifest('l.tar')),
        member({ name: 'l.tar', size: size + 1024 }),
        inner,
      ]),
    );
    execFileSync('truncate', ['-s', `+${size + 2048}`, huge]);
    await expect(takeProgram(realHost(), huge, REF, program)).rejects.toThrow('too large: 2.0 GB');
    await expect(commonArchive(realHost(), huge, [REF])).rejects.toMatchObject({
      message: expect.stringContaining('too large for a bundle: 2.0 GB'),
      exitCode: 2,
    });
  });

  test('an image whose architecture is not a plain word makes no bundle', async () => {
    for (const content of [
      '{"architecture":"*/ process.exit() //"}',
      '{"architecture":["amd64"]}',
      'no',
      '[]',
      '5',
    ]) {
      const { archive } = withArchive(() => tarOf({ name: 'c.json', content }, layer, manifest('l.tar')));
      await expect(commonArchive(realHost(), archive, [REF])).rejects.toThrow('does not say which machines');
    }
  });
});

test('bundle: one error that names the flag, exit 2, no file is written', { timeout: 60_000 }, async () => {
  for (const [title, build, why] of REFUSED.filter(([name]) =>
    /link|10 000|control|option|bomb as a list/.test(name),
  )) {
    const place = withArchive(build);
    const machine = temporaryMachine();
    machine.env.TMPDIR = join(machine.place, 'tmp');
    mkdirSync(machine.env.TMPDIR);
    const out = join(place.place, 'out.run');
    const { code, stdout, stderr } = await runProgram(
      ['bundle', out, '--image-archive', place.archive],
      machine,
    );
    expect([code, stdout, stderr], title).toEqual([
      2,
      '',
      expect.stringContaining(`✖ --image-archive: ${place.archive}`),
    ]);
    expect(stderr, title).toContain(why);
    expect(stderr, title).not.toContain(SECRET);
    expect(readdirSync(machine.env.TMPDIR), title).toEqual([]);
    for (const path of [out, place.outside])
      expect(lstatSync(path, { throwIfNoEntry: false })).toBeUndefined();
  }
});

describe('an archive of an engine', () => {
  const blob = (content: Buffer | string): Raw & { digest: string } => {
    const hash = createHash('sha256').update(content).digest('hex');
    return { name: `blobs/sha256/${hash}`, content, digest: `sha256:${hash}` };
  };
  /** Large enough to come in many pieces, however it is packed. */
  const program = Buffer.concat([Buffer.from(PROGRAM), randomBytes(1_000_000)]);
  const whole: Raw = { ...layer, content: tarOf({ name: 'usr/bin/registry', content: program }) };
  const hash = (bytes: unknown) =>
    Buffer.isBuffer(bytes) ? createHash('sha256').update(bytes).digest('hex') : textOf(bytes);
  /** As skopeo writes it, with packed layers. */
  function layout(): Buffer {
    const [settings, only] = [blob(JSON.stringify(CONFIG)), blob(gzipSync(whole.content as Buffer))];
    const image = blob(
      JSON.stringify({ config: { digest: settings.digest }, layers: [{ digest: only.digest }] }),
    );
    const annotations = { 'org.opencontainers.image.ref.name': '3' };
    return tarOf(
      { name: './', type: '5' },
      { ...settings, name: `./${settings.name}` },
      { ...only, name: `./${only.name}` },
      { ...image, name: `./${image.name}` },
      {
        name: './index.json',
        content: JSON.stringify({ manifests: [{ digest: image.digest, annotations }] }),
      },
      { name: './oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
    );
  }
  /** As Docker before 25 writes two images that share a layer. */
  const legacy = () =>
    tarOf(
      { name: 'a/', type: '5' },
      { name: 'a/layer.tar', content: whole.content as Buffer },
      { name: 'b/', type: '5' },
      link('b/layer.tar', '../a/layer.tar'),
      { name: 'c.json', content: JSON.stringify(CONFIG) },
      { name: 'repositories', content: '{}' },
      {
        name: 'manifest.json',
        content: JSON.stringify([listLine('other:1', ['a/layer.tar']), listLine(REF, ['b/layer.tar'])]),
      },
    );
  test.each<[string, () => Buffer]>([
    ['docker save', () => tarOf(config, whole, manifest('l.tar'))],
    ['docker save, before 25', legacy],
    [
      'docker save with ./',
      () =>
        tarOf(
          { ...config, name: './c.json' },
          { ...whole, name: './l.tar' },
          { ...manifest('l.tar'), name: './manifest.json' },
        ),
    ],
    ['an OCI layout', layout],
    ...['gzip', 'bzip2', 'xz', 'zstd'].flatMap((program): [string, () => Buffer][] => [
      [`docker save | ${program}`, () => packedBy(program)(legacy())],
      [`an OCI layout | ${program}`, () => packedBy(program)(layout())],
    ]),
  ])('%s', async (_, build) => {
    const place = withArchive(build);
    const results = await useAll(place);
    expect(hash(results.take)).toBe(hash(program));
    expect(statSync(place.program).mode & 0o7777).toBe(0o755);
    // What a bundle carries and what an engine is given is such an archive again.
    for (const bytes of [results.bundle, results.load] as Buffer[]) {
      writeFileSync(place.archive, bytes);
      expect(hash((await useAll(place)).take)).toBe(hash(program));
    }
  });

  test('an archive that an engine cannot read is rewritten: the list alone, whole, not packed', async () => {
    for (const build of [layout, () => packedBy('zstd')(legacy())]) {
      const place = withArchive(build);
      const engine = withEngine();
      await loadImage(engine, place.archive, 'docker', REF);
      const [loaded] = engine.loaded as [Buffer];
      writeFileSync(place.archive, loaded);
      const names = execFileSync('tar', ['-tf', place.archive], { encoding: 'utf8' }).trim().split('\n');
      expect(names[0]).toBe('manifest.json');
      expect(names.join()).not.toMatch(/index\.json|oci-layout|repositories/);
      const [image] = (await listArchive(engine, place.archive)).slice(-1);
      expect(image?.RepoTags).toEqual([REF]);
    }
  });
});
