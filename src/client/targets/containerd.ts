// containerd, as nerdctl, crictl and Kubernetes use it: one hosts.toml for each registry, read for each pull.
import { join } from 'node:path';
import { CliError } from '../../errors.ts';
import type { Resource } from '../../resources/resource.ts';
import { directory, trustFiles } from '../certs-dir.ts';
import { isOurs, MARK } from '../mark.ts';
import type { Finder, Look, Trust } from '../target.ts';
import { ownDockerLogins, pullWith } from './docker.ts';

export const BASE = '/etc/containerd/certs.d';
export const CONFIG = '/etc/containerd/config.toml';

/** Tells whether the part of containerd that serves Kubernetes reads the directory. @param config the text of its file */
export const readsBase = (config: string): boolean =>
  /^\s*config_path\s*=\s*["'][^"']*\/etc\/containerd\/certs\.d/m.test(config);

/** Returns hosts.toml (github.com/containerd/containerd/blob/main/docs/hosts.md). */
export function hostsToml(name: string, trust: Trust, ca: string[]): string {
  const url = `${trust.kind === 'http' ? 'http' : 'https'}://${name}`;
  const lines = [
    MARK,
    `server = "${url}"`,
    '',
    `[host."${url}"]`,
    '  capabilities = ["pull", "resolve", "push"]',
  ];
  if (ca.length > 0) lines.push(`  ca = [${ca.map((path) => `"${path}"`).join(', ')}]`);
  return `${lines.join('\n')}\n`;
}

/** How to make Kubernetes read the directory. */
export const HOW_TO_READ = [
  `Kubernetes reads ${BASE} only when ${CONFIG} says config_path = "${BASE}":`,
  '  containerd 2: [plugins."io.containerd.cri.v1.images".registry]; 1: [plugins."io.containerd.grpc.v1.cri".registry]',
  '  then once: systemctl restart containerd',
];

async function resources({ host, request, made }: Look, trust: Trust): Promise<Resource[]> {
  if (trust.kind === 'public') return [];
  const dir = join(BASE, request.name);
  const path = join(dir, 'hosts.toml');
  const before = (await host.read(path))?.toString();
  if (before !== undefined && !isOurs(before))
    throw new CliError(`${path} is there already, and registry-setup did not write it.`, {
      fix: [`Look at it:             cat ${path}`, 'Leave containerd out:   --target docker'],
      exitCode: 2,
    });
  const files =
    trust.kind === 'roots' ? trustFiles(BASE, request.name, trust.roots, made) : [directory(dir, made)];
  const ca = files.flatMap((file) => (file.kind === 'file' ? file.path : []));
  return [...files, { kind: 'file', path, content: hostsToml(request.name, trust, ca), mode: 0o644 }];
}

export const containerd: Finder = async (look) => {
  const { host, has, request } = look;
  const [nerdctl, crictl, config, base] = await Promise.all([
    has('nerdctl'),
    has('crictl'),
    host.read(CONFIG),
    host.stat(BASE),
  ]);
  // Docker installs a containerd that only Docker asks.
  if (!(await has('containerd')) || (!nerdctl && !crictl && !base)) return undefined;
  const { stdout } = await host.run('containerd', ['--version']);
  const version = /\d+(\.\d+)+/.exec(stdout)?.[0] ?? '';
  const cri = crictl && !readsBase(config?.toString() ?? '');
  return {
    name: 'containerd',
    label: `containerd ${version}`,
    note: 'no restart',
    certs: join(BASE, request.name),
    owns: [`${BASE}/`],
    resources: (trust) => resources(look, trust),
    ...(nerdctl && {
      reads: [ownDockerLogins(look.env)],
      prove: (pull) => pullWith(host, 'nerdctl', pull),
    }),
    after: cri ? HOW_TO_READ : [],
  };
};
