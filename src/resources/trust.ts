// A CA in the trust store of the system, which every program of the machine reads: only ever at the person's own wish.
import { dirname, join } from 'node:path';
import { restartCommand, restartDocker } from '../dockerd/daemon.ts';
import type { Daemon } from '../dockerd/types.ts';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { unifiedDiff } from '../terminal/diff.ts';
import { type Provider, teeLines, wayBackOfFile } from './provider.ts';

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

/** A CA in the trust store of the system; `restart`: a dockerd that has to read it, which it does at its start alone. */
export interface TrustResource {
  kind: 'trust';
  store: keyof typeof STORES;
  name: string;
  pem: string;
  restart?: Daemon;
}

type TrustStep = { do: 'trustStore'; store: keyof typeof STORES };

/** The store of this machine; undefined: it has none that is known here. */
export async function findStore(host: Host): Promise<keyof typeof STORES | undefined> {
  for (const [name, { dir }] of Object.entries(STORES)) {
    if ((await host.stat(dir))?.type === 'dir') return name as keyof typeof STORES;
  }
  return undefined;
}

/** Its file in the store. */
const pathOf = ({ store, name }: Pick<TrustResource, 'store' | 'name'>) =>
  join(STORES[store].dir, `${name}.${STORES[store].ending}`);

/** Makes the bundle of the system anew. */
async function updateStore(host: Host, store: keyof typeof STORES, removed = false): Promise<void> {
  const [command = '', ...args]: string[] = [...STORES[store].update];
  // Debian leaves the links of a CA that is gone, unless it makes all of them anew.
  if (removed && store === 'debian') args.push('--fresh');
  const { code, stderr } = await host.run(command, args);
  if (code !== 0) throw new CliError(`${command} failed.`, { why: stderr.trim() });
}

export const trust: Provider<TrustResource, TrustStep> = {
  title: (resource) => `${pathOf(resource)} in the trust store of the system`,
  id: ({ name }) => name,
  removed: (name) => name,
  shared: true,
  place: pathOf,

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
      ...(resource.restart && { restarts: resource.restart }),
    };
  },

  async undo(resource, host, vault) {
    const file = await wayBackOfFile(pathOf(resource), host, vault);
    return { steps: [file, { do: 'trustStore', store: resource.store }] };
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

  byHand: async (resource) => [
    ...teeLines(pathOf(resource), resource.pem),
    `sudo ${STORES[resource.store].update.join(' ')}`,
    ...(resource.restart ? [`sudo ${restartCommand(resource.restart).join(' ')}`] : []),
  ],

  steps: {
    trustStore: {
      perform: ({ store }, host) => updateStore(host, store, true),
      // It goes with its file.
      isLeft: async () => false,
      // After everything else is back, whichever way that was.
      inverse: async (step) => ({ steps: [], last: [step] }),
      words: () => 'and make the bundle of the system anew',
    },
  },
};
