// Tells whether a registry refuses pushes, from the files that say so.
import { join } from 'node:path';
import type { Host } from '../host/host.ts';
import { readYaml } from '../templates.ts';
import { writesPath } from './gateway/gateway.ts';
import { writesText } from './gateway/nginx.ts';

interface Configuration {
  storage?: { maintenance?: { readonly?: { enabled?: unknown } } };
}

/** Tells whether the gateway, or the configuration of the registry, refuses pushes. (distribution, `storage.maintenance.readonly`) */
export async function isReadOnly(host: Host, dir: string): Promise<boolean> {
  const path = join(dir, 'config/config.yml');
  const [writes, config] = await Promise.all([host.read(writesPath(dir)), host.read(path)]);
  if (writes?.toString() === writesText(true)) return true;
  try {
    const found = readYaml(config?.toString() ?? '', path) as Configuration | null;
    return found?.storage?.maintenance?.readonly?.enabled === true;
  } catch {
    // What cannot be read is drift.
    return false;
  }
}
