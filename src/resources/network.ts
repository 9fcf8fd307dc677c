// A network of the set-up in its engine, with addresses that stay.
import { createNetwork, inspectNetwork, removeNetwork } from '../engines/networks.ts';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Program } from '../settings/settings.ts';
import { shellLine } from '../terminal/shell.ts';
import { type Provider, WHEN_OVER } from './provider.ts';

export interface NetworkResource {
  kind: 'network';
  name: string;
  /** `10.89.0.0/28` */
  subnet: string;
  /** The directory of the set-up that it belongs to. */
  owner: string;
  /** Docker by default. */
  engine?: Program;
}

type NetworkStep = { do: 'network'; name: string; owner: string; engine?: Program };

/** Returns the network of that name. @throws CliError (exit 2) if this set-up did not make it */
async function ours({ name, owner, engine }: Omit<NetworkResource, 'subnet'>, host: Host) {
  const there = await inspectNetwork(host, name, engine);
  if (there && there.owner !== owner)
    throw new CliError(`The network "${name}" was not made by this set-up.`, {
      fix: shellLine(engine ?? 'docker', ['network', 'rm', name]),
      exitCode: 2,
    });
  return there;
}

export const network: Provider<NetworkResource, NetworkStep> = {
  title: ({ name }) => `network ${name}`,
  id: ({ name }) => name,
  engine: ({ engine }) => engine,
  removed: (name) => `network ${name}`,
  review: (changes) =>
    changes.map(({ title, drift }) => `${drift.what === 'remove' ? 'remove' : 'make'} the ${title}`),

  async check(resource, host) {
    const there = await ours(resource, host);
    if (there?.subnet === resource.subnet) return undefined;
    const { name, subnet, engine } = resource;
    const line = shellLine(engine ?? 'docker', ['network', 'create', '--subnet', subnet, name]);
    return { what: there ? 'change' : 'create', details: [line] };
  },

  async undo(resource, host) {
    const { name, owner, engine } = resource;
    const there = await ours(resource, host);
    return { steps: there ? [] : [{ do: 'network', name, owner, ...(engine && { engine }) }] };
  },

  async apply(resource, host) {
    const there = await ours(resource, host);
    if (there?.subnet === resource.subnet) return;
    if (there) await removeNetwork(host, resource.name, resource.engine);
    await createNetwork(host, resource);
  },

  steps: {
    network: {
      async perform({ name, owner, engine }, host) {
        const there = await inspectNetwork(host, name, engine);
        if (there?.owner === owner) await removeNetwork(host, name, engine);
      },
      isLeft: async ({ name, owner, engine }, host) =>
        (await inspectNetwork(host, name, engine))?.owner === owner,
      // A container that is set aside is started in it again if the run fails.
      ...WHEN_OVER,
      words: ({ name, engine = 'docker' }) => `${engine} network rm ${name}`,
    },
  },
};
