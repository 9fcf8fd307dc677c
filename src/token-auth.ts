// Token mode: docker_auth beside the registry, the pair that signs its tokens, and what each of the two is told.
import { join } from 'node:path';
import { PORTS_INSIDE } from './engines/docker.ts';
import type { Host } from './host.ts';
import type { Login } from './htpasswd.ts';
import type { PlanFacts } from './plan.ts';
import type { Resource, Service } from './resource.ts';
import { aclOf } from './roles.ts';
import { address, type Settings } from './settings.ts';
import { type Keys, splitPem } from './site.ts';
import { digestOf, fillTemplate, readYaml, type Value } from './templates.ts';

export interface TokenPair {
  cert: string;
  key: string;
  /** What the registry takes: this certificate, and the former one, whose tokens live for some minutes more. */
  bundle: string[];
}

export const ISSUER = 'registry-setup';
const CONFIG = '/config';
const CERTS = '/certs';

/**
 * The pair that signs tokens: kept, or made.
 * RSA: the key id of an EC key is reckoned differently by docker_auth 1.14 and registry 3.1.
 * @param renew make a new one; the former certificate stays in the bundle
 */
export async function tokenPair(
  { dir }: Settings,
  host: Host,
  keys: Keys,
  renew: boolean,
): Promise<TokenPair> {
  const text = async (path: string) => (await host.read(join(dir, path)))?.toString() ?? '';
  const [cert, key, bundle] = await Promise.all(
    ['auth/token.crt', 'auth/token.key', 'config/token.crt'].map(text),
  );
  if (cert && key && !renew) {
    const others = splitPem(bundle ?? '').filter((pem) => pem.trim() !== cert.trim());
    return { cert, key, bundle: [cert, ...others.slice(0, 1)] };
  }
  const { makeCa } = await import('./pki.ts');
  const made = await keys.token();
  const fresh = makeCa({ name: 'registry tokens', keyPem: made });
  return { cert: fresh, key: made, bundle: cert ? [fresh, cert] : [fresh] };
}

/** A hash as it stands in the file that we write. */
const HASH_LINES = /^ {2}"?([A-Za-z0-9][\w.-]*)"?:\n {4}password: "?(\$2[aby]\$[^\s"]+)"?$/gm;

/** Hashes that docker_auth knows, so that they are carried over to other modes; also from a file that was broken by hand. */
export async function authConfigLogins(host: Host, dir: string): Promise<Login[]> {
  const text = (await host.read(join(dir, 'auth/auth_config.yml')))?.toString();
  if (!text) return [];
  try {
    const { users } = readYaml(text, 'auth_config.yml') as { users?: Record<string, { password?: string }> };
    return Object.entries(users ?? {}).flatMap(([name, { password }]) =>
      password ? [{ name, hash: password }] : [],
    );
  } catch {
    return [...text.matchAll(HASH_LINES)].map(([, name = '', hash = '']) => ({ name, hash }));
  }
}

/** Where clients fetch a token: the same host, another port. */
export const realm = ({ host, authPort, tls }: Settings): string =>
  `${tls === 'insecure' ? 'http' : 'https'}://${host}:${authPort}/auth`;

/** `auth.token` of the registry's configuration. */
export const registryTokenConfig = (settings: Settings, inside: string): Value => ({
  token: {
    realm: realm(settings),
    service: address(settings),
    issuer: ISSUER,
    rootcertbundle: `${inside}/token.crt`,
  },
});

export const authName = ({ name }: Settings): string => `${name}-auth`;

function authConfig(
  settings: Settings,
  logins: Login[],
  pair: TokenPair,
  served: string,
  major: number,
): string {
  const users: Record<string, Value> = Object.fromEntries(
    logins.map(({ name, hash }) => [name, { password: hash }]),
  );
  if (settings.anonymousPull) users[''] = {};
  const tls =
    settings.tls === 'insecure' ? {} : { certificate: `${CERTS}/site.crt`, key: `${CERTS}/site.key` };
  const text = fillTemplate('auth_config.yml', {
    server: { addr: `:${PORTS_INSIDE.auth}`, ...tls },
    'token.issuer': ISSUER,
    'token.disable_legacy_key_id': major >= 3,
    users,
    acl: aclOf(settings),
  });
  // docker_auth looks at its pairs only when this file is replaced: the line changes with them.
  return `${text.trimEnd()}\n# with the certificates ${digestOf(served, pair.cert)}\n`;
}

/** Hides the hashes wherever the file is shown. */
const AUTH_HASHES = String.raw`(?<=password: )\S+.*$`;

/** What the registry must know before it starts: whose tokens it takes. */
export const bundleFile = ({ dir }: Settings, { bundle }: TokenPair): Resource => ({
  kind: 'file',
  path: join(dir, 'config/token.crt'),
  content: bundle.map((pem) => `${pem.trim()}\n`).join(''),
  mode: 0o644,
});

/** docker_auth itself. It re-reads its files, so that nothing of them is in the digest: a new user restarts nothing. */
export function authResources(
  settings: Settings,
  { logins, pair, served }: { logins: Login[]; pair: TokenPair; served: string },
  facts: Pick<PlanFacts, 'registryMajor'>,
  options: string[],
): Resource[] {
  const { dir, bind, authPort, authImage, tls } = settings;
  const at = (path: string) => join(dir, 'auth', path);
  const service: Service = {
    name: authName(settings),
    image: authImage,
    // To standard error: its root is read-only, and a log file would be written there.
    command: ['--v=2', '--logtostderr', `${CONFIG}/auth_config.yml`],
    publish: [{ bind, port: authPort, to: PORTS_INSIDE.auth }],
    mounts: [
      { source: join(dir, 'auth'), target: CONFIG, readOnly: true },
      ...(tls === 'insecure' ? [] : [{ source: join(dir, 'certs'), target: CERTS, readOnly: true }]),
    ],
    env: {},
    owner: dir,
    options,
  };
  return [
    { kind: 'file', path: at('token.crt'), content: pair.cert, mode: 0o644 },
    { kind: 'file', path: at('token.key'), content: pair.key, mode: 0o600, mask: 'all' },
    {
      kind: 'file',
      path: at('auth_config.yml'),
      content: authConfig(settings, logins, pair, served, facts.registryMajor ?? 3),
      mode: 0o600,
      mask: { pattern: AUTH_HASHES },
    },
    { kind: 'container', service, digest: digestOf(JSON.stringify(service)) },
  ];
}
