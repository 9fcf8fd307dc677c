// Judges the URL of a proxy that somebody else puts in front of the registry.
import { checkHost, checkPort, type Wrong, wrong } from './validation.ts';

/** Returns `https://hub.example.com`; undefined for nothing, and for what is no URL. */
export const originOf = (value: string): string | undefined =>
  URL.canParse(value) && new URL(value).origin !== 'null' ? new URL(value).origin : undefined;

/** Returns the name in a URL; undefined without one. */
export const hostOf = (url: string | undefined): string | undefined =>
  url === undefined ? undefined : new URL(url).hostname;

/** Accepts `https://NAME` or `http://NAME`, with a port or without; nothing at all is no proxy. Never shows a password that is in it. */
export function checkExternalUrl(value: string): Wrong | undefined {
  if (value === '') return undefined;
  const suggest = (origin: string) => `--external-url ${origin}`;
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(value)?.[1]?.toLowerCase();
  if (scheme === undefined) {
    const guess = originOf(`https://${value}`);
    return wrong('begins with https://, or with http://', guess && suggest(guess));
  }
  if (scheme !== 'https' && scheme !== 'http')
    return wrong(`a registry speaks https or http, not ${scheme}`, '--external-url https://NAME');
  if (!URL.canParse(value)) return wrong('is not a URL', '--external-url https://NAME');
  const { username, password, hostname, port, origin, pathname, search, hash } = new URL(value);
  if (username || password)
    return wrong(
      'holds a login: users are named by --user, and passwords by nothing in an address',
      suggest(origin),
    );
  if (hash || value.endsWith('#')) return wrong('has a fragment (#…), which is never sent', suggest(origin));
  if (search || value.endsWith('?')) return wrong('has a query (?…)', suggest(origin));
  if (pathname !== '/')
    return wrong('has a path, and clients ask for /v2/ at the root of an address', suggest(origin));
  const found = checkHost(hostname) ?? (port === '' ? undefined : checkPort(Number(port)));
  return found && wrong(found.message, found.fix?.replace(/^--host (\S+)$/, `--external-url ${scheme}://$1`));
}
