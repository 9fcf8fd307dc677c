// nginx in front of the registry: its names, its network and its address on it.
import { join } from 'node:path';
import type { Service } from '../../engines/types.ts';
import type { Settings } from '../../settings/settings.ts';
import { digestOf } from '../../templates.ts';

/** What the plan must know of the machine and of the image. */
export interface GatewayFacts {
  /** The network that the containers share: `10.89.0.0/28`. */
  subnet: string;
  /** The user that nginx runs as: of this machine, with nothing of its own but the files of the gateway. */
  user: { uid: number; gid: number };
  /** The account of that user is to be added; undefined: nginx runs as the user who sets it up, who is not root. */
  account?: string;
  /** Undefined while the image is not here. */
  image?: ImageFacts | undefined;
}

/** What is known of an image of nginx, by its id: two programs are started to find it, so it is kept in a file. */
export interface ImageFacts {
  id: string;
  /** `1.27.4` */
  nginx: string;
  /** Its index.html, with the names of its variables in it; undefined if it has none. */
  page?: string | undefined;
}

/** The directory of its files inside the container. */
export const GATEWAY_INSIDE = '/etc/gateway';

/** Returns the name of its container. */
export const gatewayName = ({ name }: Pick<Settings, 'name'>): string => `${name}-gateway`;
/** Returns the directory of its files. */
export const gatewayFolder = (dir: string): string => join(dir, 'gateway');
/** Returns the file that shuts the registry for writes, or opens it. */
export const writesPath = (dir: string): string => join(gatewayFolder(dir), 'writes.conf');
/** Returns the file that says who may push; it is there while the gateway tells readers apart. */
export const writersPath = (dir: string): string => join(gatewayFolder(dir), 'writers.conf');
/** Returns the file with the digest of what nginx has read. */
export const loadedPath = (dir: string): string => join(gatewayFolder(dir), 'loaded');
/** Returns the file with what is known of the image. */
export const imageFactsPath = (dir: string): string => join(gatewayFolder(dir), 'image.json');
/** Returns the name of the network that it shares with the registry and docker_auth. */
export const networkName = ({ name }: Pick<Settings, 'name'>): string => `${name}-network`;

/** Returns the name of the user of this machine that nginx runs as: one for each registry. */
export const accountName = ({ name }: Pick<Settings, 'name'>): string =>
  name === 'registry' ? 'registry-gateway' : `registry-gw-${digestOf(name).slice(0, 8)}`;

/** The last number of each address; the engine itself takes 1. */
const PLACES = { registry: 2, auth: 3, gateway: 4 };

/** Returns the address of a container on the network. @param subnet ends with 0, or with another number that has room for 4 more */
export function addressOf(subnet: string, role: keyof typeof PLACES): string {
  const [, start = '', last = '0'] = /^(.*\.)(\d+)\//.exec(subnet) ?? [];
  return `${start}${Number(last) + PLACES[role]}`;
}

/**
 * Returns the place of a container on the network. The address stays, so that nginx finds a container that was replaced. With podman the
 * hardware address stays, too: the kernel would send to the former one for up to half a minute.
 */
export function placeOn(
  { subnet }: Pick<GatewayFacts, 'subnet'>,
  settings: Pick<Settings, 'name' | 'engine'>,
  role: keyof typeof PLACES,
): NonNullable<Service['network']> {
  const ip = addressOf(subnet, role);
  const hex = ip.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  return {
    name: networkName(settings),
    ip,
    ...(settings.engine === 'podman' && { mac: ['02', '42', ...hex].join(':') }),
  };
}
