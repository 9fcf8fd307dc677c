// The registry and docker_auth as containers: what they mount, and with which rights they run.
import type { Service } from '../../engines/types.ts';
import type { Resource } from '../../resources/resource.ts';
import type { Settings } from '../../settings/settings.ts';
import { templateText } from '../../templates.ts';
import type { PlanFacts } from './inputs.ts';
import { withLines } from './native.ts';

/** Where each directory is seen inside the container. */
export const INSIDE = { config: '/etc/registry', certs: '/certs', auth: '/auth', data: '/var/lib/registry' };

/** What the engine of a container adds to it. */
export function forEngine(service: Service, { engine }: Settings, { selinux }: PlanFacts): Service {
  const by = engine === 'podman' ? { engine } : {};
  // certs/ is read by two containers in token mode, everything else by one.
  const mounts = service.mounts.map((mount) =>
    selinux ? { ...mount, label: mount.target === INSIDE.certs ? ('z' as const) : ('Z' as const) } : mount,
  );
  return { ...service, mounts, ...by };
}

/** Docker starts its containers with the machine; podman has no process that could, so systemd is told to. */
export function containerOf(service: Service, digest: string, { keeper }: PlanFacts): Resource[] {
  const { name, owner, engine } = service;
  const container: Resource = { kind: 'container', service, digest };
  if (engine !== 'podman' || keeper === undefined || keeper === 'script') return [container];
  const own = keeper === 'own systemd' ? { own: true as const } : {};
  const text = withLines(templateText('podman.service'), {
    Description: `Private image registry in ${owner}: ${name}`,
    ExecStart: `/usr/bin/podman start ${name}`,
    ExecStop: `-/usr/bin/podman stop ${name}`,
    WantedBy: own.own ? 'default.target' : 'multi-user.target',
  });
  return [container, { kind: 'unit', name, text, ...own }];
}

/** More arguments for `docker run`, from facts: log rotation, user namespaces. */
export const runOptions = ({ logDriver, userns }: PlanFacts): string[] => [
  ...(logDriver === 'json-file' ? ['--log-opt', 'max-size=10m', '--log-opt', 'max-file=3'] : []),
  // podman's plain file, which it cuts by itself.
  ...(logDriver === 'k8s-file' ? ['--log-opt', 'max-size=10m'] : []),
  ...(userns ? ['--userns', 'host'] : []),
];
