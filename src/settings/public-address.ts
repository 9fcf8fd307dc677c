// The address at which people use a registry: what they type, what an image's name begins with, where their logins go.
import { nameOf } from './address.ts';
import { DEFAULT_PORT } from './settings.ts';

/** The settings that make the address. */
export interface Addressed {
  host: string;
  port: number;
  /** `insecure` is plain HTTP; every other word is TLS. */
  tls: string;
  /** The URL of a proxy in front, which has another port and its own certificate. */
  externalUrl?: string | undefined;
}

export interface PublicAddress {
  /** `https://hub.example.com`, `http://10.0.3.17:5000`: without the port that the scheme implies. */
  origin: string;
  /** As in an image's name: `hub.example.com`, `10.0.3.17:5000`. */
  name: string;
  host: string;
  port: number;
  /** TLS is spoken at this address, whoever ends it. */
  tls: boolean;
}

const PORTS = { true: 443, false: 80 };

function addressOf(tls: boolean, host: string, port: number): PublicAddress {
  const shown = port === PORTS[`${tls}`] ? '' : `:${port}`;
  return {
    origin: `${tls ? 'https' : 'http'}://${host}${shown}`,
    name: nameOf({ host, port }),
    host,
    port,
    tls,
  };
}

/** Returns what makes the address from the words of a settings file, as it was written: it may be edited by hand. */
export const addressedBy = (
  word: (name: 'host' | 'port' | 'tls' | 'external-url') => unknown,
): Addressed => ({
  host: String(word('host')),
  port: Number(word('port')),
  tls: String(word('tls') ?? ''),
  ...(URL.canParse(String(word('external-url'))) && { externalUrl: String(word('external-url')) }),
});

/** Returns the address that people use: that of the proxy in front if there is one, else the registry's own. */
export function publicAddress({ host, port, tls, externalUrl }: Addressed): PublicAddress {
  if (externalUrl === undefined) return addressOf(tls !== 'insecure', host, port);
  const url = new URL(externalUrl);
  const secure = url.protocol === 'https:';
  return addressOf(secure, url.hostname, Number(url.port || PORTS[`${secure}`]));
}

/** Returns the flags with which a client calls the registry. A scheme says that it is plain HTTP; that of a URL which the user gave says the port. */
export function clientFlags(settings: Addressed): string[] {
  const { host, port, tls, origin } = publicAddress(settings);
  if (!tls || (settings.externalUrl !== undefined && port === 443)) return ['--host', origin];
  return ['--host', host, ...(port === DEFAULT_PORT ? [] : ['--port', String(port)])];
}
