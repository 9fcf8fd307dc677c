// A CA in the trust store of the system, which every program on the machine reads: only if the user asks for it.
import { dirname, join } from 'node:path';
import { restartCommand, restartDocker } from '../dockerd/daemon.ts';
import type { Daemon } from '../dockerd/types.ts';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { unifiedDiff } from '../terminal/diff.ts';
import { type Provider, teeLines, wayBackOfFile } from './provider.ts';

/** Where each kind of system reads CAs from, and the command that rebuilds its bundle. The first whose directory exists is used. */
export const STORES = {
  debian: {
    dir: '/usr/local/share/ca-certificates',
    ending: 'crt',
    update: ['update-ca-certificates'],
    bundle: '/etc/ssl/certs/ca-certificates.crt',
  },
  redhat: {
    dir: '/etc/pki/ca-trust/source/anchors',
    ending: 'pem',
    update: ['update-ca-trust', 'extract'],
    bundle: '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  },
  suse: {
    dir: '/usr/share/pki/trust/anchors',
    ending: 'pem',
    update: ['update-ca-certificates'],
    bundle: '/var/lib/ca-certificates/ca-bundle.pem',
  },
  arch: {
    dir: '/etc/ca-certificates/trust-source/anchors',
    ending: 'crt',
    update: ['trust', 'extract-compat'],
    bundle: '/etc/ca-certificates/extracted/tls-ca-bundle.pem',
  },
} as const;

/** A CA in the trust store of the system; `restart`: a dockerd that must read the CA, which it does only when it starts. */
export interface TrustResource {
  kind: 'trust';
  store: keyof typeof STORES;
  name: string;
  pem: string;
  restart?: Daemon;
}

/** `name`, `pem`: the CA that was put there. */
type TrustStep = { do: 'trustStore'; store: keyof typeof STORES; name?: string; pem?: string };

/** Returns the store of this machine; undefined if it has none of these. */
export async function findStore(host: Host): Promise<keyof typeof STORES | undefined> {
  for (const [name, { dir }] of Object.entries(STORES)) {
    if ((await host.stat(dir))?.type === 'dir') return name as keyof typeof STORES;
  }
  return undefined;
}

/** Returns the CA's file in the store. */
const pathOf = ({ store, name }: Pick<TrustResource, 'store' | 'name'>) =>
  join(STORES[store].dir, `${name}.${STORES[store].ending}`);

/** Rebuilds the bundle of the system. @throws CliError if the command fails */
async function updateStore(host: Host, store: keyof typeof STORES, removed = false): Promise<void> {
  const [command = '', ...args]: string[] = [...STORES[store].update];
  // Debian keeps the links of a removed CA, unless it recreates all of them.
  if (removed && store === 'debian') args.push('--fresh');
  const { code, stderr } = await host.run(command, args);
  if (code !== 0) throw new CliError(`${command} failed.`, { why: stderr.trim() });
}

const base64 = (pem: string) => pem.replace(/-----[^-]*-----|\s/g, '');
/** Debian's links to the CAs, by the names of their files. (update-ca-certificates(8)) */
const LINKS = '/etc/ssl/certs';

/** Tells whether the bundle of the system has the CA as its file says: then there is nothing to rebuild. */
async function isAsFiles({ store, name, pem }: TrustStep, host: Host): Promise<boolean> {
  if (name === undefined || pem === undefined) return false;
  const [bundle, file] = await Promise.all([
    host.read(STORES[store].bundle),
    host.read(pathOf({ store, name })),
  ]);
  if (!bundle) return false;
  const all = base64(bundle.toString());
  const added = base64(pem);
  const now = file && base64(file.toString());
  if (now === undefined && store === 'debian' && (await host.list(LINKS)).includes(`${name}.pem`))
    return false;
  return (now === undefined || all.includes(now)) && (now === added || !all.includes(added));
}

export const trust: Provider<TrustResource, TrustStep> = {
  title: (resource) => `${pathOf(resource)} in the system trust store`,
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
    const { store, name, pem } = resource;
    return { steps: [file, { do: 'trustStore', store, name, pem }] };
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
      perform: async (step, host) =>
        (await isAsFiles(step, host)) ? undefined : updateStore(host, step.store, true),
      // The undo step of the file tells whether the CA is left.
      isLeft: async () => false,
      // Last in both directions, when all files are in place.
      inverse: async (step) => ({ steps: [], last: [step] }),
      words: () => 'and rebuild the certificate bundle of the system',
    },
  },
};
