// What is below a directory that somebody else writes to: removed, and never anything beside it.
import { spawn } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CliError } from '../../../src/errors.ts';
import type { Host } from '../../../src/host/host.ts';
import { realHost } from '../../../src/host/this-host.ts';
import { fakeHost } from '../../helpers/fake-host.ts';
import { temporaryDirectory } from '../../helpers/tmp.ts';

const machines: [string, () => { host: Host; at: string }][] = [
  ['the real host', () => ({ host: realHost(), at: temporaryDirectory() })],
  ['the fake host', () => ({ host: fakeHost(), at: '/tmp' })],
];

describe.each(machines)('%s', (_, machine) => {
  async function filled() {
    const { host, at } = machine();
    const root = join(at, 'root');
    for (const folder of ['', 'a', 'a/b', 'a/c']) await host.mkdir(join(root, folder), 0o700);
    for (const file of ['a/b/one', 'a/two']) await host.write(join(root, file), file, { mode: 0o600 });
    return { host, root, inside: host.inside(root) };
  }

  test('what is not there', async () => {
    const { host, root, inside } = await filled();
    for (const storage of [inside, host.inside(join(root, 'nowhere'))]) {
      expect(await storage.folders('no/thing')).toEqual([]);
      expect(await storage.barred('no/thing')).toBeUndefined();
      expect(await storage.rmdir('no/thing')).toBe(true);
      expect(await storage.removeTree('no/thing')).toBe(true);
      await storage.remove('no/thing');
    }
  });

  test('removes files and directories, each with its own call', async () => {
    const { host, root, inside } = await filled();
    expect(await inside.folders('a')).toEqual(['b', 'c']);
    expect(await inside.rmdir('a/b'), 'not empty').toBe(false);
    await inside.remove('a/b');
    await inside.remove('a/b/one');
    expect(await host.list(join(root, 'a/b'))).toEqual([]);
    expect(await inside.rmdir('a/b')).toBe(true);
    expect(await inside.removeTree('a')).toBe(true);
    expect(await host.list(root)).toEqual([]);
  });

  test('a file in the place of a directory is reported, and stays', async () => {
    const { host, root, inside } = await filled();
    expect(await inside.barred('a/two/three')).toBe(join(root, 'a/two'));
    expect(await inside.barred('a/two')).toBe(join(root, 'a/two'));
    expect(await inside.removeTree('a/two')).toBe(false);
    expect(await inside.rmdir('a/two')).toBe(false);
    await inside.remove('a/two/three');
    expect((await host.read(join(root, 'a/two')))?.toString()).toBe('a/two');
  });
});

/** `root/a/b/c/file`, and beside the root a place with the same names in it. */
function besideEachOther() {
  const at = temporaryDirectory();
  for (const place of ['root', 'outside']) {
    mkdirSync(join(at, place, 'a/b/c'), { recursive: true });
    mkdirSync(join(at, place, 'a/b/empty'));
    writeFileSync(join(at, place, 'a/b/c/file'), 'precious');
  }
  const root = join(at, 'root');
  return { root, outside: join(at, 'outside'), inside: realHost().inside(root) };
}

const all = (path: string) => (readdirSync(path, { recursive: true }) as string[]).sort();

