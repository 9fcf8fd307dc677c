// What was decided: the one value that the plan is made from, and the meaning of every answer.
import { isIP } from 'node:net';
import { isAbsolute, join, resolve } from 'node:path';
import type { Answer, Answers } from './arguments.ts';
import type { Problem } from './errors.ts';
import type { FlagName } from './flags.ts';

export type Auth = 'none' | 'htpasswd' | 'token';
export type Tls = 'insecure' | 'self-signed' | 'ca-signed';

export interface Settings {
  host: string;
  port: number;
  bind: string;
  dir: string;
  storage: string;
  auth: Auth;
  /** Kept when nobody logs in any more, so that the passwords are there when login is turned on again. */
  users: string[];
  tls: Tls;
  delete: boolean;
  image: string;
  engine: 'docker';
  name: string;
}

/** What is taken for an answer that nobody gave. */
export interface Defaults {
  host?: string | undefined;
  dir: string;
  /** The image that an archive holds. */
  image?: string | undefined;
}

export const DEFAULT_DIR = '/opt/registry';
export const DEFAULT_IMAGE = 'registry:3';
/** bcrypt looks at 72 bytes and no more; longer ones are cut or refused, as the library likes. */
const PASSWORD_BYTES = 72;

/** What is wrong with one value, and the way out. */
export interface Wrong {
  message: string;
  fix?: string;
}
const wrong = (message: string, fix?: string): Wrong => ({ message, ...(fix && { fix }) });

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * An address as it can stand in an image reference: a name of letters, digits, hyphens and dots, an IPv4 address, or an IPv6
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
    return isIP(inner) === 6 ? unspecified(inner) : wrong(`"${inner}" is not an IPv6 address`);
  if (isIP(host) === 6) return wrong('an IPv6 address is written in brackets', `--host [${host}]`);
  if (isIP(host) === 4) return unspecified(host);
  if (/:\d*$/.test(host)) return wrong('the port has a flag of its own', suggestHost(host));
  if (host.includes('_'))
    return wrong(
      'an underscore cannot stand in an image name, so no client could use it',
      `--host ${host.replaceAll('_', '-')}`,
    );
  const labels = host.split('.');
  if (/^\d+$/.test(labels.at(-1) ?? '')) return wrong(`"${value}" is neither a name nor an IPv4 address`);
  if (host.length > 253 || !labels.every((label) => LABEL.test(label)))
    return wrong(
      `"${value}" is not a host name: letters, digits, hyphens and dots, 63 characters a part at the most`,
    );
  return undefined;
}

const unspecified = (ip: string) =>
  ['0.0.0.0', '::'].includes(ip)
    ? wrong(`no client can call ${ip}; give an address of this machine`, '--host 10.0.0.1 --bind 0.0.0.0')
    : undefined;

function suggestHost(text: string): string {
  const [, host = text, port] = /^(.*?)(?::(\d+))?$/.exec(text) ?? [];
  return `--host ${host}${port ? ` --port ${port}` : ''}`;
}

export function checkPort(value: number): Wrong | undefined {
  return Number.isInteger(value) && value >= 1 && value <= 65_535
    ? undefined
    : wrong(`a port is a number from 1 to 65535, not ${value}`);
}

function checkBind(value: string): Wrong | undefined {
  return isIP(value) ? undefined : wrong(`"${value}" is not an IP address`, '--bind 127.0.0.1');
}

/** Directories that hold a system: a registry's files do not belong right in them. */
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

export function checkDirectory(value: string): Wrong | undefined {
  if (value === '') return wrong('a directory is needed');
  const path = resolve(value);
  if (/[\n\r:]/.test(path)) return wrong('a directory with a colon or a line break cannot be mounted');
  if (SYSTEM.includes(path))
    return wrong(`${path} belongs to the system`, `${join(path, 'registry')} would do`);
  const inside = ['/proc', '/sys', '/dev', '/etc', '/boot', '/run'].find((dir) => path.startsWith(`${dir}/`));
  return inside ? wrong(`${inside} is no place for images`) : undefined;
}

