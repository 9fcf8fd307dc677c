// Reads from flags what the user wants of this machine: which registry, whose login, which targets. Reports all problems at once.
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { InputError, type Problem } from '../errors.ts';
import { type Address, nameOf, parseAddress } from '../settings/address.ts';
import type { Answers } from '../settings/answers.ts';
import { isPublicRegistry } from '../settings/public-registries.ts';
import { checkPort, checkUser, type Wrong, wrong } from '../settings/validation.ts';

export interface ClientRequest extends Address {
  /** The registry as in an image's name, and as every tool calls it. */
  name: string;
  /** Its directory in certs.d, if that cannot be its name. */
  folder?: string;
  ca?: string;
  /** `AA:BB:…` */
  fingerprint?: string;
  user?: string;
  /** Empty: all that are found. */
  targets: string[];
  /** The IP address of the name, if the user gave it. */
  address?: string;
  mirror: boolean;
}

/** Parses any spelling of a SHA-256: colons or none, any case, openssl's prefix. Returns undefined if it is none. */
export function parseFingerprint(text: string): string | undefined {
  const hex = text
    .replace(/^.*=/, '')
    .replace(/^sha-?256:/i, '')
    .replace(/[:\s]/g, '')
    .toUpperCase();
  return /^[0-9A-F]{64}$/.test(hex) ? hex.match(/../g)?.join(':') : undefined;
}

/** Reads the flags; the user was asked for `host` before. @throws InputError with every problem */
export function readWish(answers: Answers, targets: readonly string[]): ClientRequest {
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
  check(
    'user',
    users.length > 1 ? wrong('only one user at a time can log in', `--user ${users[0]}`) : undefined,
  );
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
  if (ip && isPublicRegistry(address.host))
    check('address', wrong(`would lead every pull from ${address.host} on this machine to ${ip}`));
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
