// A real registry, where one can be found: REGISTRY_SETUP_LAB_PROGRAMS is a folder with registry-*.xz.
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { ask, type Endpoint } from '../../src/registry/http.ts';
import { fillTemplate, type Value } from '../../src/templates.ts';
import { temporaryDirectory } from './tmp.ts';

const folder = process.env.REGISTRY_SETUP_LAB_PROGRAMS ?? '';
const packed = existsSync(folder)
  ? readdirSync(folder)
      .filter((name) => /^registry-.*\.xz$/.test(name))
      .at(-1)
  : undefined;

/** Why there can be none, if so: for a test to say when it skips. */
export const noRegistry: string | undefined =
  packed === undefined
    ? 'REGISTRY_SETUP_LAB_PROGRAMS names no folder with registry-*.xz'
    : spawnSync('xz', ['--version']).error && 'xz is not installed';

/** The program, unpacked once on this machine. */
export function registryProgram(): string {
  const source = join(folder, packed ?? '');
  const cache = join(tmpdir(), `registry-setup-test-programs-${userInfo().uid}`);
  const program = join(cache, `${packed}-${statSync(source).size}`);
  if (existsSync(program)) return program;
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  const temporary = `${program}.${process.pid}`;
  const out = openSync(temporary, 'w', 0o755);
  const { status } = spawnSync('xz', ['-dc', source], { stdio: ['ignore', out, 'inherit'] });
  closeSync(out);
  if (status !== 0) throw new Error(`xz could not unpack ${source}`);
  renameSync(temporary, program);
  return program;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface RealRegistry {
  at: Endpoint;
  /** Where its images are. */
  data: string;
  /** Its file of logins. */
  htpasswd: string;
}

/** One with our own configuration; it ends with the test. */
export async function startRegistry({
  htpasswd,
  mayDelete = true,
  pages,
}: {
  htpasswd?: string;
  mayDelete?: boolean;
  /** The most names of one page of its catalog. */
  pages?: number;
} = {}): Promise<RealRegistry> {
  const dir = temporaryDirectory();
  const data = join(dir, 'data');
  const port = await freePort();
  const auth: Value = { htpasswd: { realm: 'test', path: join(dir, 'auth/htpasswd') } };
  mkdirSync(join(dir, 'auth'));
  if (htpasswd !== undefined) writeFileSync(join(dir, 'auth/htpasswd'), htpasswd);
  const config = fillTemplate('config.yml', {
    'http.addr': `127.0.0.1:${port}`,
    'http.secret': 'x'.repeat(32),
    'storage.filesystem.rootdirectory': data,
    'storage.delete.enabled': mayDelete,
    ...(htpasswd !== undefined && { auth }),
    ...(pages !== undefined && { catalog: { maxentries: pages } }),
  });
  writeFileSync(join(dir, 'config.yml'), config);
  const env = { ...process.env, OTEL_TRACES_EXPORTER: 'none' };
  const child = spawn(registryProgram(), ['serve', join(dir, 'config.yml')], { stdio: 'ignore', env });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const at: Endpoint = { tls: false, host: 'registry.test', port, connectTo: '127.0.0.1' };
  for (let tries = 0; tries < 200; tries++) {
    if (await ask(at, 'GET', '/v2/').then(Boolean, () => false))
      return { at, data, htpasswd: join(dir, 'auth/htpasswd') };
    await sleep(20);
  }
  throw new Error('the registry did not start');
}
