// Plans the gateway: the network, the user, the files, the container, and the reload that makes nginx read them.
import { join } from 'node:path';
import type { Site } from '../../certificates/site.ts';
import type { Service } from '../../engines/types.ts';
import type { Resource } from '../../resources/resource.ts';
import { gatewayImage, hasReaders } from '../../settings/gateway.ts';
import { PORTS_INSIDE, type Settings } from '../../settings/settings.ts';
import { digestOf } from '../../templates.ts';
import {
  GATEWAY_INSIDE,
  type GatewayFacts,
  gatewayFolder,
  gatewayName,
  imageFactsPath,
  loadedPath,
  networkName,
  placeOn,
} from './gateway.ts';
import { filledPage, gatewayConfig, writersText, writesText } from './nginx.ts';

const byPodman = ({ engine }: Settings): { engine?: 'podman' } => (engine === 'podman' ? { engine } : {});

/** Returns what must be there before the files and the registry. */
export const gatewayBefore = (settings: Settings, { subnet, account, user }: GatewayFacts): Resource[] => [
  {
    kind: 'network',
    name: networkName(settings),
    subnet,
    owner: settings.dir,
    ...byPodman(settings),
  },
  ...(account ? [{ kind: 'account', name: account, ids: user } as const] : []),
];

/** Returns the files of the gateway, and the digest of what nginx reads anew at a reload. @param shut nobody may push */
export function gatewayFiles(
  settings: Settings,
  facts: GatewayFacts,
  site: Site | undefined,
  shut: boolean,
): { files: Resource[]; digest: string } {
  const { image } = facts;
  const { page } = image ?? {};
  const at = (path: string) => join(gatewayFolder(settings.dir), path);
  const group = facts.account ? { group: facts.account } : {};
  const [readable, listed] = facts.account ? [0o640, 0o750] : [0o600, 0o700];
  const dir = (path: string): Resource => ({ kind: 'dir', path, mode: listed, ...group });
  const file = (path: string, content: string, more = {}) => {
    return { kind: 'file', path: at(path), content, mode: readable, ...group, ...more } as const;
  };
  const contents = [
    file('nginx.conf', gatewayConfig(settings, facts)),
    file('writes.conf', writesText(shut)),
    ...(hasReaders(settings) ? [file('writers.conf', writersText(settings))] : []),
    ...(site ? [file('tls/site.crt', site.chain), file('tls/site.key', site.key, { mask: 'all' })] : []),
    ...(settings.ui && page !== undefined ? [file('page/index.html', filledPage(page, settings))] : []),
  ];
  return {
    files: [
      dir(gatewayFolder(settings.dir)),
      ...(site ? [dir(at('tls'))] : []),
      ...(settings.ui ? [dir(at('page'))] : []),
      ...contents,
      // Of this program alone.
      ...(image
        ? [
            {
              kind: 'file',
              path: imageFactsPath(settings.dir),
              content: `${JSON.stringify(image)}\n`,
              mode: 0o600,
            } as const,
          ]
        : []),
    ],
    digest: digestOf(...contents.map(({ content }) => content)),
  };
}

/** Returns the container of the gateway. */
export function gatewayService(settings: Settings, facts: GatewayFacts, options: string[]): Service {
  const { dir, bind, port } = settings;
  return {
    name: gatewayName(settings),
    image: gatewayImage(settings),
    // The image's own entry point would write to its files: they are read-only, and filled already.
    entrypoint: 'nginx',
    command: ['-c', `${GATEWAY_INSIDE}/nginx.conf`],
    publish: [{ bind, port, to: PORTS_INSIDE.registry }],
    mounts: [{ source: gatewayFolder(dir), target: GATEWAY_INSIDE, readOnly: true }],
    env: {},
    network: placeOn(facts, settings, 'gateway'),
    user: facts.user,
    tmpfs: ['/tmp:size=16m'],
    owner: dir,
    // Without root, podman would give the number to another user.
    options: facts.account ? options : [...options, '--userns', 'keep-id'],
  };
}

/** Returns the reload after which nginx works with its present files. @param digest of these files */
export const gatewayReload = (settings: Settings, digest: string): Resource => ({
  kind: 'reload',
  name: gatewayName(settings),
  config: `${GATEWAY_INSIDE}/nginx.conf`,
  marker: loadedPath(settings.dir),
  digest,
  ...byPodman(settings),
});
