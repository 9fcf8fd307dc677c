// A CA in the trust store of the system, which every program of the machine reads: only ever at the person's own wish.
import { dirname, join } from 'node:path';
import { restartDocker } from '../dockerd/daemon.ts';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { unifiedDiff } from '../terminal/diff.ts';
import type { Provider, ResourceOf } from './resource.ts';
import type { UndoStep } from './undo.ts';

/** Where each kind of system takes CAs from, and what makes its bundle anew. The first whose directory is there. */
export const STORES = {
  debian: { dir: '/usr/local/share/ca-certificates', ending: 'crt', update: ['update-ca-certificates'] },
  redhat: { dir: '/etc/pki/ca-trust/source/anchors', ending: 'pem', update: ['update-ca-trust', 'extract'] },
  suse: { dir: '/usr/share/pki/trust/anchors', ending: 'pem', update: ['update-ca-certificates'] },
  arch: {
    dir: '/etc/ca-certificates/trust-source/anchors',
    ending: 'crt',
    update: ['trust', 'extract-compat'],
  },
} as const;

/** The store of this machine; undefined: it has none that is known here. */
export async function findStore(host: Host): Promise<keyof typeof STORES | undefined> {
  for (const [name, { dir }] of Object.entries(STORES)) {
    if ((await host.stat(dir))?.type === 'dir') return name as keyof typeof STORES;
  }
  return undefined;
}

/** Its file in the store. */
export const pathOf = ({ store, name }: Pick<ResourceOf<'trust'>, 'store' | 'name'>) =>
  join(STORES[store].dir, `${name}.${STORES[store].ending}`);

/** Makes the bundle of the system anew. */
export async function updateStore(host: Host, store: keyof typeof STORES, removed = false): Promise<void> {
  const [command = '', ...args]: string[] = [...STORES[store].update];
  // Debian leaves the links of a CA that is gone, unless it makes all of them anew.
  if (removed && store === 'debian') args.push('--fresh');
  const { code, stderr } = await host.run(command, args);
  if (code !== 0) throw new CliError(`${command} failed.`, { why: stderr.trim() });
}

export const trust: Provider<ResourceOf<'trust'>> = {
  title: (resource) => `${pathOf(resource)} in the trust store of the system`,

  async check(resource, host) {
    const path = pathOf(resource);
    const before = (await host.read(path))?.toString();
    if (before === resource.pem) return undefined;
    const restart = resource.restart ? [`systemctl restart ${resource.restart.unit}`] : [];
    return {
      what: before === undefined ? 'create' : 'change',
      details: [
        ...unifiedDiff(path, before, resource.pem),
        STORES[resource.store].update.join(' '),
        ...restart,
      ],
    };
  },

  async undo(resource, host, vault) {
    const path = pathOf(resource);
    const [there, bytes] = await Promise.all([host.stat(path), host.read(path)]);
    const update: UndoStep = { do: 'trustStore', store: resource.store };
    if (!there || !bytes) return { steps: [{ do: 'remove', path }, update] };
    const { mode, uid, gid } = there;
    return { steps: [{ do: 'restore', path, copy: await vault.keep(bytes), mode, uid, gid }, update] };
  },

  async apply(resource, host, report) {
    const path = pathOf(resource);
    if (!(await host.stat(dirname(path)))) await host.mkdir(dirname(path), 0o755);
    await host.write(path, resource.pem, { mode: 0o644 });
    await updateStore(host, resource.store);
    if (!resource.restart) return;
    report?.('restarting Docker');
    await restartDocker(host, resource.restart);
  },
};