describe('links', () => {
  test.each(['a', 'a/b', 'a/b/c'])('a link in the place of %s is not followed', async (place) => {
    const { root, outside, inside } = besideEachOther();
    const before = all(outside);
    renameSync(join(root, place), join(root, 'away'));
    symlinkSync(join(outside, place), join(root, place));
    await inside.remove('a/b/c/file');
    expect(await inside.rmdir('a/b/empty')).toBe(place === 'a/b/c');
    expect(await inside.removeTree('a/b/c')).toBe(false);
    expect(await inside.folders('a/b/c')).toEqual([]);
    expect(await inside.barred('a/b/c')).toBe(join(root, place));
    expect(await inside.rmdir(place)).toBe(false);
    expect(all(outside)).toEqual(before);
    expect(lstatSync(join(root, place)).isSymbolicLink()).toBe(true);
  });

  test('a link in a removed tree is removed itself; its target stays', async () => {
    const { root, outside, inside } = besideEachOther();
    const before = all(outside);
    symlinkSync(outside, join(root, 'a/b/link'));
    symlinkSync(join(outside, 'a/b/c/file'), join(root, 'a/b/c/data'));
    symlinkSync('.', join(root, 'a/round'));
    expect(await inside.folders('a')).toEqual(['b']);
    await inside.remove('a/b/c/data');
    expect(readdirSync(join(root, 'a/b/c'))).toEqual(['file']);
    expect(await inside.removeTree('a')).toBe(true);
    expect(all(root)).toEqual([]);
    expect(all(outside)).toEqual(before);
  });

  test('a link in the path of the root itself is followed', async () => {
    const { root, outside } = besideEachOther();
    symlinkSync(root, join(outside, 'storage'));
    expect(await realHost().inside(join(outside, 'storage')).removeTree('a')).toBe(true);
    expect(all(root)).toEqual([]);
  });

  test('a path that could lead out is refused', async () => {
    const { outside, inside } = besideEachOther();
    for (const path of ['../outside/a', 'a/../../outside', '/etc', '', 'a//b', '.'])
      await expect(async () => inside.removeTree(path)).rejects.toThrow('not a path below');
    expect(existsSync(join(outside, 'a/b/c/file'))).toBe(true);
  });

  test('names with characters of a shell are plain names', async () => {
    const { root, outside, inside } = besideEachOther();
    for (const name of ['-rf', '*', '$HOME', 'a\nb', ' ', '…', '%2e%2e', '..x'])
      mkdirSync(join(root, 'a', name, name), { recursive: true });
    expect(await inside.removeTree('a/$HOME')).toBe(true);
    expect(await inside.removeTree('a')).toBe(true);
    expect(all(root)).toEqual([]);
    expect(existsSync(join(outside, 'a/b/c/file'))).toBe(true);
  });

  test('nor is a link that replaces a directory during the walk', async () => {
    const { root, outside, inside } = besideEachOther();
    const [b, link, spare] = ['a/b', 'link', 'spare'].map((name) => join(root, name));
    symlinkSync(join(outside, 'a/b'), link as string);
    // What a program that was broken into can do, as fast as it can: a directory, a link, the directory again.
    const turns = `const { renameSync: r } = require('node:fs'); const [b, link, spare] = process.argv.slice(1);
      for (;;) { r(b, spare); r(link, b); r(b, link); r(spare, b); }`;
    const swapper = spawn(process.execPath, ['-e', turns, b, link, spare] as string[], { stdio: 'ignore' });
    onTestFinished(() => void swapper.kill('SIGKILL'));
    await sleep(200);
    let [seen, missed] = [0, 0];
    for (const until = performance.now() + 1500; performance.now() < until; ) {
      if (await inside.barred('a/b')) missed++;
      else seen++;
      await inside.remove('a/b/c/file');
      await inside.rmdir('a/b/empty');
      await inside.removeTree('a/b/c');
    }
    swapper.kill('SIGKILL');
    expect([seen > 10, missed > 10], `${seen} and ${missed}`).toEqual([true, true]);
    expect(readFileSync(join(outside, 'a/b/c/file'), 'utf8')).toBe('precious');
    expect(existsSync(join(outside, 'a/b/empty'))).toBe(true);
  });
});

test('a directory that somebody goes on filling is an error in the end, and no endless loop', async () => {
  const { root, inside } = besideEachOther();
  const fill = `const fs = require('node:fs'); for (let i = 0; ; i++) try { fs.writeFileSync(process.argv[1] + '/' + i, ''); } catch {}`;
  const filler = spawn(process.execPath, ['-e', fill, join(root, 'a/b/c')], { stdio: 'ignore' });
  onTestFinished(() => void filler.kill('SIGKILL'));
  await sleep(200);
  await inside.removeTree('a').catch((error: Error) => expect(error.message).toContain('Cannot remove'));
});

describe('files below a directory that somebody else writes to', () => {
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  async function* text(words: string) {
    yield Buffer.from(words);
  }
  async function storage() {
    const [root, outside] = [temporaryDirectory(), temporaryDirectory()];
    await realHost().write(join(outside, 'secret'), 'secret', { mode: 0o600 });
    symlinkSync(outside, join(root, 'link'));
    symlinkSync(join(outside, 'secret'), join(root, 'file'));
    return { root, outside, inside: realHost().inside(root) };
  }

  test('a new file, with its directories and its time', async () => {
    const { root, inside } = await storage();
    const modified = new Date('2025-02-03T04:05:06.000Z');
    await inside.put('a/b/c', text('words'), { owner, modified });
    expect(readFileSync(join(root, 'a/b/c'), 'utf8')).toBe('words');
    expect(lstatSync(join(root, 'a/b/c'))).toMatchObject({ mtime: modified, uid: owner.uid });
    expect(lstatSync(join(root, 'a/b')).mode & 0o777).toBe(0o755);
    const file = await inside.open('a/b/c');
    expect((await file?.read(1, 3))?.toString()).toBe('ord');
    await file?.close();
  });

  test('nothing is written or read through a link, and nothing is replaced', async () => {
    const { outside, inside } = await storage();
    for (const path of ['link/new', 'file', 'file/new', 'link/secret'])
      await expect(inside.put(path, text('x'), { owner }), path).rejects.toThrow('Cannot write');
    expect(readdirSync(outside)).toEqual(['secret']);
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret');
    for (const path of ['file', 'link/secret', 'nowhere'])
      expect(await inside.open(path), path).toBeUndefined();
    await expect(inside.put('../x', text('x'), { owner })).rejects.toThrow();
  });

  test('a stream that breaks leaves no file, and its error is what is thrown', async () => {
    const { root, inside } = await storage();
    const broken = async function* () {
      yield Buffer.from('half');
      throw new CliError('the archive ends here');
    };
    await expect(inside.put('half', broken(), { owner })).rejects.toThrow('the archive ends here');
    expect(existsSync(join(root, 'half'))).toBe(false);
  });
});
