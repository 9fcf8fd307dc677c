// podman, buildah and skopeo read the same files: certs.d, and a drop-in of registries.conf. They have no daemon to reload.
import { join } from 'node:path';
import { CliError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { leftOut } from '../../registry/no-proxy.ts';
import type { Resource } from '../../resources/resource.ts';
import { directory, trustFiles } from '../certs-dir.ts';
import { MARK } from '../mark.ts';
import type { Finder, LoginPlace, Look, Pull, Trust } from '../target.ts';
import { ownDockerLogins, pullWith } from './docker.ts';

const TOOLS = ['podman', 'buildah', 'skopeo'] as const;

/** Returns a drop-in of registries.conf (containers-registries.conf.d(5)). */
export function dropIn(name: string, insecure: boolean, mirror: boolean): string {
  const lines = [MARK];
  if (insecure) lines.push('[[registry]]', `location = "${name}"`, 'insecure = true');
  if (mirror)
    lines.push(
      '[[registry]]',
      'location = "docker.io"',
      '[[registry.mirror]]',
      `location = "${name}"`,
      ...(insecure ? ['insecure = true'] : []),
    );
  return `${lines.join('\n')}\n`;
}

/** Returns the directory of their files: the machine's, or this user's. */
const baseOf = ({ env, person }: Look) =>
  person.uid === 0
    ? '/etc/containers'
    : join(env.XDG_CONFIG_HOME || join(person.home, '.config'), 'containers');

async function resources({ host, request, made, ...look }: Look, trust: Trust): Promise<Resource[]> {
  const base = baseOf({ host, request, made, ...look });
  const certs =
    trust.kind === 'roots' ? trustFiles(join(base, 'certs.d'), request.name, trust.roots, made) : [];
  const insecure = trust.kind === 'http';
  if (!insecure && !request.mirror) return certs;
  const dir = join(base, 'registries.conf.d');
  const path = join(dir, `50-registry-setup-${request.name.replace(/[^\w.-]/g, '_')}.conf`);
  const content = dropIn(request.name, insecure, request.mirror);
  return [...certs, directory(dir, made), { kind: 'file', path, content, mode: 0o644 }];
}

/** Returns where podman stores logins: in the runtime directory, unless REGISTRY_AUTH_FILE is set (containers-auth.json(5)). */
function loginOf({ env, person }: Look, tool: LoginPlace['tool']): LoginPlace {
  const runtime = env.XDG_RUNTIME_DIR ? `${env.XDG_RUNTIME_DIR}/containers` : `/run/containers/${person.uid}`;
  return { tool, file: env.REGISTRY_AUTH_FILE || `${runtime}/auth.json` };
}

async function look(host: Host, tool: string, { image, name }: Pull): Promise<void> {
  const { code, stderr } = await host.run(tool, ['inspect', '--raw', `docker://${image}`]);
  if (code === 0 || /manifest unknown|name unknown/i.test(stderr)) return;
  throw new CliError(`${tool} could not look at ${name}.`, { why: stderr.trim() });
}

export const podman: Finder = async (all) => {
  const { host, env, has, request, person } = all;
  const here = await Promise.all(TOOLS.map(has));
  const tools = TOOLS.filter((_, i) => here[i]);
  const [tool] = tools;
  const { code, stdout } = tool ? await host.run(tool, ['--version']) : { code: 127, stdout: '' };
  if (!tool || code !== 0) return undefined;
  const version = /\d+(\.\d+)+/.exec(stdout)?.[0] ?? '';
  const base = baseOf(all);
  const own = join(env.XDG_CONFIG_HOME || join(person.home, '.config'), 'containers/registries.conf');
  const shadowed = person.uid === 0 && (await host.stat(own)) !== undefined;
  const proxied = env.HTTPS_PROXY || env.https_proxy || '';
  const noProxy = env.NO_PROXY || env.no_proxy || '';
  return {
    name: 'podman',
    label: [`${tool} ${version}`, ...tools.slice(1)].join(', '),
    certs: join(base, 'certs.d', request.name),
    owns: [`${base}/`],
    resources: (trust) => resources(all, trust),
    // Root cannot store another user's login: it is in that user's session.
    ...(!person.as && { login: loginOf(all, tool) }),
    // podman looks in the second file for what the first one lacks.
    reads: [loginOf(all, tool).file, ownDockerLogins(env)],
    prove: (pull) => (tool === 'skopeo' ? look(host, tool, pull) : pullWith(host, tool, pull)),
    ...(person.as && { after: [`As ${person.as}:   ${tool} login ${request.name}`] }),
    warnings: [
      ...(shadowed
        ? [`${own} is there: with it ${tool} does not read /etc/containers/registries.conf.d.`]
        : []),
      ...(proxied && !leftOut(noProxy, request.host, request.port)
        ? [`${tool} asks the proxy of this shell for it; add ${request.host} to NO_PROXY.`]
        : []),
    ],
  };
};
