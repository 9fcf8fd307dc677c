// Checks answers: each check returns what is wrong with a value, and the way out. The prompts use the same checks.
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';
import { domainToASCII } from 'node:url';
import { ipBytes, bare as withoutBrackets } from '../host/names.ts';

/** bcrypt reads 72 bytes and no more; a library cuts or refuses longer passwords. */
const PASSWORD_BYTES = 72;

/** What is wrong with one value, and the way out. */
export interface Wrong {
  message: string;
  fix?: string;
}
export const wrong = (message: string, fix?: string): Wrong => ({ message, ...(fix && { fix }) });

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Accepts an address as in an image reference: a name of letters, digits, hyphens and dots, an IPv4 address, or an IPv6
 * address in brackets. (github.com/distribution/reference: an underscore is no part of a domain.)
 */
export function checkHost(value: string): Wrong | undefined {
  const host = value.toLowerCase();
  if (host === '') return wrong('an address is needed', '--host NAME, or --host IP');
  const scheme = /^[a-z+]+:\/\//.exec(host)?.[0];
  const bare = host.slice(scheme?.length ?? 0).split('/')[0] ?? '';
  if (scheme || host.includes('/'))
    return wrong(`give the address alone, without ${scheme ? 'a scheme' : 'a path'}`, suggestHost(bare));
  if (/\s/.test(value)) return wrong('an address has no spaces');
  const inner = /^\[(.*)\]$/.exec(host)?.[1];
  if (inner !== undefined)
    return isIP(inner) === 6 ? nobodys(inner) : wrong(`"${inner}" is not an IPv6 address`);
  if (isIP(host) === 6)
    return nobodys(host) ?? wrong('an IPv6 address is written in brackets', `--host [${host}]`);
  if (isIP(host) === 4) return nobodys(host);
  if (/:\d*$/.test(host)) return wrong('the port has a flag of its own', suggestHost(host));
  if (host.includes('_'))
    return wrong(
      'an image name cannot contain an underscore, so no client could use it',
      `--host ${host.replaceAll('_', '-')}`,
    );
  if (/[^.]\.$/.test(host))
    return wrong('an image name has no dot at its end', suggestHost(host.slice(0, -1)));
  const labels = host.split('.');
  const ascii = domainToASCII(host);
  const [last = ''] = labels.slice(-1);
  // `0xac12000c` is 172.18.0.12 to curl, browsers and getaddrinfo. (url.spec.whatwg.org, "ends in a number")
  if (/(^|\.)0x/.test(host) && /^(\d+|0x[0-9a-f]*)$/.test(last)) {
    const fix = ascii ? `--host ${ascii}` : undefined;
    return wrong(`"${value}" is no name: programs read it as an IPv4 address`, fix);
  }
  if (/^\d+$/.test(last)) return wrong(`"${value}" is neither a name nor an IPv4 address`);
  if (/[^\x20-\x7e]/.test(host) && ascii !== '' && !checkHost(ascii))
    return wrong(
      `an image name has no other letters than a to z; "${value}" is ${ascii} there`,
      `--host ${ascii}`,
    );
  if (host.length > 253 || !labels.every((label) => LABEL.test(label)))
    return wrong(
      `"${value}" is not a host name: letters, digits, hyphens and dots, at most 63 characters a part`,
    );
  return undefined;
}

/** Refuses an address that no client can call: the unspecified one, and one with a zone, which is an interface of one machine. */
function nobodys(ip: string): Wrong | undefined {
  if (ip.includes('%'))
    return wrong(`no client can call ${ip}: the part after % is an interface of one machine`, '--host NAME');
  return ipBytes(ip).every((byte) => byte === 0)
    ? wrong(`no client can call ${ip}; give an address of this machine`, '--host IP --bind 0.0.0.0')
    : undefined;
}

function suggestHost(text: string): string {
  const [, host = text, port] = /^(.*?)(?::(\d+))?$/.exec(text) ?? [];
  return `--host ${host}${port ? ` --port ${port}` : ''}`;
}

/** Accepts a whole number from 1 to 65535. */
export function checkPort(value: number): Wrong | undefined {
  return Number.isInteger(value) && value >= 1 && value <= 65_535
    ? undefined
    : wrong(`a port is a number from 1 to 65535, not ${value}`);
}

/** Accepts an IPv4 or IPv6 address; the latter also in brackets, as --host has it. */
export function checkBind(value: string): Wrong | undefined {
  const ip = withoutBrackets(value);
  return isIP(ip) && (ip === value || isIP(ip) === 6)
    ? undefined
    : wrong(`"${value}" is not an IP address`, '--bind 127.0.0.1');
}

