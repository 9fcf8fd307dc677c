// The address of a registry, as a user writes it and as an image's name has it.
import { DEFAULT_PORT } from './settings.ts';
import { checkHost, checkPort, type Wrong, wrong } from './validation.ts';

export interface Address {
  host: string;
  port: number;
  /** The scheme, if the user gave one: `https://…`. */
  scheme?: 'http' | 'https';
}

const DEFAULT_PORTS = { http: 80, https: 443 };

/** Parses an address: `host`, `host:port`, `https://host:port/v2/`. Without a port: 5000, or the port of the scheme. */
export function parseAddress(text: string): Address | Wrong {
  const found = /^(?:(https?):\/\/)?(\[[^\]]*\]|[^/:\s]*)(?::(\d+))?(?:\/\S*)?$/i.exec(text.trim());
  if (!found) return wrong(`"${text}" is not an address`, '--host HOST:PORT');
  const host = (found[2] ?? '').toLowerCase().replace(/\.$/, '');
  const scheme = found[1]?.toLowerCase() as Address['scheme'];
  const port = found[3] ? Number(found[3]) : scheme ? DEFAULT_PORTS[scheme] : DEFAULT_PORT;
  return checkHost(host) ?? checkPort(port) ?? { host, port, ...(scheme && { scheme }) };
}

/** Returns the registry's name. Omits port 443, as users do, unless the host has no dot: it would look like a user of Docker Hub. */
export const nameOf = ({ host, port }: Address): string =>
  port === 443 && host.includes('.') ? host : `${host}:${port}`;
