// Archives: read as the programs of this machine write them, written so that they read them, and refused where nobody would write them.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { Interrupted } from '../../../src/errors.ts';
import { isMemberName, listTar, packTar, readFromTar, TarError, withTar } from '../../../src/host/tar.ts';
import { realHost } from '../../../src/host/this-host.ts';
import { member, type Raw, tarOf } from '../../helpers/tar.ts';
import { temporaryDirectory } from '../../helpers/tmp.ts';

const host = realHost();
const MOST = 10_000_000;
const LONG = `${'d'.repeat(60)}/${'e'.repeat(60)}/name`;

/** A folder with a bit of everything. */
function folder(): string {
  const place = temporaryDirectory();
  mkdirSync(join(place, 'in', LONG, '..'), { recursive: true });
  writeFileSync(join(place, 'in/big'), Buffer.alloc(3_000_001, 'ab'));
  writeFileSync(join(place, 'in/empty'), '');
  writeFileSync(join(place, 'in/grüße'), 'ü');
  writeFileSync(join(place, 'in', LONG), 'far down');
  symlinkSync('big', join(place, 'in/link'));
  return place;
}

function file(content: Buffer): string {
  const path = join(temporaryDirectory(), 'a.tar');
  writeFileSync(path, content);
  return path;
}

const collect = async (chunks: AsyncIterable<Buffer>) => {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
};

describe('what is written by', () => {
  test.each(['v7', 'ustar', 'gnu', 'oldgnu', 'pax'])('tar --format=%s', async (format) => {
    const place = folder();
    const path = join(place, 'a.tar');
    const names = format === 'v7' || format === 'ustar' ? ['big', 'empty', 'grüße', 'link'] : ['.'];
    execFileSync('tar', [`--format=${format}`, '-C', join(place, 'in'), '-cf', path, ...names]);
    const { listing } = await listTar(host, path, [], MOST);
    expect(listing.get('big')).toMatchObject({ type: 'file', size: 3_000_001 });
    expect(listing.get('link')).toMatchObject({ type: 'link', to: 'big' });
    const read = await readFromTar(host, path, ['empty', 'big', 'grüße'], MOST);
    expect(read.get('big')?.equals(readFileSync(join(place, 'in/big')))).toBe(true);
    expect(read.get('grüße')?.toString()).toBe('ü');
    expect(read.get('empty')).toEqual(Buffer.alloc(0));
    await withTar(host, path, async ({ members }) => {
      const all: string[] = [];
      for await (const { name } of members) all.push(name);
      expect(all.includes(LONG)).toBe(names[0] === '.');
    });
  });

  test.each([
    ['gzip', '-1'],
    ['bzip2', '-1'],
    ['xz', '-0'],
    ['zstd', '-1'],
  ])('%s', async (program, level) => {
    const place = folder();
    const path = join(place, 'a.tar');
    execFileSync('tar', ['-C', join(place, 'in'), '-cf', path, '.']);
    execFileSync('sh', ['-c', `${program} ${level} -c "$0" >"$0.packed"`, path]);
    const { packing, read } = await listTar(host, `${path}.packed`, ['big', 'none'], MOST);
    expect(packing).toBe(program);
    expect([...read.keys()]).toEqual(['big']);
    expect(read.get('big')?.equals(readFileSync(join(place, 'in/big')))).toBe(true);
    // One that is cut off anywhere says so.
    const bytes = readFileSync(`${path}.packed`);
    for (const part of [0.2, 0.5, 0.9]) {
      const cut = file(bytes.subarray(0, bytes.length * part));
      await expect(listTar(host, cut, [], MOST)).rejects.toThrow(TarError);
    }
  });

  test('python, with a size of more than 8 GB in a sparse file', async () => {
    const path = join(temporaryDirectory(), 'a.tar');
    const script = `
import sys, tarfile
path, size = sys.argv[1], 9 << 30
for name, form in (("gnu", tarfile.GNU_FORMAT), ("pax", tarfile.PAX_FORMAT)):
    with open(f"{path}.{name}", "wb") as out:
        info = tarfile.TarInfo("large"); info.size = size
        out.write(info.tobuf(form)); out.seek(size, 1)
        info = tarfile.TarInfo("after"); info.size = 0
        out.write(info.tobuf(form)); out.write(bytes(1024))`;
    execFileSync('python3', ['-c', script, path]);
    for (const name of ['gnu', 'pax']) {
      const { listing } = await listTar(host, `${path}.${name}`, [], MOST);
      expect(listing.get('large')?.size).toBe(9 * 2 ** 30);
      expect(listing.has('after')).toBe(true);
    }
  });
});

