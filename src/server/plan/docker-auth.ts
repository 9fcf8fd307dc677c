// Plans token mode: docker_auth beside the registry, the pair that signs its tokens, and the configuration of both.
import { join } from 'node:path';
import { legacyKey, type TokenPair } from '../../certificates/token-pair.ts';
import type { Service } from '../../engines/types.ts';
import type { Resource } from '../../resources/resource.ts';
import { hasGateway } from '../../settings/gateway.ts';
import { publicAddress } from '../../settings/public-address.ts';
import { PORTS_INSIDE, type Settings } from '../../settings/settings.ts';
import { digestOf, fillTemplate, type Value } from '../../templates.ts';
import { aclOf } from '../auth/acl.ts';
import { authConfigPath, authName, ISSUER, realm } from '../auth/docker-auth.ts';
import type { Login } from '../auth/htpasswd.ts';
import { withOwnBlocks } from '../auth/own-blocks.ts';
import { type ProbeAccount, placeOf } from '../auth/probe-account.ts';
import { placeOn } from '../gateway/gateway.ts';
import type { PlanFacts } from './inputs.ts';

/** Returns the file with the password of the probe account and its hash. */
export const probeAccountFile = (settings: Settings, { password, hash }: ProbeAccount): Resource => ({
  kind: 'file',
  path: placeOf(settings),
  content: `${password.reveal()}\n${hash}\n`,
  mode: 0o600,
  mask: 'all',
});

/** The path of that file in the directory of the set-up. */
export const LEGACY_KEYS = 'config/token.jwks';

const CONFIG = '/config';
const CERTS = '/certs';

/** Returns `auth.token` of the registry's configuration. @param inside the directory of that configuration, as the registry sees it */
export const registryTokenConfig = (
  settings: Settings,
  inside: string,
  { legacyTokens }: Pick<PlanFacts, 'legacyTokens'>,
): Value => ({
  token: {
    realm: realm(settings),
    service: publicAddress(settings).name,
    issuer: ISSUER,
    rootcertbundle: `${inside}/token.crt`,
    ...(legacyTokens && { jwks: `${inside}/token.jwks` }),
  },
});

function authConfig(
  settings: Settings,
  logins: Login[],
  pair: TokenPair,
  served: string,
  { registryMajor: major = 3, ownBlocks: own }: Pick<PlanFacts, 'registryMajor' | 'ownBlocks'>,
): string {
  const users: Record<string, Value> = Object.fromEntries(
    logins.map(({ name, hash }) => [name, { password: hash }]),
  );
  if (settings.anonymousPull) users[''] = {};
  const tls =
    settings.tls === 'insecure' || hasGateway(settings)
      ? {}
      : { certificate: `${CERTS}/site.crt`, key: `${CERTS}/site.key` };
  const text = fillTemplate('auth_config.yml', {
    server: { addr: `:${PORTS_INSIDE.auth}`, ...tls },
    'token.issuer': ISSUER,
    'token.disable_legacy_key_id': major >= 3,
    users,
    acl: aclOf(settings, own?.rules),
  });
  // docker_auth re-reads its certificates only when this file is replaced: the line changes with them.
  const read = hasGateway(settings) ? [pair.cert] : [served, pair.cert];
  return `${withOwnBlocks(text, own).trimEnd()}\n# with the certificates ${digestOf(...read)}\n`;
}

/** Matches the hashes, and the secrets in blocks of the user: they are masked wherever the file is shown. */
const AUTH_HASHES = String.raw`(?<=(?:password|secret)"?:[ \t]+)[^\s{].*$`;

/** Returns the file with the certificates whose tokens the registry takes. The registry needs it before its start. */
export const bundleFile = ({ dir }: Settings, { bundle }: TokenPair): Resource => ({
  kind: 'file',
  path: join(dir, 'config/token.crt'),
  content: bundle.map((pem) => `${pem.trim()}\n`).join(''),
  mode: 0o644,
});

/**
 * Returns the file with the same keys under the names that registry 2 gives them: registry 3 then takes tokens from before an upgrade.
 * (distribution 3: registry/auth/token/accesscontroller.go, `jwks`; RFC 7517)
 */
export const legacyKeysFile = ({ dir }: Settings, { bundle }: TokenPair): Resource => ({
  kind: 'file',
  path: join(dir, LEGACY_KEYS),
  content: `${JSON.stringify({ keys: bundle.map(legacyKey) })}\n`,
  mode: 0o644,
});

/** Returns the resources of docker_auth. It re-reads its files, so they are not in the digest: a new user restarts nothing. */
export function authResources(
  settings: Settings,
  { logins, pair, served }: { logins: Login[]; pair: TokenPair; served: string },
  facts: Pick<PlanFacts, 'registryMajor' | 'gateway' | 'ownBlocks'>,
  options: string[],
): Resource[] {
  const { dir, bind, port, authPort, authImage, tls } = settings;
  const at = (path: string) => join(dir, 'auth', path);
  const service: Service = {
    name: authName(settings),
    image: authImage,
    // Logs to standard error: a log file would be on its root file system, which is read-only.
    command: ['--v=2', '--logtostderr', `${CONFIG}/auth_config.yml`],
    publish: facts.gateway ? [] : [{ bind, port: authPort, to: PORTS_INSIDE.auth }],
    mounts: [
      { source: join(dir, 'auth'), target: CONFIG, readOnly: true },
      ...(tls === 'insecure' || facts.gateway
        ? []
        : [{ source: join(dir, 'certs'), target: CERTS, readOnly: true }]),
    ],
    env: {},
    ...(facts.gateway && {
      behind: { bind, port, to: PORTS_INSIDE.auth },
      network: placeOn(facts.gateway, settings, 'auth'),
    }),
    owner: dir,
    options,
  };
  return [
    { kind: 'file', path: at('token.crt'), content: pair.cert, mode: 0o644 },
    { kind: 'file', path: at('token.key'), content: pair.key, mode: 0o600, mask: 'all' },
    {
      kind: 'file',
      path: authConfigPath(dir),
      content: authConfig(settings, logins, pair, served, facts),
      mode: 0o600,
      mask: { pattern: AUTH_HASHES },
    },
    { kind: 'container', service, digest: digestOf(JSON.stringify(service)) },
  ];
}
