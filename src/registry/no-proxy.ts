// Matches hosts with NO_PROXY. (go.dev: golang.org/x/net/http/httpproxy)
import { BlockList, isIP } from 'node:net';
import { bracketed } from '../host/names.ts';

/** Returns the proxy that the environment names for a host over TLS; undefined for none. */
export function proxyFor(env: NodeJS.ProcessEnv, host: string, port: number): string | undefined {
  const proxy = env.HTTPS_PROXY || env.https_proxy;
  return leftOut(env.NO_PROXY || env.no_proxy || '', host, port) ? undefined : proxy || undefined;
}

/** Tells whether NO_PROXY excludes this host from the proxy, by Go's rules; always true for localhost. */
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
    const [, name = entry, only] = /^(.*?)(?::(\d+))?$/.exec(bracketed(entry)) ?? [];
    if (only !== undefined && Number(only) !== port) return false;
    const plain = name.replace(/^\[(.*)\]$/, '$1').replace(/^\*\./, '.');
    if (family) return plain === bare;
    return plain.startsWith('.') ? bare.endsWith(plain) : bare === plain || bare.endsWith(`.${plain}`);
  });
}