test('what is written here is read by tar and by python, and is the same each time', async () => {
  const big = Buffer.alloc(1_000_003, 'xy');
  const pack = () =>
    collect(
      packTar([
        { name: 'one', size: 3, chunks: [Buffer.from('one')] },
        { name: `${'d'.repeat(60)}/two`, size: big.length, chunks: [big.subarray(0, 5), big.subarray(5)] },
        { name: 'none', size: 0, chunks: [] },
      ]),
    );
  const bytes = await pack();
  expect((await pack()).equals(bytes)).toBe(true);
  const path = file(bytes);
  const tar = spawnSync('tar', ['-tvf', path], { encoding: 'utf8' });
  expect([tar.status, tar.stderr]).toEqual([0, '']);
  expect(tar.stdout).toMatch(/^-rw-r--r-- 0\/0 +3 .* one$/m);
  const hash = execFileSync('tar', ['-xOf', path, `${'d'.repeat(60)}/two`]);
  expect(createHash('sha256').update(hash).digest('hex')).toBe(
    createHash('sha256').update(big).digest('hex'),
  );
  const script = 'import sys, tarfile; print([(m.name[-3:], m.size) for m in tarfile.open(sys.argv[1])])';
  expect(execFileSync('python3', ['-c', script, path], { encoding: 'utf8' }).trim()).toBe(
    "[('one', 3), ('two', 1000003), ('one', 0)]",
  );
  expect((await listTar(host, path, [], MOST)).listing.size).toBe(3);
});

describe('refused', () => {
  const ok = { name: 'a', content: 'fine' };
  test.each<[string, Buffer, string]>([
    ['no archive', Buffer.alloc(2000, 'x'), 'not a tar archive'],
    ['a sum that is wrong', Buffer.concat([member(ok).fill('x', 0, 1), Buffer.alloc(1024)]), 'not a tar'],
    ['a header that is cut off', tarOf(ok, ok).subarray(0, 1300), 'cut off'],
    ['content that is cut off', member({ name: 'a', size: 10_000_000 }), 'cut off'],
    ['an absolute name', tarOf({ name: '/etc/passwd' }), 'leads out of it: /etc/passwd'],
    ['a name that goes up', tarOf({ name: 'a/../../etc/passwd' }), 'leads out of it'],
    ['the same in a pax header', tarOf({ name: 'a', pax: { path: '/etc/passwd' } }), 'leads out of it'],
    ['and in GNU’s', tarOf({ name: 'L', type: 'L', content: '../up' }, ok), 'leads out of it: ../up'],
    ['control characters', tarOf({ name: 'a\u001b[31m' }), 'control characters in it: a\\u001b[31m'],
    ['C1 characters', tarOf({ name: 'a', pax: { path: 'a\u009b' } }), 'a\\u009b'],
    ['an end of line', tarOf({ name: 'a\nb' }), 'a\\u000ab'],
    ['what turns text around', tarOf({ name: 'a\u202egpj' }), 'a\\u202egpj'],
    ['a NUL in a pax name', tarOf({ name: 'a', pax: { path: 'a\0b' } }), 'control characters'],
    ['no UTF-8', tarOf({ name: Buffer.from('61ff62', 'hex') }), 'control characters'],
    ['a name without end', tarOf({ name: 'a', pax: { path: 'x'.repeat(5000) } }), 'too long'],
    ['a FIFO', tarOf(ok, { name: 'f', type: '6' }), 'f in it is not a file'],
    ['a device', tarOf(ok, { name: 'null', type: '3' }), 'null in it is not a file'],
    ['a block device', tarOf(ok, { name: 'sda', type: '4' }), 'sda in it is not a file'],
    ['a sparse file', tarOf({ ...ok, pax: { 'GNU.sparse.realsize': '9999999999999' } }), 'not a file'],
    ['GNU’s older ones', tarOf({ ...ok, type: 'S' }), 'a in it is not a file'],
    [
      'a size beyond all bounds',
      tarOf({ ...ok, pax: { size: '99999999999999999999' } }),
      'beyond all bounds',
    ],
    ['a size that is none', tarOf({ ...ok, pax: { size: '-5' } }), 'is broken'],
    ['a pax header that is none', tarOf({ name: 'x', type: 'x', content: '99 a=b\n' }, ok), 'is broken'],
    ['a pax header without end', tarOf({ name: 'x', type: 'x', size: 2 ** 40 }, ok), 'is too long'],
  ])('%s', async (_, bytes, why) => {
    const failed = listTar(host, file(bytes), ['a'], MOST);
    await expect(failed).rejects.toThrow(TarError);
    await expect(failed).rejects.toThrow(why);
  });

  test.each<[string, Raw[], string]>([
    ['twice there', [{ name: 'a' }, { name: './a' }], 'a is in it more than once'],
    [
      'twice there, once as a link',
      [{ name: 'a' }, { name: 'a', type: '2', to: '/etc/x' }],
      'more than once',
    ],
    ['a link', [{ name: 'a', type: '2', to: '/etc/shadow' }], 'a in it is a link, not a file'],
    ['a hard link', [{ name: 'a', type: '1', to: '/etc/shadow' }], 'a in it is a link, not a file'],
    ['a directory', [{ name: 'a/', type: '5' }], 'a in it is a directory, not a file'],
    ['not there', [{ name: 'b' }], 'a is not in it'],
    ['too large', [{ name: 'a', content: Buffer.alloc(1001) }], 'a in it is too large'],
  ])('a file that is wanted and %s', async (_, members, why) => {
    const failed = readFromTar(host, file(tarOf(...members)), ['a'], 1000);
    await expect(failed).rejects.toThrow(why);
  });

  test('what is not a file is refused at once', async () => {
    const fifo = join(temporaryDirectory(), 'fifo');
    execFileSync('mkfifo', [fifo]);
    for (const path of [fifo, '/dev/zero', '/', '/none'])
      await expect(listTar(host, path, [], MOST)).rejects.toThrow('It is not a file.');
  });

  test('a file that unpacks to a thousand times its size: no time, no memory, no disk', async () => {
    const began = Date.now();
    const before = process.memoryUsage().rss;
    const zeros = gzipSync(Buffer.alloc(64_000_000), { level: 9 });
    const head = gzipSync(member({ name: 'a', size: 20_000 * 64_000_000 }), { level: 9 });
    const bomb = file(Buffer.concat([head, ...Array.from({ length: 20 }, () => zeros)]));
    await expect(listTar(host, bomb, [], MOST)).rejects.toThrow('More comes out of it than an image can be.');
    // And where it is the very file that is wanted, not one byte of it.
    await expect(listTar(host, bomb, ['a'], MOST)).rejects.toThrow('a in it is too large');
    expect(process.memoryUsage().rss - before).toBeLessThan(300e6);
    expect(Date.now() - began).toBeLessThan(15_000);
  });

  test('members without end', async () => {
    const one = member({ name: 'm' });
    const bomb = file(gzipSync(Buffer.concat(Array.from({ length: 100_001 }, () => one)), { level: 1 }));
    await expect(listTar(host, bomb, [], MOST)).rejects.toThrow('There is too much in it.');
  });

  test('a program that is not on this machine is named', async () => {
    const path = process.env.PATH;
    process.env.PATH = '/nowhere';
    const failed = listTar(host, file(gzipSync(tarOf({ name: 'a' }))), [], MOST);
    await expect(failed.finally(() => Object.assign(process.env, { PATH: path }))).rejects.toMatchObject({
      missing: 'gzip',
    });
  });
});

