// Finds a proxy that runs on this machine already: the registry can stand behind it.
import type { Host } from '../../host/host.ts';
import { portHolder } from '../../host/ports.ts';
import type { Settings } from '../../settings/settings.ts';
import { commandLine } from '../../terminal/command.ts';

/** The programs, as a process or in the name of an image, and what people call them. */
const PROXIES: Record<string, string> = {
  nginx: 'nginx',
  openresty: 'nginx',
  caddy: 'Caddy',
  traefik: 'Traefik',
  apache2: 'Apache',
  httpd: 'Apache',
  haproxy: 'HAProxy',
};

/** Returns what people call a proxy. @param text the name of a program, or of an image; undefined if it is none */
export function proxyNamed(text: string): string | undefined {
  const [, name = ''] = /^(?:.*\/)?([a-z0-9-]+?)(?:-proxy(?:-manager)?)?(?:[:@].*)?$/.exec(text) ?? [];
  return PROXIES[name];
}

/** Returns the proxy that holds a port of HTTP here; undefined if none does, or if that cannot be seen. */
export async function proxyHere(
  listening: Set<number>,
  host: Host,
): Promise<{ name: string; port: number } | undefined> {
  for (const port of [443, 80]) {
    if (!listening.has(port)) continue;
    const name = proxyNamed((await portHolder(host, port))?.program ?? '');
    if (name) return { name, port };
  }
  return undefined;
}

/** Returns the way to put the registry behind a proxy that holds its port. @param free a port that nothing holds */
export function behindIt(settings: Settings, wanted: number, name: string, free: number): string {
  const port = wanted === 443 || wanted === 80 ? '' : `:${wanted}`;
  const url = `${wanted === 80 ? 'http' : 'https'}://${settings.host}${port}`;
  return `${`Or behind ${name}:`.padEnd(26)} ${commandLine(`--external-url ${url} --port ${free}`)}`;
}