/** Directories of the system: a registry's files do not belong right in them. */
const SYSTEM = [
  '/',
  '/bin',
  '/boot',
  '/dev',
  '/etc',
  '/home',
  '/lib',
  '/opt',
  '/proc',
  '/root',
  '/run',
].concat([
  '/sbin',
  '/srv',
  '/sys',
  '/tmp',
  '/usr',
  '/usr/local',
  '/var',
  '/var/lib',
  '/var/lib/docker',
  '/mnt',
]);

/** Accepts a directory that can be mounted and does not belong to the system. */
export function checkDirectory(value: string): Wrong | undefined {
  if (value === '') return wrong('a directory is needed');
  const path = resolve(value);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\u007f:]/.test(path))
    return wrong('a directory with a colon, a line break or the like cannot be mounted');
  if (SYSTEM.includes(path))
    return wrong(`${path} belongs to the system`, `${join(path, 'registry')} would do`);
  const inside = ['/proc', '/sys', '/dev', '/etc', '/boot', '/run'].find((dir) => path.startsWith(`${dir}/`));
  return inside ? wrong(`${inside} is no place for images`) : undefined;
}

/** Accepts up to 64 of the characters that htpasswd, docker_auth and a shell all read as themselves. */
export function checkUser(value: string): Wrong | undefined {
  if (value === '') return wrong('a name is needed');
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(value)
    ? undefined
    : wrong(
        `"${value}" is not a user name: letters, digits, dot, underscore and hyphen, a letter or digit first`,
      );
}

/** Accepts 1 to 72 bytes without control characters. */
export function checkPassword(value: string): Wrong | undefined {
  if (value === '') return wrong('a password cannot be empty');
  if (Buffer.byteLength(value) > PASSWORD_BYTES)
    return wrong(`a password has at most ${PASSWORD_BYTES} bytes; this one has ${Buffer.byteLength(value)}`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return /[\u0000-\u001f\u007f]/.test(value)
    ? wrong('a password cannot contain control characters')
    : undefined;
}

/** Accepts what checkHost does, and a wildcard or a bare IPv6 address, since no image name holds them. */
export function checkSan(value: string): Wrong | undefined {
  if (isIP(value)) return undefined;
  const [, star = '', name = ''] = /^(\*\.)?(.*)$/s.exec(value) ?? [];
  const found = checkHost(name);
  return found && wrong(found.message, found.fix?.replace(/^--host /, `--san ${star}`));
}

/** Accepts 1 to 3650 days. */
export function checkDays(value: number): Wrong | undefined {
  return value >= 1 && value <= 3650 ? undefined : wrong(`a certificate lasts 1 to 3650 days, not ${value}`);
}

/** Accepts a part of a subject: RFC 5280 limits an organization and its unit to 64 characters. */
export const checkSubject = (value: string): Wrong | undefined =>
  /^[^\p{C}]{1,64}$/u.test(value) ? undefined : wrong('1 to 64 characters are needed');

/** Accepts two letters (ISO 3166). */
export const checkCountry = (value: string): Wrong | undefined =>
  /^[A-Za-z]{2}$/.test(value) ? undefined : wrong(`"${value}" is no country: two letters`, '--country DE');

/** Accepts a container name: 1 to 63 letters, digits, `_`, `.` and `-`, a letter or digit first. */
export const checkName = (value: string) =>
  /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/.test(value) ? undefined : wrong(`"${value}" is not a container name`);

/** Accepts the characters of an image reference, a lower-case letter or digit first, and a whole digest. */
export const checkImage = (value: string) =>
  /^[a-z0-9][A-Za-z0-9._\-/:[\]]*(?:@(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?$/.test(value)
    ? undefined
    : wrong(`"${value}" is not an image reference`);

/** Accepts a whole number that is not negative. */
export const checkCount = (value: number) =>
  Number.isInteger(value) && value >= 0 ? undefined : wrong(`a whole number is needed, not ${value}`);

const HOUR = 3_600_000;
const UNITS: Record<string, number> = { h: HOUR, d: 24 * HOUR, w: 7 * 24 * HOUR };

/** Returns milliseconds: `48h`, `30d`, `12w`; undefined for anything else. */
export function ageOf(text: string): number | undefined {
  const [, count = '', unit = ''] = /^(\d{1,5})([hdw])$/.exec(text.trim().toLowerCase()) ?? [];
  return UNITS[unit] && Number(count) * UNITS[unit];
}

/** Accepts an age. */
export const checkAge = (value: string) =>
  ageOf(value) === undefined
    ? wrong(`"${value}" is no age: a number and h, d or w (hours, days, weeks)`, '--older-than 30d')
    : undefined;

/** Accepts a title of the web page: a short line. */
export const checkTitle = (text: string): Wrong | undefined =>
  /^[^\p{C}]{1,60}$/u.test(text) && text.trim() !== ''
    ? undefined
    : wrong('takes one line of at most 60 characters', '--ui-title "Images of our team"');
