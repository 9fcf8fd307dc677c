// Finds proxies that would catch the registry: a company's proxy does not know a machine in the next room.
import { leftOut } from '../registry/no-proxy.ts';
import type { ClientRequest } from './options.ts';

/** Returns a warning if a daemon, or a command line, would ask a proxy for the registry. */
export function proxyWarnings(
  proxy: { http: string; https: string; no: string },
  { host, port }: Pick<ClientRequest, 'host' | 'port'>,
): string[] {
  const used = proxy.https || proxy.http;
  if (!used || leftOut(proxy.no, host, port)) return [];
  const shown = used.replace(/\/\/[^@/]*@/, '//…@');
  return [
    `Docker asks the proxy ${shown} for it; add ${host} to its NO_PROXY (now: ${proxy.no || 'nothing'}).`,
  ];
}
