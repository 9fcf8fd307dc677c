// The trust store of the system: every program on this machine then trusts the CA for every name. Only if the user names it.
import type { Daemon } from '../../dockerd/types.ts';
import { CliError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import type { Resource } from '../../resources/resource.ts';
import { findStore, STORES, trust as trustProvider } from '../../resources/trust.ts';
import type { Finder, Trust } from '../target.ts';

/** Returns the roots as resources of the store, with files named by fingerprint, so that several fit. @throws CliError (exit 2) without a store */
export async function storeResources(host: Host, trust: Trust, restart?: Daemon): Promise<Resource[]> {
  if (trust.kind !== 'roots') return [];
  const store = await findStore(host);
  if (!store) throw new CliError('The trust store of this system is unknown.', { exitCode: 2 });
  return trust.roots.map((root, i, { length }): Resource => {
    const short = root.fingerprint256.replaceAll(':', '').slice(0, 12).toLowerCase();
    const last = restart && i === length - 1 ? { restart } : {};
    return { kind: 'trust', store, name: `registry-setup-${short}`, pem: root.toString(), ...last };
  });
}

/** Tells whether the store has all of them already. */
export async function inStore(host: Host, resources: Resource[]): Promise<boolean> {
  const missing = await Promise.all(
    resources.map((resource) => resource.kind === 'trust' && trustProvider.check(resource, host)),
  );
  return missing.every((drift) => !drift);
}

export const system: Finder = async ({ host }) => {
  const store = await findStore(host);
  if (!store) return undefined;
  return {
    name: 'system',
    label: 'the system trust store',
    note: 'every program trusts it',
    certs: STORES[store].dir,
    owns: ['registry-setup-'],
    resources: (trust) => storeResources(host, trust),
    after: ['A running Docker reads the trust store only when it starts: systemctl restart docker'],
  };
};
