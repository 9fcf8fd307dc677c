// What the user on a server is shown; pure text.
// Returns the screens of the wizard: what was found, what was decided, what will be done. 80 columns.
import { engineText, isNew } from '../../engines/engine.ts';
import { isPending } from '../../engines/pending.ts';
import type { EngineInfo } from '../../engines/types.ts';
import type { Change } from '../../reconcile/reconcile.ts';
import type { Shown } from '../../resources/provider.ts';
import { PROVIDERS } from '../../resources/providers.ts';
import { providerNamed, type Resource } from '../../resources/resource.ts';
import { serverName } from '../../settings/acme.ts';
import { gatewayImage, hasAuthPort, hasGateway, hasReaders } from '../../settings/gateway.ts';
import { publicAddress } from '../../settings/public-address.ts';
import { everyone, readersOf } from '../../settings/readers.ts';
import type { Settings } from '../../settings/settings.ts';
import { foreignRealm } from '../../settings/token-server.ts';
import { bytes, type Paint } from '../../terminal/output.ts';
import { realm } from '../auth/docker-auth.ts';
import { type OwnBlocks, ownBlocksText } from '../auth/own-blocks.ts';
import { listensAt } from '../checks/outside.ts';
import type { Facts } from '../plan/facts.ts';

export const banner = (paint: Paint): string[] => [
  `${paint('bold', 'registry-setup')} · a private image registry on this machine`,
  '',
];

/** Returns `Found   Debian 13 · Docker 26.1.5 · 41 GB free · nothing on port 5000`. @param free bytes */
export function foundLine(facts: Facts, engine: EngineInfo, free: number): string {
  const kind = engine.kind === 'podman' ? 'podman' : 'Docker';
  const found = isPending(engine)
    ? isNew(engine)
      ? `no ${kind} yet`
      : 'Docker is stopped'
    : engineText(engine);
  const port = facts.listening.has(5000) ? 'port 5000 is taken' : 'nothing on port 5000';
  return `  Found   ${[facts.system.replace(/GNU\/Linux |\s*\(.*\)/g, ''), found, `${bytes(free)} free`, port].join(' · ')}`;
}

/** Returns who may do what, in one line. */
export function loginText(settings: Settings, own?: OwnBlocks): string {
  const { auth, users, anonymousPull } = settings;
  if (auth === 'none') return 'none: whoever reaches the port may push and pull';
  const foreign = foreignRealm(settings);
  if (foreign !== undefined) return `tokens of ${foreign}, issuer ${settings.tokenIssuer}`;
  if (auth === 'htpasswd' && !hasReaders(settings)) return `htpasswd: ${everyone(settings).join(', ')}`;
  const readers = readersOf(settings).map(({ name, scopes }) =>
    scopes.length > 0 ? `${name} (${scopes.join(', ')})` : name,
  );
  const pull = [...readers, ...(auth === 'token' && anonymousPull ? ['everybody'] : [])];
  const who = `${users.join(', ')}${pull.length > 0 ? `; only pull: ${pull.join(', ')}` : ''}`;
  if (auth === 'htpasswd') return `htpasswd: ${who}`;
  const yours = own ? `; yours: ${ownBlocksText(own)}` : '';
  const port = hasAuthPort(settings) ? `, port ${settings.authPort}` : '';
  const place = settings.externalUrl ? `, ${realm(settings)}` : port;
  return `token${place}: ${who}${yours}`;
}

export function encryption(settings: Settings): string {
  if (!settings.externalUrl) return ownEncryption(settings);
  const outside = publicAddress(settings).tls ? 'TLS' : 'none';
  return settings.tls === 'insecure'
    ? `${outside}, by the proxy in front`
    : `${outside} by the proxy in front; behind it ${ownEncryption(settings)}`;
}

function ownEncryption(settings: Settings): string {
  const { tls, cert, caCert, days, acme } = settings;
  if (tls === 'insecure') return 'none: passwords and images travel in clear';
  if (tls === 'self-signed') return `TLS, self-signed, ${days} days`;
  if (acme) return `TLS, a certificate of ${serverName(settings)} (${acme}), ${proofText(settings)}`;
  if (cert) return `TLS, the certificate ${cert}`;
  return caCert ? `TLS, signed by the CA ${caCert}, ${days} days` : `TLS, CA of its own, ${days} days`;
}

/** Returns the line about nginx in front; none without it. */
export const gatewayLines = (settings: Settings): string[] =>
  hasGateway(settings)
    ? [
        `  ${'Gateway'.padEnd(12)}${settings.ui ? 'nginx with the web page' : 'nginx'}, image ${gatewayImage(settings)}`,
      ]
    : [];

/** Returns how the names are proven. */
const proofText = ({ acmeDnsHook }: Settings): string =>
  acmeDnsHook ? `by DNS: ${acmeDnsHook}` : 'looked at on port 80';

/** Returns everything that was decided, and everything that will be changed. */
export function reviewLines(
  settings: Settings,
  changes: Change[],
  facts: Facts,
  engine: EngineInfo,
): string[] {
  const imageHere = !changes.some(({ resource }) => resource.kind === 'image');
  // A stopped engine may have the image.
  const fetched = isPending(engine) && !isNew(engine) ? 'fetched if need be' : 'will be fetched';
  const rows = [
    ['Address', publicAddress(settings).name],
    ['Images', settings.storage],
    ['Login', loginText(settings, facts.ownBlocks)],
    ['Encryption', encryption(settings)],
    [
      'Engine',
      settings.engine === 'native'
        ? `${engineText(engine)}: a service of this machine`
        : `${engineText(engine)}, image ${settings.image} (${imageHere ? 'here already' : fetched})`,
    ],
    ...(settings.externalUrl ? [['In front', `a proxy, which leads to ${listensAt(settings)}`]] : []),
    ...(settings.bind === '0.0.0.0' || settings.externalUrl ? [] : [['Listens on', `${settings.bind} only`]]),
  ];
  return [
    ...rows.map(([name = '', value]) => `  ${name.padEnd(12)}${value}`),
    ...gatewayLines(settings),
    '',
    ...changeLines(settings, changes),
    facts.last ? '' : '  and touch nothing else on this machine.',
  ].filter((line, i, all) => line !== '' || i < all.length - 1);
}

/** Returns some lines for each kind of change, the first of them `This will   make /opt/registry (3 files)`. */
function changeLines(at: Settings, changes: Change[]): string[] {
  const of = (kind: string) => changes.filter(({ resource }) => resource.kind === kind);
  const lines = [
    ...Object.keys(PROVIDERS).flatMap(
      (kind) => providerNamed(kind)?.review?.(of(kind) as Shown<Resource>[], at) ?? [],
    ),
    ...of('removal').map(({ title }) => `remove ${title}`),
  ];
  return lines.map((line, i) => `  ${(i === 0 ? 'This will' : '').padEnd(12)}${line}`);
}
