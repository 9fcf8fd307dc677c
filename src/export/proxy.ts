// Writes the configuration of somebody else's proxy in front of a registry; pure text.
import { bracketed } from '../host/names.ts';
import { reachedAt } from '../registry/endpoint.ts';
import { hasAuthPort } from '../settings/gateway.ts';
import { publicAddress } from '../settings/public-address.ts';
import type { Settings } from '../settings/settings.ts';
import { keepSections, templateText } from '../templates.ts';

/** The programs that a configuration is written for. */
export const PROXIES = ['nginx', 'caddy', 'traefik', 'apache', 'haproxy'] as const;
type ProxyName = (typeof PROXIES)[number];

const TEMPLATES: Record<ProxyName, string> = {
  nginx: 'export/nginx.conf',
  caddy: 'export/caddy.conf',
  traefik: 'export/traefik.yml',
  apache: 'export/apache.conf',
  haproxy: 'export/haproxy.cfg',
};

/** What the templates have in place of the values: each is a whole configuration as it stands. */
const STAND_INS =
  /(?<outer>https:\/\/hub\.example\.com)|(?<host>hub\.example\.com)|(?<scheme>http:\/\/)?127\.0\.0\.1:(?<port>500[01])|(?<upstream>http:\/\/)(?=registry-setup)|(?<listen>\b(?:443|80)\b)|(?<ca>\/opt\/registry\/certs\/ca\.crt)|(?<proto>(?<=X-Forwarded-Proto )https)|(?<entry>websecure)/g;

/** Quotes a path if one of these programs would not read it as one word. */
const word = (path: string): string => (/^[\w./-]+$/.test(path) ? path : JSON.stringify(path));

/**
 * Returns the configuration of a proxy for the registry of these settings, which have the URL of that proxy.
 * @param ca the file with the roots of the registry's own certificate
 */
export function proxyConfig(proxy: ProxyName, settings: Settings, ca: string): string {
  const { host, port, tls, origin } = publicAddress(settings);
  const inner = settings.tls !== 'insecure';
  const scheme = inner ? 'https://' : 'http://';
  const ports: Record<string, number> = { 5000: settings.port, 5001: settings.authPort };
  const text = keepSections(templateText(TEMPLATES[proxy]), {
    https: tls,
    http: !tls,
    inner,
    plain: !inner,
    // Behind the gateway the logins are at the same port.
    token: hasAuthPort(settings),
    single: !hasAuthPort(settings),
  });
  return text.replace(STAND_INS, (...found) => {
    const groups = found.at(-1) as Record<string, string | undefined>;
    if (groups.outer) return origin;
    if (groups.host) return host;
    if (groups.port)
      return `${groups.scheme ? scheme : ''}${bracketed(reachedAt(settings.bind))}:${ports[groups.port]}`;
    if (groups.upstream) return scheme;
    if (groups.listen) return String(port);
    if (groups.ca) return word(ca);
    if (groups.entry) return tls ? 'websecure' : 'web';
    return tls ? 'https' : 'http';
  });
}

/** Tells whether a word is the name of a proxy. */
export const isProxy = (text: string): text is ProxyName => (PROXIES as readonly string[]).includes(text);
