// Where the server itself reaches its registry.
import type { Settings } from '../settings/settings.ts';
import type { Endpoint } from './http.ts';

/** What the server itself connects to: the address that it listens on, whatever clients call it. */
export function localEndpoint({ host, port, bind, tls }: Settings, roots?: string[]): Endpoint {
  const anywhere: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
  const ca = roots?.length ? { ca: roots } : {};
  return { tls: tls !== 'insecure', host, port, connectTo: anywhere[bind] ?? bind, ...ca };
}
