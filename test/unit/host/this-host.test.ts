// The door to the machine, on a real one; and the fake host beside it, which must behave in the same way.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CliError, Interrupted } from '../../../src/errors.ts';
import type { Host } from '../../../src/host/host.ts';
import { realHost } from '../../../src/host/this-host.ts';
import { fakeHost } from '../../helpers/fake-host.ts';
import { temporaryDirectory } from '../../helpers/tmp.ts';

const host = realHost();
const me = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const modeOf = (path: string) => statSync(path).mode & 0o7777;

const machines: [string, () => { host: Host; at: string }][] = [
  ['the real host', () => ({ host, at: temporaryDirectory() })],
  ['the fake host', () => ({ host: fakeHost(), at: '/tmp' })],
];

describe.each(machines)('%s', (_, machine) => {
  test('what is not there', async () => {
    const { host, at } = machine();
    const nothing = join(at, 'no/thing');
    expect(await host.read(nothing)).toBeUndefined();
    expect(await host.stat(nothing)).toBeUndefined();
    expect(await host.list(nothing)).toEqual([]);
    expect(await host.rmdir(nothing)).toBe(true);
    await host.remove(nothing);
    await host.removeTree(nothing);
    for (const change of [
      () => host.write(nothing, 'x', { mode: 0o600 }),
      () => host.append(nothing, 'x'),
      () => host.create(nothing, 'x'),
      () => host.mkdir(nothing, 0o700),
      () => host.chmod(nothing, 0o700),
      () => host.rename(nothing, join(at, 'y')),
    ])
      await expect(change()).rejects.toThrow(CliError);
  });

  test('write, read, stat, append, remove', async () => {
    const { host, at } = machine();
    const file = join(at, 'file');
    await host.write(file, 'one', { mode: 0o640 });
    expect(await host.stat(file)).toMatchObject({ type: 'file', mode: 0o640, size: 3 });
    await host.append(file, ' two');
    expect((await host.read(file))?.toString()).toBe('one two');
    await host.write(file, Buffer.from([0, 255]), { mode: 0o600, ...me });
    expect(await host.read(file)).toEqual(Buffer.from([0, 255]));
    expect(await host.stat(file)).toMatchObject({ mode: 0o600, ...me });
    await host.chmod(file, 0o644, me);
    expect(await host.stat(file)).toMatchObject({ mode: 0o644, ...me });
    await host.remove(file);
    expect(await host.stat(file)).toBeUndefined();
  });

  test('parts of a file, and a new file out of parts', async () => {
    const { host, at } = machine();
    const [file, other] = [join(at, 'file'), join(at, 'other')];
    const parts = async function* (fails = false) {
      yield Buffer.from('one ');
      yield Buffer.from('two');
      if (fails) throw new Error('no more');
    };
    await host.save(file, parts(), 0o640);
    expect(await host.stat(file)).toMatchObject({ type: 'file', mode: 0o640, size: 7 });
    const open = await host.open(file);
    await host.remove(file);
    // The same file, whatever is there by now.
    await host.write(file, 'another one', { mode: 0o600 });
    expect(open?.size).toBe(7);
    expect((await open?.read(4, 100))?.toString()).toBe('two');
    expect((await open?.read(7, 1))?.length).toBe(0);
    await open?.close();
    // What is there is not written over, and what fails is not left.
    await expect(host.save(file, parts(), 0o600)).rejects.toThrow(CliError);
    expect((await host.read(file))?.toString()).toBe('another one');
    await expect(host.save(other, parts(true), 0o600)).rejects.toThrow('no more');
    expect(await host.list(at)).toEqual(['file']);
    for (const nothing of [at, join(at, 'none')]) expect(await host.open(nothing)).toBeUndefined();
  });

  test('create fails if the file is there', async () => {
    const { host, at } = machine();
    const lock = join(at, 'lock');
    expect(await Promise.all(['a', 'b'].map((text) => host.create(lock, text)))).toContain(false);
    expect(await host.create(lock, 'c')).toBe(false);
    expect((await host.read(lock))?.toString()).toMatch(/^[ab]$/);
    expect((await host.stat(lock))?.mode).toBe(0o600);
  });

  test('directories', async () => {
    const { host, at } = machine();
    const dir = join(at, 'dir');
    await host.mkdir(dir, 0o1777);
    expect(await host.stat(dir)).toMatchObject({ type: 'dir', mode: 0o1777 });
    await expect(host.mkdir(dir, 0o700)).rejects.toThrow(CliError);
    await expect(host.read(dir)).rejects.toThrow('it is a directory');
    await expect(host.remove(dir)).rejects.toThrow(CliError);
    await host.write(join(dir, 'b'), '', { mode: 0o600 });
    await host.write(join(dir, 'a'), '', { mode: 0o600 });
    expect(await host.list(dir)).toEqual(['a', 'b']);
    expect(await host.rmdir(dir), 'not empty').toBe(false);
    await host.rename(dir, join(at, 'other'));
    expect(await host.list(join(at, 'other'))).toEqual(['a', 'b']);
    await host.removeTree(join(at, 'other'));
    expect(await host.stat(join(at, 'other'))).toBeUndefined();
  });
});

