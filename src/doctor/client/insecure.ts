// Tells which programs of this machine go without TLS for a registry, or take any certificate of it.
import { join } from 'node:path';
import { BASE } from '../../client/targets/containerd.ts';
import { isLoopback } from '../../host/firewall/firewall.ts';
import { bare } from '../../host/names.ts';
import type { Asked, CheckInput } from '../check.ts';
import { wireOf } from '../connection/wire.ts';
import { asked, dockerds, has } from '../found.ts';
import { insecureEntry } from './networks.ts';

/** What podman reads of registries.conf about a registry; undefined if it says nothing. (podman-info(1)) */
export const podmanRegistries = (
  input: CheckInput,
): Promise<{ registries: Record<string, { Insecure?: boolean }>; refusal: string | undefined }> =>
  asked(input, 'podman info', async () => {
    const none = { registries: {}, refusal: undefined };
    if (!(await has(input, 'podman'))) return none;
    const words = ['info', '--format', '{{json .Registries}}'];
    const { code, stdout, stderr } = await input.context.host.run('podman', words, { timeout: 10_000 });
    if (code !== 0) return { ...none, refusal: stderr.trim() };
    try {
      return { registries: JSON.parse(stdout) ?? {}, refusal: undefined };
    } catch {
      return none;
    }
  });

/** How a program reaches a registry. */
export interface Way {
  /** `Docker`, `podman`, `containerd` */
  program: string;
  /** It goes without TLS, or takes any certificate. */
  insecure: boolean;
  /** The entry that makes it so, or the place for one. */
  by: string;
}

/** Returns how each program of this machine that is known to reach registries would reach this one. */
export async function waysTo(input: CheckInput, registry: Asked): Promise<Way[]> {
  const { host } = input.context;
  const { at, address } = registry;
  const { ip } = await wireOf(input, registry);
  const docker = (await dockerds(input)).flatMap(({ daemon, info }): Way[] => {
    if (!info) return [];
    const entry = insecureEntry(info.insecure, address, ip);
    return [{ program: 'Docker', insecure: entry !== undefined, by: entry ?? daemon.config }];
  });
  const { registries, refusal } = await podmanRegistries(input);
  const podman: Way[] =
    (await has(input, 'podman')) && refusal === undefined
      ? [{ program: 'podman', insecure: registries[address]?.Insecure === true, by: address }]
      : [];
  const toml = (await host.read(join(BASE, address, 'hosts.toml')).catch(() => undefined))?.toString();
  const loose = /skip_verify\s*=\s*true|"http:\/\//.test(toml ?? '');
  const containerd: Way[] = toml
    ? [{ program: 'containerd', insecure: loose, by: join(BASE, address, 'hosts.toml') }]
    : [];
  // A loopback address needs no entry.
  if (isLoopback(ip ?? bare(at.host))) return [];
  return [...docker, ...podman, ...containerd];
}
