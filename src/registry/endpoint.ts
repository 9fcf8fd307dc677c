// Returns the address by which the server itself reaches its registry.
import type { Endpoint } from './http.ts';

/** How a registry is served, from the settings of a server. */
export interface Serving {
  /** The name that clients call. */
  host: string;
  port: number;
  /** The address that it listens on. */
  bind: string;
  /** `insecure` is plain HTTP; every other word is TLS. */
  tls: string;
}

/** Returns the address at which this machine reaches what listens on one. */
export function reachedAt(bind: string): string {
  const anywhere: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
  return anywhere[bind] ?? bind;
}

/**
 * Returns the endpoint that the server itself connects to: the address that the registry listens on, by the name that clients use.
 * @param roots PEM, if the roots of the system are not enough
 */
export function localEndpoint({ host, port, bind, tls }: Serving, roots?: string[]): Endpoint {
  const ca = roots?.length ? { ca: roots } : {};
  return { tls: tls !== 'insecure', host, port, connectTo: reachedAt(bind), ...ca };
}
