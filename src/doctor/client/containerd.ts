// Checks that containerd reads its directory of registries where Kubernetes asks it.
import { BASE, CONFIG, HOW_TO_READ, readsBase } from '../../client/targets/containerd.ts';
import type { Check, CheckInput, Trouble } from '../check.ts';
import { has, trouble } from '../found.ts';

async function look(input: CheckInput): Promise<Trouble[]> {
  const { host } = input.context;
  const [crictl, kubelet, names, config] = await Promise.all([
    has(input, 'crictl'),
    has(input, 'kubelet'),
    host.list(BASE).catch(() => []),
    host.read(CONFIG).catch(() => undefined),
  ]);
  // Kubernetes alone needs the line: nerdctl reads the directory by itself.
  if (names.length === 0 || !(crictl || kubelet) || readsBase(config?.toString() ?? '')) return [];
  return [
    trouble('containerd-config-path', `Kubernetes does not read ${BASE}: ${CONFIG} does not name it.`, {
      mend: HOW_TO_READ,
    }),
  ];
}

/** Reports a directory of registries that Kubernetes does not read. */
export const containerdFiles: Check = {
  code: 'containerd',
  subject: 'files',
  title: 'containerd reads its directory of registries',
  on: 'both',
  look,
};
