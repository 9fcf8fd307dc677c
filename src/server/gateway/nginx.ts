// The files that nginx reads: its configuration, who may push, whether anybody may, and the page.
import { hasReaders } from '../../settings/gateway.ts';
import { publicAddress } from '../../settings/public-address.ts';
import { PORTS_INSIDE, type Settings } from '../../settings/settings.ts';
import { hasDockerAuth } from '../../settings/token-server.ts';
import { keepSections, templateText } from '../../templates.ts';
import { addressOf, type GatewayFacts } from './gateway.ts';

/** Tells whether nginx takes `http2 on` (1.25.1 and newer); before, it was a word of `listen`. */
function hasHttp2Directive(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return major > 1 || (major === 1 && (minor > 25 || (minor === 25 && patch >= 1)));
}

/** Returns the configuration of nginx. */
export function gatewayConfig(settings: Settings, { subnet, image }: GatewayFacts): string {
  const { tls, ui } = settings;
  const parts = {
    readers: hasReaders(settings),
    token: hasDockerAuth(settings),
    tls: tls !== 'insecure',
    plain: tls === 'insecure',
    ui: ui === true,
    bare: ui !== true,
  };
  const text = keepSections(templateText('gateway.conf'), parts)
    .replace('192.0.2.2:5000', () => `${addressOf(subnet, 'registry')}:${PORTS_INSIDE.registry}`)
    .replace('192.0.2.3:5001', () => `${addressOf(subnet, 'auth')}:${PORTS_INSIDE.auth}`);
  return image === undefined || hasHttp2Directive(image.nginx)
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
  const { uiTitle = '' } = settings;
  const { name: address } = publicAddress(settings);
  const values: Record<string, string> = {
    REGISTRY_TITLE: uiTitle || address,
    DOCKER_REGISTRY_UI_TITLE: uiTitle,
    PULL_URL: address,
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
