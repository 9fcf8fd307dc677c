// What the settings of ACME may be: mail address, server, names.
import { isIP } from 'node:net';
import { bare } from '../host/names.ts';
import type { Settings } from './settings.ts';
import { type Wrong, wrong } from './validation.ts';

/** The flags that go with --acme alone. */
export const ACME_OPTIONS = ['acme-server', 'acme-dns-hook', 'acme-eab-kid', 'acme-eab-key-file'] as const;

/** The port on which a CA looks at a name (RFC 8555 8.3). */
export const PROOF_PORT = 80;

const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory';

/** Returns the address of the server's directory. */
export const serverOf = ({ acmeServer }: Pick<Settings, 'acmeServer'>): string => acmeServer ?? LETS_ENCRYPT;

/** Returns the server as a sentence names it. */
export function serverName(settings: Pick<Settings, 'acmeServer'>): string {
  const { host } = new URL(serverOf(settings));
  return host.endsWith('.letsencrypt.org') ? "Let's Encrypt" : host;
}

/** Accepts a mail address in ASCII; an empty word takes the setting away. */
export const checkEmail = (value: string): Wrong | undefined =>
  value === '' || /^[\w.+-]{1,64}@([a-z0-9-]{1,63}\.)+[a-z]{2,63}$/i.test(value)
    ? undefined
    : wrong(`"${value}" is no mail address`, '--acme admin@example.com');

/** Accepts an address with TLS. */
export function checkAcmeServer(value: string): Wrong | undefined {
  if (value === '') return undefined;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const fix = '--acme-server https://ca.corp.example/acme/acme/directory';
  if (url?.protocol !== 'https:') return wrong(`"${value}" is no address that begins with https://`, fix);
  return url.username || url.password ? wrong('an address has no password in it', fix) : undefined;
}

/** Accepts what an id of a customer's account is made of. */
export const checkKid = (value: string): Wrong | undefined =>
  /^[\x21-\x7e]{0,256}$/.test(value) ? undefined : wrong('this is no id: it has spaces, or is too long');

/** Endings that no public CA issues for. (RFC 2606, 6761, 6762, 8375; ICANN: internal) */
const INNER =
  /(^|\.)(local|lan|internal|intranet|home|corp|private|localdomain|localhost|test|example|invalid|onion|home\.arpa)$/;

/** Returns why no public CA issues a certificate for a name; undefined if one may. @param name may begin with `*.` */
export function privateName(name: string): string | undefined {
  const plain = bare(name).replace(/^\*\./, '').toLowerCase();
  if (isIP(plain)) return 'it is an IP address';
  if (!plain.includes('.')) return 'it has no domain';
  const [ending] = INNER.exec(plain) ?? [];
  return ending ? `names that end in .${ending.replace(/^\./, '')} are of one network alone` : undefined;
}