test('Ctrl-C ends what unpacks, and the program with it', async () => {
  const controller = new AbortController();
  const zeros = gzipSync(Buffer.alloc(64_000_000), { level: 9 });
  const head = gzipSync(member({ name: 'a', size: 20_000 * 64_000_000 }));
  const path = file(Buffer.concat([head, ...Array.from({ length: 20 }, () => zeros)]));
  setTimeout(() => controller.abort(), 100);
  const began = Date.now();
  await expect(listTar(realHost(controller.signal), path, [], MOST)).rejects.toThrow(Interrupted);
  expect(Date.now() - began).toBeLessThan(2000);
});

test('an archive in an archive, packed or not; whoever stops early leaves nothing behind', async () => {
  const inner = tarOf({ name: 'x', content: 'inside' }, { name: 'y', content: Buffer.alloc(500_000, 'y') });
  const outer = tarOf(
    { name: 'p', content: inner },
    { name: 'q', content: gzipSync(inner) },
    { name: 'end' },
  );
  for (const bytes of [outer, gzipSync(outer)]) {
    const seen: string[] = [];
    await withTar(host, file(bytes), async (tar) => {
      for await (const member of tar.members) {
        seen.push(member.name);
        if (member.name === 'end') continue;
        for await (const { name, body } of tar.inside(member)) {
          seen.push(`${name} ${await body.read(6)}`);
          break;
        }
      }
    });
    expect(seen).toEqual(['p', 'x inside', 'q', 'x inside', 'end']);
  }
});

test('names that a file may have', () => {
  const digest = 'a'.repeat(64);
  for (const name of [`${digest}.json`, `${digest}/layer.tar`, `blobs/sha256/${digest}`, `sha256:${digest}`])
    expect(isMemberName(name), name).toBe(true);
  for (const name of [
    '',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/..',
    './a',
    '-a',
    '--to-command=id',
    'a\tb',
    'é\u200b',
  ])
    expect(isMemberName(name), name).toBe(false);
});
