// From settings, facts and secrets to resources.
// Makes the plan of a server: pure data, without a look at the machine.
import { join } from 'node:path';
import { ACCOUNT, accountText } from '../../certificates/acme/record.ts';
import type { Site } from '../../certificates/site.ts';
import type { Service } from '../../engines/types.ts';
import { bracketed } from '../../host/names.ts';
import type { Resource } from '../../resources/resource.ts';
import { hasGateway, imagesOf } from '../../settings/gateway.ts';
import { publicAddress } from '../../settings/public-address.ts';
import { PORTS_INSIDE, type Settings } from '../../settings/settings.ts';
import { hasDockerAuth } from '../../settings/token-server.ts';
import { asAnswers } from '../../settings/written.ts';
import { digestOf, editSettings, fillTemplate, type Value } from '../../templates.ts';
import { HASHES, htpasswdText } from '../auth/htpasswd.ts';
import { type GatewayFacts, placeOn } from '../gateway/gateway.ts';
import { gatewayBefore, gatewayFiles, gatewayReload, gatewayService } from '../gateway/service.ts';
import { containerOf, forEngine, INSIDE, runOptions } from './container.ts';
import {
  authResources,
  bundleFile,
  legacyKeysFile,
  probeAccountFile,
  registryTokenConfig,
} from './docker-auth.ts';
import type { PlanFacts } from './inputs.ts';
import { nativeBefore, nativeProgram, nativeService, readable } from './native.ts';
import { jobsPlan } from './renewal.ts';
import type { Secrets } from './secrets.ts';
import { tokenServerConfig, tokenServerFiles } from './token-server.ts';

/** Returns the registry's directories and the address that it listens on: in a container, or on this machine. */
function placesOf({ engine, dir, storage, bind, port }: Settings) {
  if (engine !== 'native') return { ...INSIDE, addr: `:${PORTS_INSIDE.registry}` };
  const everywhere = bind === '0.0.0.0' ? '' : bracketed(bind);
  return {
    config: join(dir, 'config'),
    certs: join(dir, 'certs'),
    auth: join(dir, 'auth'),
    data: storage,
    addr: `${everywhere}:${port}`,
  };
}

/** Matches `http.secret` and the like: they are masked wherever the file is shown. */
const CONFIG_SECRET = String.raw`(?<=\b(?:secret|secretkey|accesskey|accountkey|password|passphrase)"?\s*:\s*)[^\s,}][^,}\n]*`;

/** Returns everything that a registry on this machine consists of, in the order in which it is made. */
export function serverPlan(settings: Settings, secrets: Secrets, facts: PlanFacts): Resource[] {
  const { dir, storage } = settings;
  const { native, gateway } = facts;
  const config = registryConfig(settings, secrets, facts);
  const at = (path: string) => join(dir, path);
  const inputs = [config, ...readAtStart(settings, secrets)];
  const front = gateway && gatewayFiles(settings, gateway, secrets.site, facts.readOnly === true);
  const resources: Resource[] = [
    ...(native ? nativeBefore(settings, native) : images(settings, facts)),
    { kind: 'dir', path: dir, mode: 0o755, keep: true },
    ...(native ? nativeProgram(settings, native, facts.archive) : []),
    ...(gateway ? gatewayBefore(settings, gateway) : []),
    { kind: 'dir', path: at('config'), mode: 0o700 },
    {
      kind: 'file',
      path: at('config/config.yml'),
      content: config,
      mode: 0o600,
      mask: { pattern: CONFIG_SECRET },
    },
    ...certificateFiles(dir, secrets),
    ...loginFiles(settings, secrets, facts),
    ...(front?.files ?? []),
    ...(secrets.tokenTrust ? tokenServerFiles(settings, secrets.tokenTrust) : []),
    { kind: 'dir', path: storage, mode: 0o755, keep: true },
    {
      kind: 'file',
      path: at('settings.yml'),
      content: editSettings(facts.settingsText, asAnswers(settings)),
      mode: 0o644,
    },
    // The registry re-reads htpasswd by itself, so that file is not in the digest: a new user restarts nothing.
    ...(native ? nativeService(settings, native, inputs) : registryContainer(settings, facts, inputs)),
    ...tokenService(settings, secrets, facts),
    ...(gateway && front ? gatewayContainer(settings, facts, gateway, front.digest) : []),
    ...(facts.renewal ? jobsPlan(settings, facts.renewal, secrets.site !== undefined) : []),
    ...(facts.networkResources ?? []),
  ];
  return native ? readable(resources, dir, native) : resources;
}

