// Tells what a removal is about: which registry, what of it is lost for good, what is kept.
import { join } from 'node:path';
import type { Host } from '../host/host.ts';
import { findImages, servedStorage } from '../server/plan/serving.ts';
import { addressedBy, publicAddress } from '../settings/public-address.ts';
import { readYaml } from '../templates.ts';

/** What settings.yml of the last run says, as far as it is known; a registry can be removed without it. */
export interface LastSettings {
  host: string;
  port?: number | undefined;
  storage: string;
  tls?: string | undefined;
  externalUrl?: string | undefined;
  /** All users who can log in, also those who only pull. */
  users: string[];
}

/** Returns what settings.yml says; nothing if it cannot be read, or is not a list of settings: the registry is removed all the same. */
async function readable(host: Host, file: string): Promise<Record<string, unknown>> {
  try {
    const found = readYaml((await host.read(file))?.toString() ?? '', file);
    return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** Reads settings.yml; uses defaults for what is missing. What runs knows better where the images are: the file may have been edited. */
export async function lastSettings(host: Host, dir: string): Promise<LastSettings> {
  const [known, served] = await Promise.all([
    readable(host, join(dir, 'settings.yml')),
    servedStorage(host, dir),
  ]);
  const word = (name: string) => (typeof known[name] === 'string' ? known[name] : undefined);
  const said = word('storage') ?? join(dir, 'data');
  return {
    host: word('host') ?? 'registry',
    port: Number(known.port) || undefined,
    storage: served ?? (await findImages(host, dir, [said, join(dir, 'data')])) ?? said,
    tls: word('tls'),
    externalUrl: addressedBy((name) => known[name]).externalUrl,
    users: [...names(known.user), ...new Set(names(known.reader).map((name) => name.split(':')[0] ?? ''))],
  };
}

const names = (list: unknown): string[] => (Array.isArray(list) ? list.map(String) : []);

export interface Stakes {
  /** `https://10.0.3.17:5000 (/opt/registry)` */
  registry: string;
  lost: string[];
  kept: string[];
}

/** Returns what a removal is about. @param images their directory, if there are any */
export async function stakesOf(
  settings: LastSettings,
  { dir, images, purge }: { dir: string; images: string | undefined; purge: boolean },
  host: Host,
): Promise<Stakes> {
  const isThere = async (path: string) => (await host.stat(join(dir, path))) !== undefined;
  const [ca, key, htpasswd, token] = await Promise.all(
    ['ca/ca.key', 'certs/site.key', 'auth/htpasswd', 'auth/auth_config.yml'].map(isThere),
  );
  const { port, tls, users, storage } = settings;
  const { host: called, externalUrl } = settings;
  const address = port
    ? publicAddress({ host: called, port, tls: tls ?? '', externalUrl }).origin
    : 'what registry-setup did';
  const whose = users.length > 3 ? `${users.length} users` : users.join(', ');
  return {
    registry: port ? `${address} (${dir})` : `${address} in ${dir}`,
    lost: [
      ...(ca ? ["the CA's key: after that every client needs a new CA"] : []),
      ...(key && tls === 'self-signed' ? ['the certificate: after that every client needs a new one'] : []),
      ...((htpasswd || token) && users.length > 0 ? [`the passwords of ${whose}`] : []),
      ...(purge && images ? [`all images in ${images}`] : []),
    ],
    kept: images && !purge ? [`the images in ${storage}`] : [],
  };
}

/** Returns `  Removes     https://10.0.3.17:5000 (/opt/registry)`, and a line for each thing below it. */
export function stakesLines({ removes, lost, kept }: { removes: string[]; lost: string[]; kept: string[] }) {
  const rows = { Removes: removes, 'For good': lost, Keeps: kept };
  return Object.entries(rows).flatMap(([title, list]) =>
    list.map((text, i) => `  ${(i === 0 ? title : '').padEnd(12)}${text}`),
  );
}
