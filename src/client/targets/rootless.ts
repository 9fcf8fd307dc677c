// Rootless Docker: this user's own dockerd, with its files below ~/.config/docker. Nothing here needs root.
import { dirname, join } from 'node:path';
import type { Daemon } from '../../dockerd/types.ts';
import type { Finder, Person } from '../target.ts';
import { askDaemon, dockerLogin, dockerResources, pullWith } from './docker.ts';

/** Returns the dockerd of a user; undefined for root, and without a session. */
export function ownDaemon(
  env: NodeJS.ProcessEnv,
  { uid, home }: Pick<Person, 'uid' | 'home'>,
): Daemon | undefined {
  if (uid === 0 || !env.XDG_RUNTIME_DIR) return undefined;
  const folder = join(env.XDG_CONFIG_HOME || join(home, '.config'), 'docker');
  return {
    config: join(folder, 'daemon.json'),
    certs: join(folder, 'certs.d'),
    unit: 'docker',
    uid,
    socket: `unix://${env.XDG_RUNTIME_DIR}/docker.sock`,
  };
}

export const rootless: Finder = async (look) => {
  const { host, env, request, person } = look;
  const daemon = ownDaemon(env, person);
  if (!daemon || !(await host.stat(`${env.XDG_RUNTIME_DIR}/docker.sock`))) return undefined;
  const info = await askDaemon(host, daemon);
  if (info === 'absent' || info === 'forbidden' || !info.rootless) return undefined;
  return {
    name: 'rootless',
    label: `rootless Docker ${info.version}`,
    note: 'no restart',
    certs: join(daemon.certs, request.name),
    owns: [`${dirname(daemon.config)}/`],
    resources: (trust) => dockerResources(look, daemon, trust, info),
    login: dockerLogin(look, daemon.socket),
    reads: [dockerLogin(look).file],
    prove: (pull) => pullWith(host, 'docker', pull, daemon),
  };
};