/** The signs that htpasswd, docker_auth and a shell all read as themselves. */
export function checkUser(value: string): Wrong | undefined {
  if (value === '') return wrong('a name is needed');
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(value)
    ? undefined
    : wrong(
        `"${value}" is not a user name: letters, digits, dot, underscore and hyphen, a letter or digit first`,
      );
}

export function checkPassword(value: string): Wrong | undefined {
  if (value === '') return wrong('a password cannot be empty');
  if (Buffer.byteLength(value) > PASSWORD_BYTES)
    return wrong(`a password has at most ${PASSWORD_BYTES} bytes; this one has ${Buffer.byteLength(value)}`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return /[\u0000-\u001f\u007f]/.test(value) ? wrong('a password has no control characters') : undefined;
}

const checkName = (value: string) =>
  /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/.test(value) ? undefined : wrong(`"${value}" is not a container name`);

const checkImage = (value: string) =>
  /^[a-z0-9][A-Za-z0-9._\-/:@[\]]*$/.test(value) ? undefined : wrong(`"${value}" is not an image reference`);

/** Modes that the contract names and this version does not do. */
const NOT_YET: Partial<Record<FlagName, string[]>> = {
  auth: ['token'],
  tls: ['self-signed', 'ca-signed'],
  engine: ['podman', 'native'],
};

function checkBuilt(name: FlagName, value: string): Wrong | undefined {
  return NOT_YET[name]?.includes(value) ? wrong(`"${value}" is not built yet in this version`) : undefined;
}

/**
 * Settings from what was said. Pure.
 * @param answers merged by precedence already; see `mergeAnswers`
 * @returns the settings, or every problem with where it was said; never both
 */
export function resolveSettings(
  answers: Answers,
  defaults: Defaults,
): { settings: Settings } | { problems: Problem[] } {
  const problems: Problem[] = [];
  function take<T extends Answer['value']>(
    name: FlagName,
    fallback: T,
    check: (value: T) => Wrong | undefined = () => undefined,
  ): T {
    const answer = answers[name];
    const value = (answer?.value ?? fallback) as T;
    const found = check(value);
    if (found) problems.push({ where: answer?.where ?? `--${name}`, ...found });
    return value;
  }

  const dir = resolve(take('dir', defaults.dir, checkDirectory));
  const storage = take('storage', join(dir, 'data'), checkDirectory);
  const auth = take<Auth>('auth', 'htpasswd', (v) => checkBuilt('auth', v));
  const users = take<string[]>('user', auth === 'none' ? [] : ['admin'], (list) =>
    list.map(checkUser).find((found) => found !== undefined),
  );
  if (auth !== 'none' && users.length === 0)
    problems.push({
      where: answers.user?.where ?? '--user',
      message: 'somebody must be able to log in',
      fix: '--user admin',
    });
  const settings: Settings = {
    host: take('host', defaults.host ?? '', checkHost).toLowerCase(),
    port: take('port', 5000, checkPort),
    bind: take('bind', '0.0.0.0', checkBind),
    dir,
    storage: isAbsolute(storage) ? resolve(storage) : resolve(process.cwd(), storage),
    auth,
    users: [...new Set(users)],
    tls: take<Tls>('tls', 'insecure', (v) => checkBuilt('tls', v)),
    delete: take<boolean>('delete', true),
    image: take('image', defaults.image ?? DEFAULT_IMAGE, checkImage),
    engine: take<string>('engine', 'docker', (v) => checkBuilt('engine', v)) as 'docker',
    name: take('name', 'registry', checkName),
  };
  return problems.length > 0 ? { problems } : { settings: { ...settings, engine: 'docker' } };
}

/** Later ones give way to earlier ones: flags, then the environment, then an answers file, then the last run. */
export const mergeAnswers = (...sources: Answers[]): Answers =>
  Object.assign({}, ...sources.toReversed()) as Answers;

/** `host:port` as it stands in an image's name. */
export const address = ({ host, port }: Pick<Settings, 'host' | 'port'>): string => `${host}:${port}`;

/** The settings under the names of the flags: what settings.yml holds. No secret is among them. */
export function asAnswers(settings: Settings): Record<string, string | number | boolean | string[]> {
  const { users, dir: _dir, ...rest } = settings;
  return { ...rest, user: users };
}
