// What takes root and is not ours to do as this user: the exact commands, each with sudo by itself.
import { dirname } from 'node:path';
import { reloadCommand, restartCommand } from '../dockerd/daemon.ts';
import { addToList, removeFromList } from '../dockerd/daemon-json.ts';
import type { Daemon } from '../dockerd/types.ts';
import type { Host } from '../host/host.ts';
import type { Change } from '../reconcile/reconcile.ts';
import { merged } from '../resources/dockerd-flags.ts';
import { pathOf, STORES } from '../resources/trust.ts';
import { shellLine } from '../terminal/shell.ts';
import type { Person } from './target.ts';

/** Where a change is made; undefined: not in a file. */
function placeOf({ resource }: Change): string | undefined {
  if ('path' in resource) return resource.path;
  if (resource.kind === 'daemonJson' || resource.kind === 'moved') return resource.daemon.config;
  if (resource.kind === 'trust') return '/usr/local/share';
  return resource.kind === 'gone' ? resource.of.replace(/^[^/]*/, '') : undefined;
}

/** Whether root alone may make it. */
export function needsRoot(change: Change, { uid, home }: Person): boolean {
  const place = placeOf(change);
  return (
    uid !== 0 && Boolean(place) && !place?.startsWith(`${home}/`) && !place?.startsWith(`/run/user/${uid}/`)
  );
}

const tee = (path: string, content: string) => [
  `sudo tee ${shellLine(path, [])} >/dev/null <<'END'`,
  ...content.trimEnd().split('\n'),
  'END',
];

const after = (command: readonly string[], restart: Daemon | undefined) =>
  [command, ...(restart ? [restartCommand(restart)] : [])].map((words) => `sudo ${words.join(' ')}`);

/** The commands for one change; they leave mode and owner of what is there. */
export async function pasteLines({ resource, drift }: Change, host: Host): Promise<string[]> {
  switch (resource.kind) {
    case 'dir':
      return [`sudo mkdir -p ${shellLine(resource.path, [])}`];
    case 'file':
      return tee(resource.path, resource.content);
    case 'hosts':
      return [
        `echo '${resource.address} ${resource.name} # registry-setup' | sudo tee -a ${resource.path} >/dev/null`,
      ];
    case 'daemonJson': {
      const { daemon, directive, entry, present } = resource;
      const bytes = await host.read(daemon.config);
      const edit = present ? addToList : removeFromList;
      const after = edit(bytes ?? Buffer.from('{}\n'), directive, entry, daemon.config);
      const made = bytes ? [] : [`sudo mkdir -p ${dirname(daemon.config)}`];
      return [...made, ...tee(daemon.config, after.toString()), `sudo ${reloadCommand(daemon).join(' ')}`];
    }
    case 'trust':
      return [
        ...tee(pathOf(resource), resource.pem),
        ...after(STORES[resource.store].update, resource.restart),
      ];
    case 'moved': {
      const bytes = await host.read(resource.daemon.config);
      const files = [
        ...resource.edits,
        { path: resource.daemon.config, content: `${merged(resource, bytes)}` },
      ];
      const lines = files.flatMap(({ path, content }) => [
        `sudo mkdir -p ${dirname(path)}`,
        ...tee(path, content),
      ]);
      return [...lines, ...after(['systemctl', 'daemon-reload'], resource.daemon)];
    }
    default:
      return drift.details.map((line) => (/^(rm|rmdir) /.test(line) ? `sudo ${line}` : `# ${line}`));
  }
}
