// What the person wants of this machine: which registry, whose login, what shall trust it. From flags, all problems at once.
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { InputError, type Problem } from '../errors.ts';
import type { Answers } from '../settings/answers.ts';
import { checkHost, checkPort, checkUser, type Wrong, wrong } from '../settings/validation.ts';

export interface Address {
  host: string;
  port: number;
  /** When it was said: `https://…`. */
  scheme?: 'http' | 'https';
}

export interface Wish extends Address {
  /** As it stands in an image's name, and as every tool calls it. */
  name: string;
  /** Its directory in certs.d, where that cannot be its name. */
  folder?: string;
  ca?: string;
  /** `AA:BB:…` */
  fingerprint?: string;
  user?: string;
  /** Empty: all that is found. */
  targets: string[];
  /** Where the name is, when nothing else tells. */
  address?: string;
  mirror: boolean;
}

const DEFAULT_PORTS = { http: 80, https: 443 };

/** An address as people have it: `host`, `host:port`, `https://host:port/v2/`. Without a port: 5000, or what the scheme says. */
export function parseAddress(text: string): Address | Wrong {
  const found = /^(?:(https?):\/\/)?(\[[^\]]*\]|[^/:\s]*)(?::(\d+))?(?:\/\S*)?$/i.exec(text.trim());
  if (!found) return wrong(`"${text}" is not an address`, '--host HOST:PORT');
  const host = (found[2] ?? '').toLowerCase().replace(/\.$/, '');
  const scheme = found[1]?.toLowerCase() as Address['scheme'];
  const port = found[3] ? Number(found[3]) : scheme ? DEFAULT_PORTS[scheme] : 5000;
  return checkHost(host) ?? checkPort(port) ?? { host, port, ...(scheme && { scheme }) };
}

/** On 443 the port is left out, as people do; but a name without a dot would be taken for a user of Docker Hub. */
export const nameOf = ({ host, port }: Address): string =>
  port === 443 && host.includes('.') ? host : `${host}:${port}`;

/** Any spelling of a SHA-256: colons or none, any case, what openssl writes before it. Undefined: it is none. */
export function parseFingerprint(text: string): string | undefined {
  const hex = text
    .replace(/^.*=/, '')
    .replace(/^sha-?256:/i, '')
    .replace(/[:\s]/g, '')
    .toUpperCase();
  return /^[0-9A-F]{64}$/.test(hex) ? hex.match(/../g)?.join(':') : undefined;
}

/** @throws InputError with every problem. `host` has been asked for already. */
export function readWish(answers: Answers, targets: readonly string[]): Wish {
  const problems: Problem[] = [];
  const text = (name: 'host' | 'ca' | 'ca-fingerprint' | 'address') =>
    answers[name]?.value as string | undefined;
  const check = (
    name: 'host' | 'port' | 'user' | 'target' | 'address' | 'ca-fingerprint',
    found: Wrong | undefined,
  ) => {
    if (found) problems.push({ where: answers[name]?.where ?? `--${name}`, ...found });
  };
  const parsed = parseAddress(text('host') ?? '');
  const address = 'message' in parsed ? { host: 'x', port: 1 } : parsed;
  check('host', 'message' in parsed ? parsed : undefined);
  if (answers.port) {
    address.port = Number(answers.port.value);
    check('port', checkPort(address.port));
  }
  const users = (answers.user?.value ?? []) as string[];
  check('user', users.length > 1 ? wrong('one at a time can be logged in', `--user ${users[0]}`) : undefined);
  check('user', users[0] === undefined ? undefined : checkUser(users[0]));
  const wanted = (answers.target?.value ?? []) as string[];
  const unknown = wanted.find((name) => !targets.includes(name));
  check(
    'target',
    unknown === undefined ? undefined : wrong(`there is no "${unknown}"; there are ${targets.join(', ')}`),
  );
  const given = text('ca-fingerprint');
  const fingerprint = given === undefined ? undefined : parseFingerprint(given);
  const short = wrong('is the SHA-256 of a certificate: 64 hexadecimal digits, colons or not');
  check('ca-fingerprint', given !== undefined && !fingerprint ? short : undefined);
  const ip = text('address')?.replace(/^\[(.*)\]$/, '$1');
  check('address', ip === undefined || isIP(ip) ? undefined : wrong(`"${ip}" is not an IP address`));
  if (ip && isIP(address.host.replace(/[[\]]/g, '')))
    check('address', wrong(`${address.host} is an address already`, 'Leave --address out.'));
  if (problems.length > 0) throw new InputError(problems);
  const [user] = users;
  const ca = text('ca');
  return {
    ...address,
    name: nameOf(address),
    targets: wanted,
    mirror: answers.mirror?.value === true,
    ...(ca && { ca: resolve(ca) }),
    ...(fingerprint && { fingerprint }),
    ...(user && { user }),
    ...(ip && { address: ip }),
  };
}
