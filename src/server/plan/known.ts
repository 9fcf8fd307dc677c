// Reads settings off what runs, for a settings.yml that is gone: they are shown to the user, who decides.
import { join } from 'node:path';
import { CliError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { readOldest, readUnfinished } from '../../reconcile/journal.ts';
import { teeLines } from '../../resources/provider.ts';
import { PORTS_INSIDE } from '../../settings/settings.ts';
import { commandLine } from '../../terminal/command.ts';
import { authConfigLogins } from '../auth/docker-auth.ts';
import { readHtpasswd } from '../auth/htpasswd.ts';
import { presentConfig, registryContainer, servedStorage, servingHere } from './seen.ts';

/**
 * Verifies that no registry is here, for a directory whose settings.yml is gone or says nothing: a run would make everything default,
 * its address, its users, its directory.
 * @throws CliError with the settings that what runs shows, as lines that write the file again
 */
export async function mayBeNew(host: Host, dir: string, file: string): Promise<void> {
  // What a killed run has done is put back first, and settings.yml with it.
  if (await readUnfinished(host, dir)) return;
  const remembered = (await readOldest(host, dir)).size > 0;
  const serving = await servingHere(host, dir);
  if (!remembered && serving.length === 0) return;
  const state = (await host.stat(file)) ? 'says nothing' : 'is gone';
  const what = serving.length > 0 ? serving.join(', ') : `the record of one in ${join(dir, '.state')}`;
  throw new CliError(`${file} ${state}, and a registry is here: ${what}.`, {
    why: 'Without it everything would become as for a new registry: the address, the port, who may log in, where the images are.',
    fix: [
      'Put it back from a copy. Or write it again; this is what the registry itself shows:',
      ...teeLines(file, await knownSettings(host, dir)),
      `Or remove the registry; the images stay:   ${commandLine('uninstall')}`,
    ],
  });
}

/** Returns the text of a settings.yml with what is known. The way it is written is JSON's, which YAML reads. */
async function knownSettings(host: Host, dir: string): Promise<string> {
  const [container, storage, config, htpasswd, tokenLogins, own] = await Promise.all([
    registryContainer(host, dir),
    servedStorage(host, dir),
    presentConfig(host, dir),
    host.read(join(dir, 'auth/htpasswd')).catch(() => undefined),
    authConfigLogins(host, dir),
    host.stat(join(dir, 'ca/ca.crt')),
  ]);
  const published = container?.publish.find(({ to }) => to === PORTS_INSIDE.registry);
  const [, bind, port] = /^(.*?):(\d+)$/.exec(String(config?.http?.addr ?? '')) ?? [];
  const { htpasswd: basic, token } = config?.auth ?? {};
  const name = basic?.realm ?? String(token?.service ?? '').replace(/:\d+$/, '');
  const logins = token ? tokenLogins : readHtpasswd(htpasswd?.toString() ?? '');
  const users = logins.map((login) => login.name).filter((user) => /^[A-Za-z0-9]/.test(user));
  const tls = config?.http?.tls ? (own ? 'ca-signed' : 'self-signed') : 'insecure';
  const known: Record<string, unknown> = {
    host: name || undefined,
    port: published?.port ?? (container ? undefined : Number(port) || undefined),
    bind: published?.bind ?? (container ? undefined : bind?.replace(/^\[(.*)\]$/, '$1') || undefined),
    storage,
    auth: config && (token ? 'token' : basic ? 'htpasswd' : 'none'),
    user: users.length > 0 ? users : undefined,
    tls: config && tls,
    delete: typeof config?.storage?.delete?.enabled === 'boolean' ? config.storage.delete.enabled : undefined,
    engine: container?.program,
    name: container?.name,
    image: container?.image,
  };
  const lines = Object.entries(known).flatMap(([key, value]) =>
    value === undefined ? [] : `${key}: ${JSON.stringify(value)}`,
  );
  return lines.join('\n');
}
