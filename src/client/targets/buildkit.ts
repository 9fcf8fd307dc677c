// BuildKit builders in their own containers: they do not read daemon.json and certs.d, but take a file when they are created.
import { join } from 'node:path';
import type { Resource } from '../../resources/resource.ts';
import { directory, trustFiles } from '../certs-dir.ts';
import type { Finder, Look, Trust } from '../target.ts';

/** Returns buildkitd.toml (docs.docker.com/build/buildkit/toml-configuration). */
export function buildkitdToml(name: string, trust: Trust, ca: string[]): string {
  const lines = [`[registry."${name}"]`];
  if (trust.kind === 'http') lines.push('  http = true');
  if (ca.length > 0) lines.push(`  ca = [${ca.map((path) => `"${path}"`).join(', ')}]`);
  return `${lines.join('\n')}\n`;
}

/** Returns the directory of the builders' files for the registry. */
export const folderOf = ({ person, env, request }: Pick<Look, 'person' | 'env' | 'request'>) =>
  join(env.XDG_CONFIG_HOME || join(person.home, '.config'), 'registry-setup', request.name.replace(':', '_'));

async function resources(look: Look, trust: Trust): Promise<Resource[]> {
  if (trust.kind === 'public') return [];
  const { made, request } = look;
  const folder = folderOf(look);
  const files = trust.kind === 'roots' ? trustFiles(folder, 'ca', trust.roots, made) : [];
  const ca = files.flatMap((file) => (file.kind === 'file' ? file.path : []));
  const content = buildkitdToml(request.name, trust, ca);
  return [
    directory(folder, made),
    ...files,
    { kind: 'file', path: join(folder, 'buildkitd.toml'), content, mode: 0o644 },
  ];
}

export const buildkit: Finder = async (look) => {
  if (!(await look.has('docker'))) return undefined;
  const { code, stdout } = await look.host.run('docker', ['buildx', 'ls']);
  if (code !== 0) return undefined;
  const builders = stdout
    .split('\n')
    .flatMap((line) => /^(\S+?)\*?\s+docker-container\b/.exec(line)?.[1] ?? []);
  if (builders.length === 0) return undefined;
  const file = join(folderOf(look), 'buildkitd.toml');
  return {
    name: 'buildkit',
    label: `BuildKit (${builders.join(', ')})`,
    note: 'takes effect when the builder is recreated',
    certs: join(folderOf(look), 'ca'),
    owns: [`${folderOf(look)}/`],
    resources: (trust) => resources(look, trust),
    after: builders.flatMap((name) => [
      `To make the builder ${name} read it, recreate the builder (its cache is lost):`,
      `  docker buildx rm ${name}; docker buildx create --name ${name} --driver docker-container --buildkitd-config ${file}`,
    ]),
  };
};
