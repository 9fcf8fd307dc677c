// Something of ours that is no longer wanted: it goes back to what was there before us.
import type { Daemon } from '../dockerd/types.ts';
import { MANAGERS, type Manager } from '../engines/packages.ts';
import { closeCommand, openCommand, titleOf } from '../host/firewall/firewall.ts';
import type { Opening } from '../host/firewall/types.ts';
import type { Provider, ResourceOf } from '../resources/resource.ts';
import type { UndoStep } from '../resources/undo.ts';
import type { Program } from '../settings/settings.ts';
import { inverse, performReversibly, wouldChange } from './undo.ts';

interface By {
  engine?: Program;
}

const words: Record<UndoStep['do'], (step: never) => string> = {
  restore: ({ path }: { path: string }) => `put ${path} back as it was`,
  remove: ({ path }: { path: string }) => `rm ${path}`,
  rmdir: ({ path }: { path: string }) => `rmdir ${path}      (if it is empty)`,
  chmod: ({ path, mode }: { path: string; mode: number }) => `chmod ${mode.toString(8)} ${path}`,
  container: ({ name, engine = 'docker' }: By & { name: string }) => `${engine} rm -fv ${name}`,
  start: ({ id, engine = 'docker' }: By & { id: string }) => `${engine} start ${id.slice(0, 12)}`,
  discard: ({ id, engine = 'docker' }: By & { id: string }) => `${engine} rm -fv ${id.slice(0, 12)}`,
  removeTree: ({ path }: { path: string }) => `rm -r ${path}`,
  rename: ({ from, to }: { from: string; to: string }) => `mv ${from} ${to}`,
  timer: ({ name, on, own }: { name: string; on: boolean; own?: true }) =>
    `systemctl ${own ? '--user ' : ''}${on ? 'enable' : 'disable'} --now ${name}.timer`,
  daemonJson: ({ daemon, directive, entry, present }: UndoStep & { do: 'daemonJson' }) =>
    `${daemon.config}: ${entry} ${present ? 'back in' : 'out of'} ${directive}`,
  restart: ({ daemon }: { daemon: Daemon }) => `systemctl daemon-reload; systemctl restart ${daemon.unit}`,
  trustStore: () => 'and make the bundle of the system anew',
  line: ({ path, line }: { path: string; line: string }) => `${path}: without the line "${line}"`,
  firewall: ({ opening, present }: { opening: Opening; present: boolean }) =>
    present ? openCommand(opening) : closeCommand(opening),
  login: ({ tool, registry }: { tool: string; registry: string }) => `${tool} logout ${registry}`,
  image: ({ ref, engine = 'docker' }: By & { ref: string }) =>
    `${engine} rmi ${ref}      (if nothing else uses it)`,
  package: ({ manager, name }: { manager: Manager; name: string }) =>
    MANAGERS[manager].remove([name]).join(' '),
  engine: ({ units }: UndoStep & { do: 'engine' }) => {
    const of = (was: 'active' | 'enabled') => units.filter((unit) => !unit[was]).map(({ name }) => name);
    return [
      ...(of('active').length > 0 ? [`stop ${of('active').join(' ')}`] : []),
      ...(of('enabled').length > 0 ? [`disable ${of('enabled').join(' ')}`] : []),
    ].join('; ');
  },
  account: ({ name }: { name: string }) => `userdel ${name}`,
  owner: ({ path, uid }: { path: string; uid: number }) => `chown -R ${uid} ${path}`,
  unit: ({ name, on, own }: { name: string; on: boolean; own?: true }) =>
    `systemctl ${own ? '--user ' : ''}${on ? 'enable' : 'disable'} --now ${name}.service`,
  testImage: ({ repository }: { repository: string }) => `remove the test image ${repository}`,
  process: ({ script }: { script: string }) => `kill $(cat ${script.replace(/\.sh$/, '.pid')})`,
};

/** A rule's key is all of it, and nothing to read. */
const ruleTitle = ([step]: UndoStep[]) => (step?.do === 'firewall' ? titleOf(step.opening) : undefined);

export const gone: Provider<ResourceOf<'gone'>> = {
  title: ({ of, undo: { steps } }) =>
    ruleTitle(steps) ??
    of
      .replace(/^(dir|file|kept|daemonJson|moved|trust):/, '')
      .replace(/^hosts:(.*)/, 'line for $1 in the hosts file')
      .replace(/^package:/, 'package ')
      .replace(/^engine$/, 'Docker')
      .replace(/^account:/, 'user ')
      .replace(/^owner:/, 'ownership of ')
      .replace(/^process:/, 'background process ')
      .replace(/^unit:/, 'service ')
      .replace(/^(podman )?(image|container|timer|login):/, '$1$2 ')
      .replace(/^program:/, 'copy of this program in '),

  async check({ undo }, host) {
    const left: UndoStep[] = [];
    for (const step of undo.steps) if (await wouldChange(step, host)) left.push(step);
    if (left.length === 0) return undefined;
    return { what: 'remove', details: left.map((step) => words[step.do](step as never)) };
  },

  async undo({ undo }, host, vault) {
    const parts = [];
    for (const step of undo.steps) parts.push(await inverse(step, host, vault));
    return {
      steps: parts.flatMap((part) => part.steps).toReversed(),
      last: parts.flatMap((part) => part.last ?? []),
      cleanup: parts.flatMap((part) => part.cleanup ?? []),
    };
  },

  async apply({ undo }, host) {
    for (const step of undo.steps) await performReversibly(step, host);
  },
};