describe('a write', () => {
  test('has its final mode from the first byte, whatever the umask', async () => {
    const dir = temporaryDirectory();
    const seen: { name: string; mode: number; size: number }[] = [];
    const watcher = watch(dir, (_, name) => {
      if (!name || !existsSync(join(dir, name))) return;
      const { mode, size } = statSync(join(dir, name));
      seen.push({ name, mode: mode & 0o777, size });
    });
    onTestFinished(() => watcher.close());
    const before = process.umask(0);
    onTestFinished(() => void process.umask(before));
    for (let i = 0; i < 15; i++) {
      await host.write(join(dir, `key${i}`), 'k'.repeat(1e6), { mode: 0o600 });
      await host.write(join(dir, `open${i}`), 'o'.repeat(1e6), { mode: 0o644 });
    }
    const wrong = seen.filter(
      ({ name, mode, size }) => mode !== 0o600 && (name.includes('key') || (size > 0 && mode !== 0o644)),
    );
    const late = seen.filter(({ name, mode, size }) => name.includes('open') && size > 0 && mode === 0o600);
    expect(seen.length).toBeGreaterThan(30);
    expect([...wrong, ...late]).toEqual([]);
  });

  test('is wider than the umask where it should be', async () => {
    const dir = temporaryDirectory();
    const before = process.umask(0o077);
    onTestFinished(() => void process.umask(before));
    await host.write(join(dir, 'file'), '', { mode: 0o644 });
    await host.mkdir(join(dir, 'dir'), 0o755);
    expect([modeOf(join(dir, 'file')), modeOf(join(dir, 'dir'))]).toEqual([0o644, 0o755]);
  });

  test('replaces the file: who has it open reads the old one to its end, and nothing lies beside it', async () => {
    const dir = temporaryDirectory();
    const file = join(dir, 'file');
    await host.write(file, 'old', { mode: 0o600 });
    const before = statSync(file).ino;
    await host.write(file, 'new', { mode: 0o600 });
    expect(statSync(file).ino).not.toBe(before);
    expect(readdirSync(dir)).toEqual(['file']);
  });

  test('that fails leaves the old file, and nothing beside it', async () => {
    const dir = temporaryDirectory();
    const file = join(dir, 'file');
    await host.write(file, 'old', { mode: 0o600 });
    await host.mkdir(join(dir, 'inner'), 0o700);
    await expect(host.write(join(dir, 'inner'), 'new', { mode: 0o600 })).rejects.toThrow('it is a directory');
    const owner = { mode: 0o600, uid: -5, gid: 0 };
    await expect(host.write(file, 'new', owner)).rejects.toThrow();
    expect(readFileSync(file, 'utf8')).toBe('old');
    expect(readdirSync(dir)).toEqual(['file', 'inner']);
  });

  test('through a link, also one that leads nowhere yet, keeps the link', async () => {
    const dir = temporaryDirectory();
    mkdirSync(join(dir, 'real'));
    writeFileSync(join(dir, 'real/old'), 'old');
    symlinkSync('real/old', join(dir, 'there'));
    symlinkSync('there', join(dir, 'twice'));
    symlinkSync('real/new', join(dir, 'nowhere'));
    await host.write(join(dir, 'twice'), 'changed', { mode: 0o600 });
    await host.write(join(dir, 'nowhere'), 'made', { mode: 0o600 });
    for (const link of ['there', 'twice', 'nowhere'])
      expect(lstatSync(join(dir, link)).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(dir, 'real/old'), 'utf8')).toBe('changed');
    expect(readFileSync(join(dir, 'real/new'), 'utf8')).toBe('made');
  });

  test('to something that is not a file is refused: a masked service is a link to a device', async () => {
    const dir = temporaryDirectory();
    execFileSync('mkfifo', [join(dir, 'pipe')]);
    symlinkSync('pipe', join(dir, 'masked'));
    await expect(host.write(join(dir, 'masked'), '', { mode: 0o600 })).rejects.toThrow('no regular file');
    expect(lstatSync(join(dir, 'pipe')).isFIFO()).toBe(true);
    expect(readdirSync(dir)).toEqual(['masked', 'pipe']);
  });

  test('through links in a circle is refused in words', async () => {
    const dir = temporaryDirectory();
    symlinkSync('b', join(dir, 'a'));
    symlinkSync('a', join(dir, 'b'));
    await expect(host.write(join(dir, 'a'), '', { mode: 0o600 })).rejects.toThrow('too many links');
  });
});

/** A file system of 64 kB. */
function tinyDisk(): string | undefined {
  const dir = temporaryDirectory();
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', dir]).status !== 0) return undefined;
  onTestFinished(() => void spawnSync('umount', ['-l', dir]));
  return dir;
}

