// What the doctor looks at: a machine whose files are in a directory of the test, and whose programs say what the test says.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Target } from '../../src/client/target.ts';
import type { Asked, Check, CheckInput } from '../../src/doctor/check.ts';
import type { Host, RunResult } from '../../src/host/host.ts';
import { realHost } from '../../src/host/this-host.ts';
import { silent } from './run.ts';
import { temporaryDirectory } from './tmp.ts';

export interface TestMachine {
  host: Host;
  /** Where its files are on this machine. */
  root: string;
  /** What a command says: `'docker info'` answers all that begin so. Any other is not installed. */
  says: Record<string, Partial<RunResult>>;
  put(path: string, content: string | Buffer): void;
  /** Puts a program into its PATH. */
  install(...programs: string[]): void;
}

export function testMachine(): TestMachine {
  const root = temporaryDirectory();
  const real = realHost();
  const here = (path: string) => (path.startsWith(`${root}/`) || path === root ? path : join(root, path));
  const says: TestMachine['says'] = {};
  const put: TestMachine['put'] = (path, content) => {
    mkdirSync(dirname(here(path)), { recursive: true });
    writeFileSync(here(path), content);
  };
  return {
    root,
    says,
    put,
    install: (...programs) => {
      for (const program of programs) put(`/usr/sbin/${program}`, '');
    },
    host: {
      ...real,
      machine: { ...real.machine, uid: 0 },
      run: async (command, args) => {
        const line = [command, ...args].join(' ');
        const known = Object.keys(says).find((start) => line.startsWith(start));
        if (known) return { code: 0, stdout: '', stderr: '', ...says[known] };
        return { code: 127, stdout: '', stderr: `${command}: not found` };
      },
      read: (path) => real.read(here(path)),
      stat: (path) => real.stat(here(path)),
      list: (path) => real.list(here(path)),
      open: (path) => real.open(here(path)),
    },
  };
}

/** Makes Docker one of the programs of a machine; it runs, and says this about itself. */
export function withDocker(
  machine: TestMachine,
  said: { insecure?: string[]; mirrors?: string[]; proxy?: string; store?: boolean; root?: string } = {},
): void {
  const { insecure = [], mirrors = [], proxy = '', store, root = '/var/lib/docker' } = said;
  machine.install('docker', 'dockerd');
  const entries = insecure.filter((entry) => !entry.includes('/'));
  machine.says['docker info'] = {
    stdout: JSON.stringify({
      ServerVersion: '28.5.2',
      DockerRootDir: root,
      HttpProxy: proxy,
      HttpsProxy: proxy,
      ...(store && { DriverStatus: [['driver-type', 'io.containerd.snapshotter.v1']] }),
      RegistryConfig: {
        IndexConfigs: Object.fromEntries(entries.map((Name) => [Name, { Name, Secure: false }])),
        InsecureRegistryCIDRs: ['127.0.0.0/8', ...insecure.filter((entry) => entry.includes('/'))],
        Mirrors: mirrors,
      },
    }),
  };
}

export const dockerTarget = (address: string): Target => ({
  name: 'docker',
  label: 'Docker 28.5.2',
  certs: `/etc/docker/certs.d/${address}`,
  owns: [],
  resources: async () => [],
});

interface Wish {
  registries?: Asked[];
  targets?: Target[];
  server?: unknown;
  env?: NodeJS.ProcessEnv;
}

export const doctorInput = (host: Host, { registries = [], targets = [], server, env = {} }: Wish = {}) =>
  ({
    context: {
      host,
      env: { HOME: '/root', PATH: '', ...env },
      answers: {},
      output: silent(),
      signal: new AbortController().signal,
    },
    server,
    registries,
    targets,
  }) as unknown as CheckInput;

/** Runs checks; gives the code of each trouble. */
export async function codes(input: CheckInput, ...checks: Check[]): Promise<string[]> {
  const all = await Promise.all(checks.map(({ look }) => look(input)));
  return all.flat().map(({ code }) => code);
}
