// Docker from the snap: it does not see /etc/docker, and has its own copy of those directories.
import { join } from 'node:path';
import type { Daemon } from '../../dockerd/types.ts';
import type { Finder } from '../target.ts';
import { askDaemon, dockerLogin, dockerResources, pullWith } from './docker.ts';

const CURRENT = '/var/snap/docker/current';
export const SNAP: Daemon = {
  config: `${CURRENT}/config/daemon.json`,
  certs: `${CURRENT}/etc/docker/certs.d`,
  unit: 'snap.docker.dockerd',
  uid: 0,
};

export const snap: Finder = async (look) => {
  const { host, request } = look;
  if (!(await host.stat(CURRENT))) return undefined;
  const info = await askDaemon(host, SNAP);
  if (info === 'absent' || info === 'forbidden' || !info.root.startsWith('/var/snap')) return undefined;
  return {
    name: 'snap',
    label: `Docker ${info.version} (snap)`,
    note: 'no restart',
    certs: join(SNAP.certs, request.name),
    owns: [`${CURRENT}/`],
    resources: (trust) => dockerResources(look, SNAP, trust, info),
    login: dockerLogin(look),
    reads: [dockerLogin(look).file],
    prove: (pull) => pullWith(host, 'docker', pull, look.person),
  };
};