test('an immutable file is named as one, alone and in a directory that goes with everything in it', async (context) => {
  const at = temporaryDirectory();
  mkdirSync(join(at, 'tree/deep'), { recursive: true });
  const files = [join(at, 'file'), join(at, 'tree/deep/file')];
  for (const path of files) writeFileSync(path, 'x');
  if (spawnSync('chattr', ['+i', ...files]).status !== 0) return context.skip();
  onTestFinished(() => void spawnSync('chattr', ['-i', ...files]));
  const words = (path?: string) => `Cannot remove ${path}: not permitted (an immutable file? see lsattr).`;
  await expect(host.remove(join(at, 'file'))).rejects.toThrow(words(files[0]));
  await expect(host.removeTree(join(at, 'tree'))).rejects.toThrow(words(files[1]));
});

test('a full disk: nothing is torn, nothing is left, and the words are plain', async (context) => {
  const disk = tinyDisk();
  if (!disk) return context.skip('no tmpfs can be mounted here (that needs root)');
  const [file, journal, lock] = ['file', 'journal', 'lock'].map((name) => join(disk, name)) as [
    string,
    string,
    string,
  ];
  await host.write(file, 'old', { mode: 0o600 });
  await host.append(journal, 'first\n');
  await expect(host.write(file, 'n'.repeat(100_000), { mode: 0o600 })).rejects.toThrow(
    `Cannot write ${file}: the disk is full.`,
  );
  expect(readFileSync(file, 'utf8')).toBe('old');
  await expect(host.append(journal, 'x'.repeat(100_000))).rejects.toThrow('the disk is full');
  await host.remove(journal);
  await expect(host.create(lock, 'x'.repeat(100_000))).rejects.toThrow('the disk is full');
  expect(readdirSync(disk)).toEqual(['file']);
});

describe('run', () => {
  test('gives code and streams, and never throws for a code', async () => {
    expect(await host.run('sh', ['-c', 'echo out; echo err >&2; exit 3'])).toEqual({
      code: 3,
      stdout: 'out',
      stderr: 'err',
    });
  });

  test('arguments do not pass through a shell', async () => {
    const { stdout } = await host.run('printf', ['%s.', '$HOME', '; ls', 'a b', '*']);
    expect(stdout).toBe('$HOME.; ls.a b.*.');
  });

  test('standard input, also for one that does not read it', async () => {
    expect((await host.run('cat', [], { input: 'geheim ✓' })).stdout).toBe('geheim ✓');
    expect((await host.run('cat', [])).stdout, 'nothing of the terminal').toBe('');
    expect((await host.run('true', [], { input: 'x'.repeat(1e6) })).code).toBe(0);
  });

  test('a time limit ends the command with code 124', async () => {
    const since = performance.now();
    expect((await host.run('sleep', ['20'], { timeout: 50 })).code).toBe(124);
    expect(performance.now() - since).toBeLessThan(2000);
  });

  test('a process that a command leaves behind holds its streams, and the time limit ends that, too', async () => {
    const since = performance.now();
    const { code, stdout } = await host.run('sh', ['-c', 'sleep 20 & echo $!'], { timeout: 300 });
    process.kill(Number(stdout));
    expect(code).toBe(124);
    expect(performance.now() - since).toBeLessThan(5000);
  });

  test('a command that does not end when it is told to is ended', async () => {
    const stubborn = 'trap "" TERM; while true; do sleep 0.05; done';
    const since = performance.now();
    expect((await host.run('sh', ['-c', stubborn], { timeout: 50 })).code).toBe(124);
    expect(performance.now() - since).toBeGreaterThan(1500);
  });

  test('a missing command is 127; one that may not be run, or was killed, is not', async () => {
    const missing = await host.run('no-such-command-here', []);
    expect(missing).toEqual({ code: 127, stdout: '', stderr: 'no-such-command-here: not found' });
    expect((await host.run('/etc/passwd', [])).code).toBe(126);
    expect((await host.run('sh', ['-c', 'kill -9 $$'])).code).toBe(137);
  });

  test('lines as they come, whole ones', async () => {
    const lines: string[] = [];
    await host.run('sh', ['-c', 'printf "Pulling fs "; sleep 0.03; echo layer; echo done >&2'], {
      onLine: (line) => lines.push(line),
    });
    expect(lines.sort()).toEqual(['Pulling fs layer', 'done']);
  });

  test('Ctrl-C ends the running command and refuses the next; the calm host goes on', async () => {
    const controller = new AbortController();
    const heard: string[] = [];
    const interruptible = realHost(controller.signal, (line) => heard.push(line));
    const running = interruptible.run('sleep', ['20']);
    setTimeout(() => controller.abort(), 30);
    await expect(running).rejects.toThrow(Interrupted);
    await expect(interruptible.run('true', [])).rejects.toThrow(Interrupted);
    expect(heard).toEqual(['sleep 20']);
    expect((await host.run('true', [])).code).toBe(0);
  });
});

test('free space is that of the nearest existing parent', async () => {
  const [here, there] = [await host.space('/'), await host.space('/no/such/thing')];
  expect(there.total).toBe(here.total);
  expect(here.free).toBeGreaterThan(0);
});
