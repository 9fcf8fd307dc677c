// The files that nginx reads: its configuration, who may push, whether anybody may, and the page.
import { hasGateway } from '../../settings/gateway.ts';
import { PORTS_INSIDE, type Settings } from '../../settings/settings.ts';
import { hasDockerAuth } from '../../settings/token-server.ts';
import { templateText } from '../../templates.ts';
import { addressOf, type GatewayFacts } from './gateway.ts';

/** Tells whether nginx must tell readers and writers apart: docker_auth does it in token mode. */
export const hasReaders = (settings: Settings): boolean =>
  settings.auth === 'htpasswd' && hasGateway(settings) && settings.readers.length > 0;

/** A part of the template: from `#[NAME` to `#]`. */
const PART = /^#\[(\w+)\n([\s\S]*?)^#\]\n/gm;

/** Returns the configuration of nginx. */
export function gatewayConfig(settings: Settings, { subnet, http2 }: GatewayFacts): string {
  const { tls, ui } = settings;
  const parts: Record<string, boolean> = {
    readers: hasReaders(settings),
    token: hasDockerAuth(settings),
    tls: tls !== 'insecure',
    plain: tls === 'insecure',
    ui: ui === true,
    bare: ui !== true,
  };
  const text = templateText('gateway.conf')
    .replace(PART, (_, name: string, lines: string) => (parts[name] ? lines : ''))
    .replace('192.0.2.2:5000', () => `${addressOf(subnet, 'registry')}:${PORTS_INSIDE.registry}`)
    .replace('192.0.2.3:5001', () => `${addressOf(subnet, 'auth')}:${PORTS_INSIDE.auth}`);
  return http2
    ? text
    : text.replace('listen 5000 ssl;', 'listen 5000 ssl http2;').replace(/^ *http2 on;\n/m, '');
}

/** Returns the file that shuts the registry for writes, or opens it. (ngx_http_map_module) */
export const writesText = (shut: boolean): string =>
  shut
    ? 'map $request_method $shut { default 1; "~^(GET|HEAD)$" 0; }\n'
    : 'map $request_method $shut { default 0; }\n';

/**
 * Returns who may push and delete, for `map`: a plain word would be compared without regard to case. The last line is for this program
 * itself (resources/guest.ts): no user's name begins so.
 */
export const writersText = ({ users }: Pick<Settings, 'users'>): string =>
  [...users.map((name) => `${name.replace(/[^A-Za-z0-9]/g, '\\$&')}$`), '_registry-setup-']
    .map((pattern) => `"~^${pattern}" 1;\n`)
    .join('');

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/**
 * Fills the page as the entry point of its image does, from the variables of docker-registry-ui 2.
 * @param page index.html of the image; the value of a variable that is not known here is empty
 */
export function filledPage(page: string, settings: Settings): string {
  const { host, port, uiTitle } = settings;
  const title = uiTitle ?? `${host}:${port}`;
  const values: Record<string, string> = {
    REGISTRY_TITLE: title,
    DOCKER_REGISTRY_UI_TITLE: uiTitle ?? '',
    PULL_URL: `${host}:${port}`,
    SINGLE_REGISTRY: 'true',
    DELETE_IMAGES: String(settings.delete),
    SHOW_CONTENT_DIGEST: 'true',
    SHOW_CATALOG_NB_TAGS: 'false',
    // It would ask a server of the internet for the newest version.
    ENABLE_VERSION_NOTIFICATION: 'false',
  };
  return page.replace(/\$\{([A-Z][A-Z0-9_]*)\}/g, (_, name: string) =>
    (values[name] ?? '').replace(/[&<>"]/g, (sign) => ENTITIES[sign] ?? ''),
  );
}
