// Finds the private registries that this machine's Docker and podman are set up for, whoever did that.
import { ownDockerLogins } from '../client/targets/docker.ts';
import { parseDaemonJson } from '../dockerd/daemon-json.ts';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { type Address, nameOf, parseAddress } from '../settings/address.ts';
import { isPublic } from './explain/message.ts';

/** How many are asked at most: a machine may have gathered hundreds. */
const MOST = 10;

/** Returns the registries of directories with certificates, of insecure entries and of logins; each once, as images name them. */
export async function registriesNamed(host: Host, env: NodeJS.ProcessEnv): Promise<Address[]> {
  const names = await Promise.all([
    directories(host),
    insecure(host, '/etc/docker/daemon.json'),
    logins(host, ownDockerLogins(env)),
  ]);
  const all = new Map<string, Address>();
  for (const name of names.flat()) {
    const at = parseAddress(name.includes(':') ? name : `${name}:443`);
    // A file of one's own may name networks, paths, or anything else.
    if (name.includes('/') || 'message' in at || isPublic({ place: nameOf(at) })) continue;
    all.set(nameOf(at), at);
  }
  return [...all.values()].slice(0, MOST);
}

const directories = async (host: Host): Promise<string[]> =>
  (
    await Promise.all(
      ['/etc/docker/certs.d', '/etc/containers/certs.d'].map((dir) => host.list(dir).catch(() => [])),
    )
  ).flat();

/** Reads the file of a daemon. That it is broken is what another check reports. */
async function insecure(host: Host, path: string): Promise<string[]> {
  try {
    const { value } = parseDaemonJson(await host.read(path), path);
    const list = value['insecure-registries'];
    return Array.isArray(list) ? list.filter((entry) => typeof entry === 'string') : [];
  } catch (error) {
    if (error instanceof CliError || (error as NodeJS.ErrnoException).code) return [];
    throw error;
  }
}

async function logins(host: Host, path: string): Promise<string[]> {
  try {
    const { auths } = JSON.parse((await host.read(path))?.toString() ?? '{}');
    return Object.keys(auths ?? {});
  } catch {
    return [];
  }
}