function images(settings: Settings, { archive }: PlanFacts): Resource[] {
  const by = settings.engine === 'podman' ? { engine: settings.engine } : {};
  return imagesOf(settings).map((image) => ({ kind: 'image', ...image, archive, ...by }));
}

function gatewayContainer(
  settings: Settings,
  facts: PlanFacts,
  gateway: GatewayFacts,
  digest: string,
): Resource[] {
  const service = forEngine(gatewayService(settings, gateway, runOptions(facts)), settings, facts);
  return [...containerOf(service, digestOf(JSON.stringify(service)), facts), gatewayReload(settings, digest)];
}

function registryContainer(settings: Settings, facts: PlanFacts, inputs: string[]): Resource[] {
  const service = forEngine(registryService(settings, facts), settings, facts);
  return containerOf(service, digestOf(JSON.stringify(service), ...inputs), facts);
}

/** Returns everything besides its configuration that the registry reads once, at its start. */
const readAtStart = (settings: Settings, { site, token, tokenTrust }: Secrets): string[] => [
  ...(endsTls(settings) ? [site?.chain ?? '', site?.key ?? ''] : ['', '']),
  ...(hasDockerAuth(settings) ? (token?.bundle ?? []) : []),
  ...(tokenTrust ? [...tokenTrust.certs, tokenTrust.jwks ?? ''] : []),
];

/** Tells whether TLS ends in the registry and docker_auth themselves. */
const endsTls = (settings: Settings): boolean => settings.tls !== 'insecure' && !hasGateway(settings);

/** Returns the files with password hashes. With --auth none they are kept, so that they are there when logins come back. */
function loginFiles(
  settings: Settings,
  { logins, guests, token }: Secrets,
  { legacyTokens }: PlanFacts,
): Resource[] {
  if (logins.length === 0) return [];
  const path = join(settings.dir, 'auth');
  const dir: Resource = { kind: 'dir', path, mode: 0o700 };
  if (hasDockerAuth(settings))
    return [
      dir,
      ...(token ? [bundleFile(settings, token)] : []),
      ...(token && legacyTokens ? [legacyKeysFile(settings, token)] : []),
    ];
  const content = htpasswdText([...logins, ...guests]);
  return [
    dir,
    { kind: 'file', path: join(path, 'htpasswd'), content, mode: 0o600, mask: { pattern: HASHES } },
  ];
}

/** Returns docker_auth. It comes after the registry: when the signing key changes, the registry must know the new one first. */
function tokenService(
  settings: Settings,
  { logins, token: pair, site, probeAccount }: Secrets,
  facts: PlanFacts,
): Resource[] {
  if (!hasDockerAuth(settings) || !pair) return [];
  const known = {
    logins: probeAccount ? [...logins, probeAccount] : logins,
    pair,
    served: site?.chain ?? '',
  };
  const resources = authResources(settings, known, facts, runOptions(facts));
  const own = probeAccount ? [probeAccountFile(settings, probeAccount)] : [];
  return [...own, ...resources].flatMap((resource) => {
    if (resource.kind !== 'container') return [resource];
    const service = forEngine(resource.service, settings, facts);
    return containerOf(service, digestOf(JSON.stringify(service)), facts);
  });
}

/** Returns what a preview shows in the place of a certificate that the run orders first. */
const toBeIssued = ({ order }: Site): Pick<Site, 'chain' | 'key' | 'roots'> => ({
  chain: `(a certificate for ${order?.names.join(', ')}: ordered when this is carried out)\n`,
  key: '(its key)\n',
  roots: ['(its root)\n'],
});

