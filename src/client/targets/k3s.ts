// k3s: one registries.yaml, which it reads when it starts. A file that others wrote is not merged: the user gets the lines for it.
import { dirname, join } from 'node:path';
import type { Resource } from '../../resources/resource.ts';
import { directory } from '../certs-dir.ts';
import { isOurs, MARK } from '../mark.ts';
import type { Finder, Look, Trust } from '../target.ts';

export const FOLDER = '/etc/rancher/k3s';
export const FILE = `${FOLDER}/registries.yaml`;

/** Returns registries.yaml (docs.k3s.io/installation/private-registry). */
export function registriesYaml(name: string, trust: Trust, ca: string | undefined): string {
  const url = `${trust.kind === 'http' ? 'http' : 'https'}://${name}`;
  const lines = ['mirrors:', `  "${name}":`, '    endpoint:', `      - "${url}"`];
  if (ca) lines.push('configs:', `  "${name}":`, '    tls:', `      ca_file: ${ca}`);
  return `${lines.join('\n')}\n`;
}

async function resources({ host, request, made }: Look, trust: Trust): Promise<Resource[]> {
  if (trust.kind === 'public') return [];
  // k3s takes one CA file: it holds all roots.
  const all = trust.kind === 'roots' ? trust.roots.map(String).join('') : undefined;
  const path = join(FOLDER, 'registry-setup', request.name, 'ca.crt');
  const ca: Resource[] = all
    ? [directory(dirname(path), made), { kind: 'file', path, content: all, mode: 0o644 }]
    : [];
  const content = `${MARK}\n${registriesYaml(request.name, trust, all && path)}`;
  const before = (await host.read(FILE))?.toString();
  const free = before === undefined || before === content;
  return free ? [...ca, directory(FOLDER, made), { kind: 'file', path: FILE, content, mode: 0o600 }] : ca;
}

export const k3s: Finder = async (look) => {
  const { host, has, request } = look;
  if (!(await has('k3s'))) return undefined;
  const { stdout } = await host.run('k3s', ['--version']);
  const before = (await host.read(FILE))?.toString() ?? MARK;
  const foreign = !isOurs(before) || (before !== MARK && !before.includes(`"${request.name}"`));
  const path = join(FOLDER, 'registry-setup', request.name, 'ca.crt');
  const lines = registriesYaml(request.name, { kind: 'public' }, path).trimEnd().split('\n');
  return {
    name: 'k3s',
    label: `k3s ${/v[\d.]+/.exec(stdout)?.[0] ?? ''}`,
    note: 'takes effect when k3s is restarted',
    owns: [`${FOLDER}/`],
    resources: (trust) => resources(look, trust),
    after: [
      ...(foreign ? [`${FILE} is there already: add to it`, ...lines.map((line) => `  ${line}`)] : []),
      'On each node, when it suits:   systemctl restart k3s      (k3s-agent on an agent)',
    ],
  };
};
