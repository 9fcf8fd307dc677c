// Docker Desktop, on Linux, macOS and Windows: files below ~/.docker, which the app copies into its machine when it starts.
import { join } from 'node:path';
import type { Daemon } from '../../dockerd/types.ts';
import type { Finder } from '../target.ts';
import { askDefault, dockerLogin, dockerResources } from './docker.ts';

export const desktop: Finder = async (look) => {
  const { request, person } = look;
  const info = await askDefault(look);
  if (info === 'absent' || info === 'forbidden' || info.system !== 'Docker Desktop') return undefined;
  const folder = join(person.home, '.docker');
  const daemon: Daemon = {
    config: join(folder, 'daemon.json'),
    certs: join(folder, 'certs.d'),
    unit: 'docker',
    uid: person.uid,
    app: true,
  };
  // A path on Windows cannot have a colon; Docker looks for the name without it.
  const here =
    process.platform === 'win32'
      ? { ...look, request: { ...request, folder: request.name.replace(':', '') } }
      : look;
  return {
    name: 'desktop',
    label: `Docker Desktop (${info.version})`,
    note: 'takes effect when the app is restarted',
    certs: join(daemon.certs, here.request.folder ?? request.name),
    owns: [`${folder}/`],
    resources: (trust) => dockerResources(here, daemon, trust, info),
    login: dockerLogin(look),
    reads: [dockerLogin(look).file],
    after: ['Restart Docker Desktop: it reads these files when it starts.'],
  };
};