/**
 * Returns certs/, which is mounted, with what is served and what clients trust; ca/, with the CA, and acme/, with the account at an ACME
 * server, which no container sees.
 */
function certificateFiles(dir: string, { site, ca, account }: Secrets): Resource[] {
  const file = (path: string, content: string, mode: number, mask?: 'all'): Resource => {
    return { kind: 'file', path: join(dir, path), content, mode, mask };
  };
  const resources: Resource[] = [];
  if (ca)
    resources.push(
      { kind: 'dir', path: join(dir, 'ca'), mode: 0o700 },
      file('ca/ca.crt', ca.cert, 0o644),
      ...(ca.key === undefined ? [] : [file('ca/ca.key', ca.key, 0o600, 'all')]),
      ...(ca.cross.length > 0 ? [file('ca/cross.crt', ca.cross.join(''), 0o644)] : []),
    );
  if (account)
    resources.push(
      { kind: 'dir', path: join(dir, 'acme'), mode: 0o700 },
      file(ACCOUNT, accountText(account), 0o600, 'all'),
    );
  const served = site?.order ? toBeIssued(site) : site;
  if (served)
    resources.push(
      { kind: 'dir', path: join(dir, 'certs'), mode: 0o755 },
      file('certs/site.crt', served.chain, 0o644),
      file('certs/site.key', served.key, 0o600, 'all'),
      file('certs/ca.crt', served.roots.join(''), 0o644),
    );
  return resources;
}

function registryConfig(settings: Settings, { httpSecret, tokenTrust }: Secrets, facts: PlanFacts): string {
  const at = placesOf(settings);
  const auth: Record<Settings['auth'], Value | undefined> = {
    none: undefined,
    htpasswd: { htpasswd: { realm: settings.host, path: `${at.auth}/htpasswd` } },
    token: tokenTrust
      ? tokenServerConfig(settings, at.config, tokenTrust)
      : registryTokenConfig(settings, at.config, facts),
  };
  return fillTemplate('config.yml', {
    'storage.filesystem.rootdirectory': at.data,
    'http.addr': at.addr,
    'http.host': settings.externalUrl && publicAddress(settings).origin,
    'http.secret': httpSecret,
    'http.tls': endsTls(settings)
      ? {
          certificate: `${at.certs}/site.crt`,
          key: `${at.certs}/site.key`,
          minimumtls: 'tls1.2',
        }
      : undefined,
    'storage.delete.enabled': settings.delete,
    // With a gateway, that refuses the pushes, and nothing is started again.
    ...(facts.readOnly && !facts.gateway && { 'storage.maintenance.readonly': { enabled: true } }),
    auth: auth[settings.auth],
  });
}

function registryService(settings: Settings, facts: PlanFacts): Service {
  const { dir, storage, auth, image, name, bind, port } = settings;
  const door = { bind, port, to: PORTS_INSIDE.registry };
  return {
    name,
    image,
    // Names the path: v2 and v3 images have their default in different places, and each default is a development set-up.
    command: ['serve', `${INSIDE.config}/config.yml`],
    publish: facts.gateway ? [] : [door],
    // Mounts directories, not files: the container sees a file that is replaced atomically.
    mounts: [
      { source: join(dir, 'config'), target: INSIDE.config, readOnly: true },
      ...(endsTls(settings) ? [{ source: join(dir, 'certs'), target: INSIDE.certs, readOnly: true }] : []),
      ...(auth === 'htpasswd' ? [{ source: join(dir, 'auth'), target: INSIDE.auth, readOnly: true }] : []),
      { source: storage, target: INSIDE.data, readOnly: false },
    ],
    // Without it, version 3.0.0 logs a refused connection every few seconds.
    env: { OTEL_TRACES_EXPORTER: 'none' },
    ...(facts.gateway && { behind: door, network: placeOn(facts.gateway, settings, 'registry') }),
    owner: dir,
    options: runOptions(facts),
  };
}
