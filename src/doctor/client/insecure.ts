// Tells which programs of this machine go without TLS for a registry, or take any certificate of it.
import { BlockList, isIP } from 'node:net';
import { join } from 'node:path';
import { BASE } from '../../client/targets/containerd.ts';
import { bare } from '../../host/names.ts';
import type { Asked, CheckInput } from '../check.ts';
import { wireOf } from '../connection/wire.ts';
import { asked, dockerds, has } from '../found.ts';

/** Tells whether an address is in a network: `10.0.0.0/8`. */
export function isWithin(address: string, network: string): boolean {
  const [, range = '', bits] = /^(.*)\/(\d+)$/.exec(network) ?? [];
  const family = isIP(address);
  if (bits === undefined || !family || isIP(range) !== family) return false;
  const kind = family === 6 ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  try {
    list.addSubnet(range, Number(bits), kind);
  } catch {
    return false;
  }
  return list.check(address, kind);
}

/**
 * Returns the entry by which dockerd takes any certificate of a registry, or none: the registry itself, or a network with its address.
 * (docs.docker.com/reference/cli/dockerd, "Insecure registries")
 * @param name as in an image's name @param ip undefined if the name leads nowhere
 */
export function insecureEntry(entries: string[], name: string, ip: string | undefined): string | undefined {
  return entries.find((entry) => {
    const plain = entry.replace(/^https?:\/\//, '');
    return plain === name || (ip !== undefined && isWithin(ip, plain));
  });
}

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
  const { registries } = await podmanRegistries(input);
  const podman: Way[] = (await has(input, 'podman'))
    ? [{ program: 'podman', insecure: registries[address]?.Insecure === true, by: address }]
    : [];
  const toml = (await host.read(join(BASE, address, 'hosts.toml')).catch(() => undefined))?.toString();
  const loose = /skip_verify\s*=\s*true|"http:\/\//.test(toml ?? '');
  const containerd: Way[] = toml
    ? [{ program: 'containerd', insecure: loose, by: join(BASE, address, 'hosts.toml') }]
    : [];
  // A loopback address needs no entry.
  if (/^(127\.|::1$)/.test(ip ?? bare(at.host))) return [];
  return [...docker, ...podman, ...containerd];
}
