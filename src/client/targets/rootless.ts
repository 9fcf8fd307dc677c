// Rootless Docker: this user's own dockerd, with its files below ~/.config/docker. Nothing here needs root.
import { join } from 'node:path';
import type { Daemon } from '../../dockerd/types.ts';
import type { Finder } from '../target.ts';
import { askDaemon, dockerLogin, dockerResources, pullWith } from './docker.ts';

export const rootless: Finder = async (look) => {
  const { host, env, request, person } = look;
  if (person.uid === 0 || !env.XDG_RUNTIME_DIR) return undefined;
  const path = `${env.XDG_RUNTIME_DIR}/docker.sock`;
  if (!(await host.stat(path))) return undefined;
  const folder = join(env.XDG_CONFIG_HOME || join(person.home, '.config'), 'docker');
  const daemon: Daemon = {
    config: join(folder, 'daemon.json'),
    certs: join(folder, 'certs.d'),
    unit: 'docker',
    uid: person.uid,
    socket: `unix://${path}`,
  };
  const info = await askDaemon(host, daemon);
  if (info === 'absent' || info === 'forbidden' || !info.rootless) return undefined;
  return {
    name: 'rootless',
    label: `rootless Docker ${info.version}`,
    note: 'no restart',
    certs: join(daemon.certs, request.name),
    owns: [`${folder}/`],
    resources: (trust) => dockerResources(look, daemon, trust, info),
    login: dockerLogin(look, daemon.socket),
    reads: [dockerLogin(look).file],
    prove: (pull) => pullWith(host, 'docker', pull, daemon),
  };
};
