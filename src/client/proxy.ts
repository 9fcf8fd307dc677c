// Proxies that would catch the registry: a proxy of the company knows nothing of a machine in the next room.
import { BlockList, isIP } from 'node:net';
import type { Wish } from './wish.ts';

/** Whether NO_PROXY leaves this host out, by Go's rules (golang.org/x/net/http/httpproxy). */
export function leftOut(noProxy: string, host: string, port: number): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  const family = isIP(bare);
  if (bare === 'localhost' || /^127\./.test(bare) || bare === '::1') return true;
  return noProxy.split(',').some((raw) => {
    const entry = raw.trim().toLowerCase();
    if (entry === '') return false;
    if (entry === '*') return true;
    const [, range = '', bits] = /^(.*)\/(\d+)$/.exec(entry) ?? [];
    if (bits !== undefined) {
      if (!family || isIP(range) !== family) return false;
      const list = new BlockList();
      const kind = family === 6 ? 'ipv6' : 'ipv4';
      list.addSubnet(range, Number(bits), kind);
      return list.check(bare, kind);
    }
    const [, name = entry, only] = /^(.*?)(?::(\d+))?$/.exec(isIP(entry) === 6 ? `[${entry}]` : entry) ?? [];
    if (only !== undefined && Number(only) !== port) return false;
    const plain = name.replace(/^\[(.*)\]$/, '$1').replace(/^\*\./, '.');
    if (family) return plain === bare;
    return plain.startsWith('.') ? bare.endsWith(plain) : bare === plain || bare.endsWith(`.${plain}`);
  });
}

/** What to say of a daemon, or a command line, that would ask a proxy for the registry. */
export function proxyWarnings(
  proxy: { http: string; https: string; no: string },
  { host, port }: Wish,
): string[] {
  const used = proxy.https || proxy.http;
  if (!used || leftOut(proxy.no, host, port)) return [];
  const shown = used.replace(/\/\/[^@/]*@/, '//…@');
  return [
    `Docker asks the proxy ${shown} for it; add ${host} to its NO_PROXY (now: ${proxy.no || 'nothing'}).`,
  ];
}
