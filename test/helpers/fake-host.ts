// A machine in memory: files with modes, a Docker engine, a table of other commands. It can die, or fail, at any step.
import { basename, dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { CliError } from '../../src/errors.ts';
import type { Host, RunResult, Stat } from '../../src/host/host.ts';
import { PACKAGE } from '../../src/package.ts';
import { changesDocker, type FakeDocker, fakeDocker } from './fake-docker.ts';
import { type FakeRules, runRules } from './fake-rules.ts';

interface Entry {
  type: 'file' | 'dir';
  mode: number;
  uid: number;
  gid: number;
  content: Buffer;
}

/** Thrown by everything that is done on a machine that has lost its power. */
class PowerCut extends Error {}

export interface FakeHost extends Host {
  machine: Host['machine'];
  docker: FakeDocker;
  /** Its packet filter. */
  filter: FakeRules;
  /** What a command says: `'ss -Hltnp'` answers all that begin so, and comes before the fake engine. */
  commands: Record<string, Partial<RunResult>>;
  /** What names resolve to; any other is nowhere. */
  names: Record<string, string>;
  /** What was done, in order: `write /opt/x`, `docker run …`. Reading is not doing. */
  done: string[];
  /** Hears each of them before it is done; what it throws is thrown. */
  before: (operation: string) => void;
  /** Makes a file with its directories, as if it had always been there. */
  put(path: string, content: string | Buffer, mode?: number): void;
  text(path: string): string | undefined;
  mode(path: string): number | undefined;
  /** The power fails before the operation of this number (1 is the first); an append is done by half. */
  dieBefore(operation: number): void;
  /** The machine starts again, and who was at work is dead. */
  boot(): void;
  /** All that is on it and stays: for comparing. Not /proc, nor what was counted for `status`: that is new with every look. */
  snapshot(): Record<string, unknown>;
}

/** Bytes of a file that no text has. */
const LARGE = 2_000_000;
const COUNTS = '/opt/registry/.state/maintenance.json';

export function fakeHost(): FakeHost {
  const entries = new Map<string, Entry>();
  const docker = fakeDocker();
  const unknown: string[] = [];
  let dies = Number.POSITIVE_INFINITY;
  let dead = false;
  let boots = 0;

  function fail(doing: string, path: string, why: string): never {
    throw new CliError(`Cannot ${doing} ${path}: ${why}.`);
  }
  function mkdirAll(path: string) {
    if (entries.has(path)) return;
    if (path !== '/') mkdirAll(dirname(path));
    entries.set(path, { type: 'dir', mode: 0o755, uid: 0, gid: 0, content: Buffer.alloc(0) });
  }
  const children = (path: string) =>
    [...entries.keys()].filter((name) => name !== '/' && dirname(name) === path);
  const needParent = (doing: string, path: string) => {
    if (entries.get(dirname(path))?.type !== 'dir') fail(doing, path, 'ENOENT: no such file or directory');
  };

  function alive() {
    if (dead) throw new PowerCut('the power is off');
  }
  /** Everything that changes the machine goes through here. */
  function doing(operation: string, act: () => void, half?: () => void) {
    alive();
    host.before(operation);
    if (host.done.length + 1 >= dies) {
      half?.();
      dead = true;
      throw new PowerCut(`the power failed before: ${operation}`);
    }
    host.done.push(operation);
    act();
  }

  function setFile(path: string, content: string | Buffer, mode: number, uid = 0, gid = 0) {
    entries.set(path, { type: 'file', mode, uid, gid, content: Buffer.from(content) });
  }
  function add(path: string, text: string) {
    needParent('write', path);
    const before = entries.get(path);
    const content = Buffer.concat([before?.content ?? Buffer.alloc(0), Buffer.from(text)]);
    setFile(path, content, before?.mode ?? 0o600, before?.uid, before?.gid);
  }

  const host: FakeHost = {
    machine: { hostname: 'srv', addresses: [{ address: '10.0.3.17', family: 4, interface: 'eth0' }], uid: 0 },
    docker,
    filter: { tool: 'nft', rules: [] },
    // Not installed, unless a test says so.
    commands: {
      'podman info': { code: 127, stderr: 'podman: not found' },
      'podman ps -a --filter': { code: 127, stderr: 'podman: not found' },
      // Every name leads to this machine.
      'getent ahosts': { stdout: '10.0.3.17       STREAM a\n10.0.3.17       DGRAM\n' },
    },
    names: {},
    done: [],
    before: () => {},
    put(path, content, mode = 0o644) {
      mkdirAll(dirname(path));
      setFile(path, content, mode);
    },
    text: (path) => entries.get(path)?.content.toString(),
    mode: (path) => entries.get(path)?.mode,
    dieBefore(operation) {
      dies = host.done.length + operation;
    },
    boot() {
      dead = false;
      dies = Number.POSITIVE_INFINITY;
      // Field 22 of proc(5): the same pid, another process.
      host.put(`/proc/${process.pid}/stat`, `${process.pid} (node) S ${'0 '.repeat(18)}${1000 + ++boots} 0`);
    },
    snapshot: () => ({
      files: Object.fromEntries(
        [...entries]
          .filter(([path]) => path !== '/proc' && !path.startsWith('/proc/') && path !== COUNTS)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([path, { type, mode, uid, gid, content }]) => [
            path,
            `${type} ${mode.toString(8)} ${uid}:${gid} ${content.length < LARGE ? content : `${content.length} bytes`}`,
          ]),
      ),
      containers: structuredClone(docker.containers).sort((a, b) => (a.id < b.id ? -1 : 1)),
      images: { ...docker.images },
      filter: [...host.filter.rules],
    }),

    async lookup(name) {
      const address = host.names[name];
      if (!address) throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' });
      return address;
    },
    async run(command, args, { input = '' } = {}) {
      alive();
      const line = [command, ...args].join(' ');
      const known = Object.keys(host.commands).find((start) => line.startsWith(start));
      if (known) return { code: 0, stdout: '', stderr: '', ...host.commands[known] };
      if (command === 'docker') {
        let result: RunResult | undefined;
        const answer = () => {
          result = docker.run(args);
        };
        if (changesDocker(args)) doing(line, answer);
        else answer();
        if (result) return result;
      }
      const filter = runRules(host.filter, line, input.toString());
      if (filter) {
        let result: RunResult | undefined;
        const answer = () => {
          result = filter();
        };
        if (input || host.filter.rules.length > 0) doing(line, answer);
        else answer();
        if (result) return result;
      }
      unknown.push(line);
      throw new Error(`The fake host does not know this command: ${line}`);
    },
    // What is packed is for the real host.
    // biome-ignore lint/correctness/useYield: it never gets so far
    async *transform() {
      alive();
      throw new Error('The fake host unpacks nothing.');
    },
    async open(path) {
      alive();
      const entry = entries.get(path);
      if (entry?.type !== 'file') return undefined;
      const { content } = entry;
      return {
        size: content.length,
        read: async (at, length) => content.subarray(at, at + length),
        close: async () => {},
      };
    },
    async save(path, chunks, mode) {
      const parts: Buffer[] = [];
      for await (const chunk of chunks) parts.push(Buffer.from(chunk));
      doing(`write ${path}`, () => {
        needParent('write', path);
        if (entries.has(path)) fail('write', path, 'EEXIST: file already exists');
        setFile(path, Buffer.concat(parts), mode);
      });
    },
    async read(path) {
      alive();
      const entry = entries.get(path);
      if (entry?.type === 'dir') fail('read', path, 'it is a directory');
      return entry && Buffer.from(entry.content);
    },
    async stat(path): Promise<Stat | undefined> {
      alive();
      const entry = entries.get(path);
      if (!entry) return undefined;
      const { type, mode, uid, gid, content } = entry;
      return { type, mode, uid, gid, size: content.length };
    },
    async list(path) {
      alive();
      return children(path)
        .map((child) => basename(child))
        .sort();
    },
    async write(path, content, { mode, uid, gid }) {
      const before = () => {
        needParent('write', path);
        if (entries.get(path)?.type === 'dir') fail('write', path, 'it is a directory');
      };
      doing(
        `write ${path}`,
        () => {
          before();
          setFile(path, content, mode, uid, gid);
        },
        () => {
          before();
          setFile(join(dirname(path), `.${basename(path)}.0123abcd.tmp`), content.slice(0, 1), mode);
        },
      );
    },
    async append(path, text) {
      doing(
        `append ${path}`,
        () => add(path, text),
        () => add(path, text.slice(0, text.length / 2)),
      );
    },
    async create(path, content) {
      let made = false;
      const make = (text: string) => () => {
        needParent('write', path);
        made = !entries.has(path);
        if (made) setFile(path, text, 0o600);
      };
      doing(`create ${path}`, make(content), make(''));
      return made;
    },
    async mkdir(path, mode) {
      doing(`mkdir ${path}`, () => {
        needParent('make', path);
        if (entries.has(path)) fail('make', path, 'EEXIST: file already exists');
        entries.set(path, { type: 'dir', mode, uid: 0, gid: 0, content: Buffer.alloc(0) });
      });
    },
    async chmod(path, mode, owner) {
      doing(`chmod ${path}`, () => {
        const entry =
          entries.get(path) ?? fail('change the mode of', path, 'ENOENT: no such file or directory');
        Object.assign(entry, { mode, ...owner });
      });
    },
    async remove(path) {
      doing(`remove ${path}`, () => {
        if (entries.get(path)?.type === 'dir') fail('remove', path, 'it is a directory');
        entries.delete(path);
      });
    },
    async rmdir(path) {
      let gone = true;
      doing(`rmdir ${path}`, () => {
        gone = !entries.has(path) || (entries.get(path)?.type === 'dir' && children(path).length === 0);
        if (gone) entries.delete(path);
      });
      return gone;
    },
    async rename(from, to) {
      doing(`rename ${from} ${to}`, () => {
        if (!entries.has(from)) fail('move', from, 'ENOENT: no such file or directory');
        for (const [path, entry] of [...entries])
          if (path === from || path.startsWith(`${from}/`)) {
            entries.delete(path);
            entries.set(to + path.slice(from.length), entry);
          }
      });
    },
    async removeTree(path) {
      doing(`removeTree ${path}`, () => {
        for (const name of entries.keys())
          if (name === path || name.startsWith(`${path}/`)) entries.delete(name);
      });
    },
    // It knows of no links: test/inside.test.ts has them, on real files.
    inside(root) {
      const barred = (path: string) =>
        path
          .split('/')
          .map((_, i, names) => join(root, ...names.slice(0, i + 1)))
          .find((part) => entries.has(part) && entries.get(part)?.type !== 'dir');
      return {
        async entries(path) {
          const names = await host.list(join(root, path));
          return names.map((name) => {
            const entry = entries.get(join(root, path, name));
            return {
              name,
              type: entry?.type === 'dir' ? ('dir' as const) : ('file' as const),
              bytes: entry?.type === 'file' ? entry.content.length : 0,
              modified: new Date(),
            };
          });
        },
        async folders(path) {
          const names = await host.list(join(root, path));
          return names.filter((name) => entries.get(join(root, path, name))?.type === 'dir');
        },
        open: (path) => host.open(join(root, path)),
        async put(path, chunks, { owner }) {
          const parts: Buffer[] = [];
          for await (const chunk of chunks) parts.push(Buffer.from(chunk));
          const names = path.split('/').slice(0, -1);
          for (const [i] of names.entries()) {
            const folder = join(root, ...names.slice(0, i + 1));
            if (!entries.has(folder)) await host.mkdir(folder, 0o755);
          }
          doing(`write ${join(root, path)}`, () => {
            if (entries.has(join(root, path))) fail('write', path, 'EEXIST: file already exists');
            setFile(join(root, path), Buffer.concat(parts), 0o644, owner.uid, owner.gid);
          });
        },
        async barred(path) {
          alive();
          return barred(path);
        },
        async remove(path) {
          if (entries.get(join(root, path))?.type === 'file') await host.remove(join(root, path));
        },
        async rmdir(path) {
          if (!entries.has(join(root, path))) return true;
          return children(join(root, path)).length === 0 && !barred(path) && host.rmdir(join(root, path));
        },
        async removeTree(path) {
          if (barred(path)) return false;
          if (entries.has(join(root, path))) await host.removeTree(join(root, path));
          return true;
        },
      };
    },
    async space() {
      alive();
      return { free: 41e9, total: 200e9 };
    },
  };

  for (const dir of ['/opt', '/tmp', '/etc', '/srv', '/var/lib']) mkdirAll(dir);
  // This program, as it was built.
  for (const name of ['dist/files.json', 'package.json']) host.put(new URL(name, PACKAGE).pathname, '{}');
  host.put('/etc/os-release', 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n');
  host.boot();
  // Also where what it threw was caught: an unknown command fails the test.
  onTestFinished(() => {
    if (unknown.length > 0)
      throw new Error(`Commands that the fake host does not know:\n${unknown.join('\n')}`);
  });
  return host;
}
