// What was decided: the one value that the plan is made from, and the meaning of every answer.
import { isAbsolute, join, resolve } from 'node:path';
import type { Problem } from '../errors.ts';
import type { Answer, Answers } from './answers.ts';
import { engineProblems, fileProblems, isAddress, nameProblems } from './conflicts.ts';
import type { FlagName } from './flags.ts';
import { checkReader, readersOf } from './readers.ts';
import {
  type Auth,
  address,
  DEFAULT_AUTH_IMAGE,
  DEFAULT_DAYS,
  DEFAULT_IMAGE,
  DEFAULT_PORT,
  type EngineKind,
  type Settings,
  type Tls,
} from './settings.ts';
import {
  checkBind,
  checkDays,
  checkDirectory,
  checkHost,
  checkImage,
  checkName,
  checkPort,
  checkSan,
  checkUser,
  type Wrong,
} from './validation.ts';

/** What is taken for an answer that nobody gave. */
export interface Defaults {
  host?: string | undefined;
  dir: string;
  /** The image that an archive holds. */
  image?: string | undefined;
  /** What `auto` means on this machine. */
  engine?: EngineKind | undefined;
  openPort?: boolean | undefined;
  hostsLine?: boolean | undefined;
  /** There is an archive of images: without an engine the registry's program comes out of it. */
  archive?: string | undefined;
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
  const auth = take<Auth>('auth', 'htpasswd');
  const users = take<string[]>('user', auth === 'none' ? [] : ['admin'], (list) =>
    list.map(checkUser).find((found) => found !== undefined),
  );
  if (auth !== 'none' && users.length === 0)
    problems.push({
      where: answers.user?.where ?? '--user',
      message: 'somebody must be able to log in',
      fix: '--user admin',
    });
  const readers = take<string[]>('reader', [], (list) => list.map(checkReader).find((found) => found));
  problems.push(...roleProblems(answers, auth, users, readers));
  const tls = take<Tls>('tls', 'ca-signed');
  const path = (name: 'cert' | 'key' | 'ca-cert' | 'ca-key') => {
    const value = answers[name]?.value;
    return value === undefined || value === '' ? undefined : resolve(String(value));
  };
  const files = { cert: path('cert'), key: path('key'), caCert: path('ca-cert'), caKey: path('ca-key') };
  problems.push(...fileProblems(answers, tls));
  const said = take<string>('engine', 'auto') as EngineKind | 'auto';
  const engine = said === 'auto' ? (defaults.engine ?? 'docker') : said;
  problems.push(...engineProblems(answers, engine, auth, defaults.archive));
  problems.push(...nameProblems(answers));
  const settings: Settings = {
    host: take('host', defaults.host ?? '', checkHost).toLowerCase(),
    port: take('port', DEFAULT_PORT, checkPort),
    bind: take('bind', '0.0.0.0', checkBind),
    dir,
    storage: isAbsolute(storage) ? resolve(storage) : resolve(process.cwd(), storage),
    auth,
    users: [...new Set(users)],
    readers: [...new Set(readers)],
    anonymousPull: take<boolean>('anonymous-pull', false),
    authPort: take('auth-port', 5001, checkPort),
    authImage: take('auth-image', DEFAULT_AUTH_IMAGE, checkImage),
    tls,
    san: [...new Set(take<string[]>('san', [], (list) => list.map(checkSan).find((found) => found)))],
    days: take('days', DEFAULT_DAYS, checkDays),
    ...Object.fromEntries(Object.entries(files).filter(([, value]) => value !== undefined)),
    ...optional('openPort', answers['open-port'], defaults.openPort),
    ...(isAddress(answers.host) ? {} : optional('hostsLine', answers['hosts-line'], defaults.hostsLine)),
    renew: take<boolean>('renew', true),
    delete: take<boolean>('delete', true),
    image: take('image', defaults.image ?? DEFAULT_IMAGE, checkImage),
    engine,
    name: take('name', 'registry', checkName),
  };
  return problems.length > 0 ? { problems } : { settings };
}

/** A setting that is only there where it has a meaning. */
const optional = (name: string, answer: Answer | undefined, fallback: boolean | undefined) => {
  const value = answer?.value ?? fallback;
  return value === undefined ? {} : { [name]: value };
};

const isGiven = (answer: Answer | undefined) =>
  Array.isArray(answer?.value) ? answer.value.length > 0 : Boolean(answer?.value);

/** Roles that do not go together. What the last run left is carried over; only what is said now must fit the mode. */
function roleProblems(answers: Answers, auth: Auth, users: string[], readers: string[]): Problem[] {
  const said = (name: FlagName) =>
    !answers[name]?.last && isGiven(answers[name]) ? answers[name] : undefined;
  const [reader, anonymous] = [answers.reader, answers['anonymous-pull']];
  const problems: Problem[] = [];
  const add = (answer: Answer | undefined, message: string, fix: string) =>
    problems.push({ where: answer?.where ?? '--reader', message, fix });
  const both = readersOf({ readers }).find(({ name }) => users.includes(name));
  if (both && auth === 'token')
    add(reader, `${both.name} is an administrator already (--user)`, 'Give each name one role.');
  if (auth !== 'token') {
    if (said('reader')) add(reader, `only --auth token knows readers, not ${auth}`, '--auth token');
    if (said('anonymous-pull'))
      add(anonymous, `only --auth token knows pulls without login, not ${auth}`, '--auth token');
    return problems;
  }
  const scoped = readersOf({ readers }).find(({ scopes }) => scopes.length > 0);
  if (anonymous?.value && scoped)
    add(
      anonymous,
      `everybody may pull everything then, also ${scoped.name}`,
      `${anonymous.last ? '--no-anonymous-pull' : 'Leave it out'}, or make it --reader ${scoped.name}.`,
    );
  const [port, authPort] = [answers.port?.value ?? DEFAULT_PORT, answers['auth-port']?.value ?? 5001];
  if (port === authPort)
    add(
      answers['auth-port'] ?? answers.port,
      'the registry and its logins need a port each',
      `--auth-port ${Number(port) + 1}`,
    );
  return problems;
}

/** Later ones give way to earlier ones: flags, then the environment, then an answers file, then the last run. */
export const mergeAnswers = (...sources: Answers[]): Answers =>
  Object.assign({}, ...sources.toReversed()) as Answers;

/** The flags by which a client calls the registry; that it is plain HTTP is said by its address. */
export const clientFlags = ({ host, port, tls }: Pick<Settings, 'host' | 'port' | 'tls'>): string[] =>
  tls === 'insecure'
    ? ['--host', `http://${address({ host, port })}`]
    : ['--host', host, ...(port === DEFAULT_PORT ? [] : ['--port', String(port)])];
