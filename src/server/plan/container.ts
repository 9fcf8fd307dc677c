// Plans the registry and docker_auth as containers: what they mount, and with which rights they run.
import type { Service } from '../../engines/types.ts';
import { unitValue } from '../../host/systemd.ts';
import type { Resource } from '../../resources/resource.ts';
import { hasGateway } from '../../settings/gateway.ts';
import type { Settings } from '../../settings/settings.ts';
import { hasDockerAuth } from '../../settings/token-server.ts';
import { templateText } from '../../templates.ts';
import { authName } from '../auth/docker-auth.ts';
import { gatewayName } from '../gateway/gateway.ts';
import type { PlanFacts } from './inputs.ts';
import { withLines } from './native.ts';

/** The path of each directory inside the container. */
export const INSIDE = { config: '/etc/registry', certs: '/certs', auth: '/auth', data: '/var/lib/registry' };

/** Returns the names that the containers of a registry have, whether it has all of them or not. */
export const namesOf = ({ name }: Pick<Settings, 'name'>) => ({
  registry: name,
  auth: authName({ name }),
  gateway: gatewayName({ name }),
});

/** Returns the names of the containers of a registry: its own first, that of the gateway last. */
export function containerNames(settings: Settings): string[] {
  const { registry, auth, gateway } = namesOf(settings);
  return [registry, ...(hasDockerAuth(settings) ? [auth] : []), ...(hasGateway(settings) ? [gateway] : [])];
}

/** Adds the engine to a container, and SELinux labels to its mounts. */
export function forEngine(service: Service, { engine }: Settings, { selinux }: PlanFacts): Service {
  const by = engine === 'podman' ? { engine } : {};
  // In token mode two containers read certs/; one container uses everything else.
  const mounts = service.mounts.map((mount) =>
    selinux ? { ...mount, label: mount.target === INSIDE.certs ? ('z' as const) : ('Z' as const) } : mount,
  );
  return { ...service, mounts, ...by };
}

/** Returns the container. Docker starts it with the machine; podman has no process for that, so a systemd unit does. */
export function containerOf(service: Service, digest: string, { serviceManager }: PlanFacts): Resource[] {
  const { name, owner, engine } = service;
  const container: Resource = { kind: 'container', service, digest };
  if (engine !== 'podman' || serviceManager === undefined || serviceManager === 'script') return [container];
  const own = serviceManager === 'own systemd' ? { own: true as const } : {};
  const text = withLines(templateText('podman.service'), {
    Description: unitValue(`Private image registry in ${owner}: ${name}`),
    ExecStart: `/usr/bin/podman start ${name}`,
    ExecStop: `-/usr/bin/podman stop ${name}`,
    WantedBy: own.own ? 'default.target' : 'multi-user.target',
  });
  return [container, { kind: 'unit', name, text, ...own, engine }];
}

/** Returns more arguments for `docker run`, from facts: log rotation, user namespaces. */
export const runOptions = ({ logDriver, userns }: PlanFacts): string[] => [
  ...(logDriver === 'json-file' ? ['--log-opt', 'max-size=10m', '--log-opt', 'max-file=3'] : []),
  // podman's plain log file, which podman cuts by itself.
  ...(logDriver === 'k8s-file' ? ['--log-opt', 'max-size=10m'] : []),
  ...(userns ? ['--userns', 'host'] : []),
];
