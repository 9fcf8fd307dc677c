// Where the server itself reaches its registry.
import type { Endpoint } from './http.ts';

/** How a registry is served; the settings of a server say it. */
export interface Serving {
  /** The name that clients call. */
  host: string;
  port: number;
  /** The address that it listens on. */
  bind: string;
  /** `insecure` is plain HTTP, every other word is TLS. */
  tls: string;
}

/**
 * What the server itself connects to: the address that it listens on, whatever clients call it.
 * @param roots in PEM, where those of the system are not enough
 */
export function localEndpoint({ host, port, bind, tls }: Serving, roots?: string[]): Endpoint {
  const anywhere: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
  const ca = roots?.length ? { ca: roots } : {};
  return { tls: tls !== 'insecure', host, port, connectTo: anywhere[bind] ?? bind, ...ca };
}
