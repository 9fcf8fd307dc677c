// Reads settings off what runs, for a settings.yml that is gone: they are shown to the user, who decides.
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { type Account, readAccount } from '../../certificates/acme/record.ts';
import { askedIn } from '../../certificates/names.ts';
import { readOwnCa, readServed } from '../../certificates/site.ts';
import { inspect } from '../../engines/containers.ts';
import { CliError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { bare, bracketed } from '../../host/names.ts';
import { readOldest, readUnfinished } from '../../reconcile/journal.ts';
import { teeLines } from '../../resources/provider.ts';
import { originOf } from '../../settings/external-url.ts';
import { PORTS_INSIDE } from '../../settings/settings.ts';
import { readYaml } from '../../templates.ts';
import { commandLine } from '../../terminal/command.ts';
import { authConfigPath, ISSUER } from '../auth/docker-auth.ts';
import { readHtpasswd } from '../auth/htpasswd.ts';
import { gatewayFolder, gatewayName } from '../gateway/gateway.ts';
import { servingHere } from './seen.ts';
import { nativeService, presentConfig, registryContainer, servedStorage } from './serving.ts';

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

/** Returns the text of a settings.yml with what is known. The values are written as JSON, which YAML reads. */
async function knownSettings(host: Host, dir: string): Promise<string> {
  const [container, service, storage, config, logins, certificate] = await Promise.all([
    registryContainer(host, dir),
    nativeService(host, dir),
    servedStorage(host, dir),
    presentConfig(host, dir),
    whoMay(host, dir),
    servedBy(host, dir),
  ]);
  // With a gateway, it has the port.
  const front =
    container &&
    (await inspect(host, gatewayName({ name: container.name }), container.program).catch(() => undefined));
  const page = front && (await host.stat(join(gatewayFolder(dir), 'page/index.html')));
  const published = (front ?? container)?.publish.find(({ to }) => to === PORTS_INSIDE.registry);
  const [, bind, port] = /^(.*?):(\d+)$/.exec(String(config?.http?.addr ?? '')) ?? [];
  const { htpasswd, token } = config?.auth ?? {};
  const external = originOf(String(config?.http?.host ?? ''));
  const foreign = token !== undefined && token.issuer !== ISSUER;
  const { hostname } = host.machine;
  const asked = certificate?.names ?? (certificate?.tls ? askedIn(certificate.leaf, hostname) : []);
  const said = String(htpasswd?.realm ?? token?.service ?? '').replace(/:\d+$/, '');
  const [first = ''] = asked;
  const name = said || bracketed(first);
  const known: Record<string, unknown> = {
    'external-url': external,
    host: external ? undefined : name || undefined,
    port: published?.port ?? (container ? undefined : Number(port) || undefined),
    bind: published?.bind ?? (container ? undefined : bind?.replace(/^\[(.*)\]$/, '$1') || undefined),
    storage,
    auth: config && (token ? 'token' : htpasswd ? 'htpasswd' : 'none'),
    ...(foreign
      ? { 'token-realm': token?.realm, 'token-issuer': token?.issuer, 'token-service': token?.service }
      : token
        ? logins.token
        : { user: logins.htpasswd }),
    'token-cert': foreign ? join(dir, 'config/token.crt') : undefined,
    'auth-port':
      token && !external && !foreign && !front
        ? Number(/:(\d+)\/auth$/.exec(String(token.realm))?.[1]) || undefined
        : undefined,
    tls: config && (config.http?.tls || (front && certificate) ? certificate?.tls : 'insecure'),
    san: asked.filter((other) => other !== bare(name)),
    acme: certificate?.account?.email,
    'acme-server': certificate?.account?.server,
    delete: typeof config?.storage?.delete?.enabled === 'boolean' ? config.storage.delete.enabled : undefined,
    gateway: front && !page ? true : undefined,
    ui: page ? true : undefined,
    'ui-image': front?.image,
    engine: container?.program ?? (service === undefined ? undefined : 'native'),
    name: container?.name ?? service,
    image: container?.image,
  };
  const lines = Object.entries(known).flatMap(([key, value]) =>
    value === undefined || (Array.isArray(value) && value.length === 0)
      ? []
      : `${key}: ${JSON.stringify(value)}`,
  );
  return [
    ...lines,
    ...(certificate && !certificate.tls
      ? ['# The certificate comes from a file of yours: cert and key, or ca-cert and ca-key, belong here.']
      : []),
    '# What runs does not show: days, renew, open-port, hosts-line.',
  ].join('\n');
}

interface Served {
  leaf: string;
  /** Undefined: it comes from a file of the user. */
  tls: 'self-signed' | 'ca-signed' | undefined;
  /** An ACME server issued it, for these names. */
  account?: Account;
  names?: string[] | undefined;
}

/** Returns the served certificate, and where it comes from. */
async function servedBy(host: Host, dir: string): Promise<Served | undefined> {
  const [leaf, root] = (await readServed(host, dir))?.chain ?? [];
  if (!leaf) return undefined;
  const account = await readAccount(host, dir);
  const { fingerprint256, subjectAltName } = new X509Certificate(leaf);
  if (account?.certificate === fingerprint256)
    return { leaf, tls: 'ca-signed', account, names: subjectAltName?.replaceAll('DNS:', '').split(', ') };
  if (!root) return { leaf, tls: 'self-signed' };
  const ca = await readOwnCa(host, dir);
  return { leaf, tls: ca ? 'ca-signed' : undefined };
}

/** A rule of docker_auth, as auth/acl.ts writes it. */
interface Rule {
  match?: { account?: string; type?: string; name?: string };
}

/** Returns who may log in, in each mode; in token mode by the rights that docker_auth gives. */
async function whoMay(host: Host, dir: string) {
  const text = (await host.read(join(dir, 'auth/htpasswd')).catch(() => undefined))?.toString() ?? '';
  const htpasswd = readHtpasswd(text).map(({ name }) => name);
  const user: string[] = [];
  const reader: string[] = [];
  let everybody: boolean | undefined;
  for (const { match: { account, type, name } = {} } of await rulesOf(host, dir)) {
    if (account === undefined) everybody = true;
    else if (type === undefined) user.push(account);
    else if (type === 'repository') reader.push(name === undefined ? account : `${account}:${scopeOf(name)}`);
  }
  return { htpasswd, token: { user, reader, 'anonymous-pull': everybody } };
}

async function rulesOf(host: Host, dir: string): Promise<Rule[]> {
  try {
    const text = (await host.read(authConfigPath(dir)))?.toString() ?? '';
    const { acl } = (readYaml(text, 'auth_config.yml') ?? {}) as { acl?: unknown };
    return Array.isArray(acl) ? (acl as Rule[]) : [];
  } catch {
    return [];
  }
}

/** Returns the repository, or `team/*`, that a pattern of auth/acl.ts stands for. */
const scopeOf = (pattern: string): string =>
  pattern
    .replace(/^\/\^|\$\/$/g, '')
    .replace(/\/\.\+$/, '/*')
    .replaceAll('\\.', '.');
