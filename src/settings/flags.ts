// From flags, environment and files to settings, or every problem at once.
// Lists every flag, once: the parser, the help, the environment, the answers file, the 'missing' messages, the settings, the
// questions about them, settings.yml and the line that gives the same run again all read this table.
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';
import { bare } from '../host/names.ts';
import { commandLine } from '../terminal/command.ts';
import { checkAcmeServer, checkEmail, checkKid } from './acme.ts';
import { checkExternalUrl, hostOf, originOf } from './external-url.ts';
import { type Decided, type Given, type Meaning, setting } from './meaning.ts';
import { checkReader } from './readers.ts';
import { DEFAULT_DIR, DEFAULT_IMAGE, DEFAULT_PORT, type Settings } from './settings.ts';
import { checkRealm, checkTokenName } from './token-server.ts';
import {
  checkAge,
  checkBind,
  checkCount,
  checkCountry,
  checkDays,
  checkDirectory,
  checkHost,
  checkImage,
  checkName,
  checkPort,
  checkSan,
  checkSubject,
  checkTitle,
  checkUser,
  type Wrong,
} from './validation.ts';

export const COMMANDS = [
  'setup',
  'client',
  'rotate',
  'user',
  'image',
  'status',
  'doctor',
  'upgrade',
  'backup',
  'restore',
  'export',
  'csr',
  'bundle',
  'uninstall',
] as const;
export type Command = (typeof COMMANDS)[number];

/** A row of the table. */
export interface Flag extends Meaning<Settings[keyof Settings], Given> {
  /** What follows the flag. `switch`: nothing; `list`: may be given again, or with commas. */
  kind: 'text' | 'number' | 'switch' | 'list' | 'choice' | 'file';
  /** The word that stands for the value in the help. */
  value?: string;
  choices?: readonly string[];
  /** `{default}` stands for the default. */
  help: string;
  /** The explanation in the help of a command to which it means something else. */
  helpOf?: Partial<Record<Command, string>>;
  commands: readonly Command[] | 'all';
  /** A switch that is on unless `--no-…` is given; the help shows that form. */
  on?: true;
  /**
   * Its property of Settings: stored in settings.yml, and read from an answers file. `client`: a setting of a client, also read from
   * an answers file, and stored nowhere.
   */
  setting?: keyof Settings | 'client';
  /** The word on the command line, if one word means two things: `rotate --ca`, `client --ca FILE`. */
  word?: string;
  /**
   * Every command, or these, take the flag from the command line alone: a flag that destroys, or makes another action of the command,
   * must not be left over in an environment or a file.
   */
  spoken?: true | readonly Command[];
  /** Refuses an empty value: it would count as none, and change another registry, or more than the user meant. */
  filled?: true;
  /** The verbs that take it, of a command that has verbs; all of them if the command is missing here. */
  verbs?: Partial<Record<Command, readonly string[]>>;
}

const each = (check: (value: string) => Wrong | undefined) => (list: string[]) =>
  list.map(check).find((found) => found !== undefined);
const once = (list: string[]) => [...new Set(list)];
const path = (value: string) => (value === '' ? undefined : resolve(value));
/** A switch that is off unless it is given is stored while it is on. */
const ifOn = (on: boolean) => on || undefined;
const filledIn = (value: string) => value || undefined;
/** A setting of ACME counts while the certificate comes from there. */
const ofAcme =
  (becomes: (value: string) => string | undefined) =>
  (value: string, { acme }: Decided) =>
    acme ? becomes(value) : undefined;

const server: Command[] = ['setup', 'bundle'];
const joint: Command[] = ['setup', 'client', 'bundle'];
/** What may be another one on another machine. */
const moved: Command[] = [...server, 'restore'];
const reached: Command[] = [...joint, 'image'];
const asked: Command[] = [...reached, 'doctor', 'restore', 'csr'];
const sealing: Command[] = ['backup', 'restore'];
const loggedIn: Command[] = ['setup', 'client', 'user', 'image'];
const served: Command[] = ['setup', 'rotate', 'restore'];
const looked: Command[] = ['setup', 'rotate', 'user', 'image', 'status', 'doctor', 'export'];
const daily: Command[] = [...looked, 'upgrade', ...sealing, 'csr', 'uninstall'];
/** What chooses an image. */
const chosen: Command[] = [...moved, 'upgrade'];

type Takers = Flag['commands'];
type More = Partial<Omit<Flag, 'kind' | 'value' | 'choices' | 'help' | 'commands'>>;
const ON = { on: true } as const;
const SPOKEN = { spoken: true } as const;
const CLIENT = { setting: 'client' } as const;
const WITH_PASSWORD = { verbs: { user: ['add', 'password'] } };
const ofImage = (...verbs: string[]) => ({ verbs: { image: verbs } });
/** What destroys is not taken from the environment. */
const RULES: { spoken: readonly Command[]; verbs: { image: string[] } } = {
  spoken: ['image'],
  ...ofImage('prune'),
};
const pruned: Command[] = ['setup', 'image'];
/** A rule counts while images are pruned every night. */
const ifPruned = <T>(value: T, { prune }: Decided): T | undefined =>
  prune && value !== false && !(Array.isArray(value) && value.length === 0) ? value : undefined;
/** A registry on another machine is named by the user, and by nothing that is left over in an environment. */
const elsewhere = (image: string): Pick<Flag, 'spoken' | 'helpOf'> => ({
  spoken: ['image', 'doctor'],
  helpOf: { image, doctor: image },
});
const valued =
  <K extends Flag['kind']>(kind: K) =>
  <M extends More = object>(value: string, help: string, commands: Takers, more = {} as M) => {
    return { kind, value, help, commands, ...more };
  };
const text = valued('text');
const number = valued('number');
const list = valued('list');
const file = valued('file');
const toggle = <M extends More = object>(help: string, commands: Takers, more = {} as M) => {
  return { kind: 'switch' as const, help, commands, ...more };
};
const choice = <M extends More = object>(
  choices: readonly string[],
  help: string,
  commands: Takers,
  more = {} as M,
) => {
  return { kind: 'choice' as const, choices, help, commands, ...more };
};

export const FLAGS = {
  'external-url': text(
    'URL',
    'the address that clients will use if a proxy of yours stands in front: https://NAME',
    moved,
    setting('externalUrl', {
      check: checkExternalUrl,
      becomes: (url) => (checkExternalUrl(url) ? undefined : originOf(url)),
      below: 1,
    }),
  ),
  host: text('NAME|IP', 'the address that clients will use ({default})', asked, {
    ...setting('host', {
      default: ({ externalUrl }, { host }) => hostOf(externalUrl) ?? host ?? '',
      defaultWords: "this machine's first address",
      check: checkHost,
      becomes: (name, { externalUrl }) => hostOf(externalUrl) ?? name.toLowerCase(),
    }),
    ...elsewhere('a registry on another machine; without it, the one of this machine'),
  }),
  port: number('PORT', 'the port that clients will use ({default})', asked, {
    ...setting('port', { default: DEFAULT_PORT, check: checkPort }),
    ...elsewhere('its port (5000)'),
  }),
  bind: text(
    'IP',
    'listen on this address only ({default}; behind a proxy: 127.0.0.1)',
    moved,
    setting('bind', {
      default: ({ externalUrl }) => (externalUrl ? '127.0.0.1' : '0.0.0.0'),
      defaultWords: '0.0.0.0: on all',
      check: checkBind,
      becomes: bare,
    }),
  ),
  storage: text(
    'DIR',
    'where the images are kept ({default})',
    moved,
    setting('storage', {
      default: ({ dir }) => join(dir, 'data'),
      check: checkDirectory,
      becomes: (dir) => resolve(dir),
    }),
  ),
  auth: choice(
    ['none', 'htpasswd', 'token'],
    'who may use the registry ({default})',
    server,
    setting('auth', { default: 'htpasswd' }),
  ),
  'token-realm': text(
    'URL',
    'the URL of a token server that exists already: GitLab, Keycloak, Harbor, …',
    moved,
    setting('tokenRealm', {
      check: checkRealm,
      becomes: filledIn,
      tokenMode: true,
      below: 2,
    }),
  ),
  'token-cert': file(
    'FILE',
    'the certificate that its tokens are verified with, or a JWKS',
    ['setup', 'restore'],
    setting('tokenCert', {
      becomes: (file, { tokenRealm }) => (tokenRealm ? path(file) : undefined),
      tokenMode: true,
      below: 2,
    }),
  ),
  'token-issuer': text(
    'NAME',
    'the issuer in its tokens (iss)',
    moved,
    setting('tokenIssuer', {
      check: checkTokenName,
      becomes: (name, { tokenRealm }) => (tokenRealm && name) || undefined,
      tokenMode: true,
      below: 2,
    }),
  ),
  'token-service': text(
    'NAME',
    'the audience in its tokens (aud), if it is not the address of the registry',
    moved,
    setting('tokenService', {
      check: checkTokenName,
      becomes: (name, { tokenRealm }) => (tokenRealm && name) || undefined,
      tokenMode: true,
      below: 2,
    }),
  ),
  user: list('NAME', 'a user who may log in; repeat for more ({default})', reached, {
    ...setting('users', {
      default: ({ auth, tokenRealm }) =>
        auth === 'none' || (auth === 'token' && tokenRealm) ? [] : ['admin'],
      check: each(checkUser),
      becomes: once,
      below: 2,
    }),
    ...elsewhere('log in to it as this user; without it, the login that docker or podman keeps'),
  }),
  reader: list(
    'NAME[:REPO]',
    'a user who may only pull: everything, or in token mode REPO (team/app, team/*)',
    ['setup', 'user', 'bundle'],
    {
      ...setting('readers', {
        default: () => [],
        check: each(checkReader),
        becomes: once,
        tokenMode: 'or gateway',
        below: 2,
      }),
      verbs: { user: ['add'] },
      spoken: ['user'],
    },
  ),
  'anonymous-pull': toggle(
    'let everybody pull without a login',
    server,
    setting('anonymousPull', { default: false, tokenMode: true, below: 2 }),
  ),
  'auth-port': number(
    'PORT',
    'the port where clients fetch their tokens ({default})',
    moved,
    setting('authPort', { default: 5001, check: checkPort, tokenMode: true, below: 2 }),
  ),
  'auth-image': text('REF', 'the docker_auth image ({default})', chosen, {
    ...setting('authImage', {
      default: 'cesanta/docker_auth:1',
      check: checkImage,
      tokenMode: true,
      below: 2,
    }),
    helpOf: { upgrade: 'this docker_auth image (the one that it has, pulled anew)' },
  }),
  gateway: toggle('put nginx in front: one port for all, and readers with --auth htpasswd', moved, {
    ...setting('gateway', { becomes: ifOn, below: 1 }),
  }),
  ui: toggle('show a web page at the address of the registry: its images in a browser', moved, {
    ...setting('ui', { becomes: ifOn, below: 1 }),
  }),
  'ui-image': text('REF', 'the image of the gateway: nginx, for --ui with the page ({default})', moved, {
    ...setting('uiImage', { check: checkImage, below: 1 }),
    defaultWords: 'joxit/docker-registry-ui:2; for --gateway nginx:stable-alpine',
  }),
  'ui-title': text('TEXT', 'the title of the page ({default})', moved, {
    ...setting('uiTitle', { check: checkTitle, below: 1 }),
    defaultWords: 'the address',
  }),
  'token-key': toggle(
    'replace the key for tokens instead; logins and pushes keep working',
    ['rotate'],
    SPOKEN,
  ),
  tls: choice(
    ['insecure', 'self-signed', 'ca-signed'],
    'encryption ({default}; behind a proxy, which has its own: insecure)',
    server,
    setting('tls', {
      default: ({ externalUrl }) => (externalUrl ? 'insecure' : 'ca-signed'),
      defaultWords: 'ca-signed',
    }),
  ),
  san: list(
    'NAME|IP',
    'another name or address for the certificate; repeat for more',
    [...moved, 'csr'],
    setting('san', { default: () => [], check: each(checkSan), becomes: once }),
  ),
  // Just over a year: what browsers and Apple's systems still accept.
  days: number(
    'N',
    'how many days a site certificate lasts ({default})',
    ['setup', 'rotate', 'bundle'],
    setting('days', { default: 397, check: checkDays }),
  ),
  'key-type': choice(
    ['ecdsa', 'rsa'],
    'the kind of new keys (ecdsa; a registry that exists keeps its kind)',
    ['setup', 'rotate', 'bundle', 'csr'],
    setting('keyType', { below: 1 }),
  ),
  acme: text('EMAIL', "a certificate from Let's Encrypt, whose terms you agree to by this", served, {
    ...setting('acme', { check: checkEmail, becomes: filledIn, below: 1 }),
  }),
  'acme-server': text('URL', "another ACME server than Let's Encrypt, such as step-ca", served, {
    ...setting('acmeServer', { check: checkAcmeServer, becomes: ofAcme(filledIn), below: 1 }),
  }),
  'acme-dns-hook': file(
    'PROGRAM',
    "proves the names by DNS, in the words of certbot's manual hooks; without it: on port 80",
    served,
    setting('acmeDnsHook', { becomes: ofAcme(path), below: 1 }),
  ),
  'acme-eab-kid': text('ID', 'the account that you have at the CA (external account binding)', served, {
    ...setting('acmeEabKid', { check: checkKid, becomes: ofAcme(filledIn), below: 1 }),
  }),
  'acme-eab-key-file': file(
    'FILE',
    'the key of that account; it is read and never copied',
    served,
    setting('acmeEabKeyFile', { becomes: ofAcme(path), below: 1 }),
  ),
  cert: file(
    'FILE',
    'an existing certificate: PEM or DER with its chain, or PFX',
    served,
    setting('cert', { becomes: path }),
  ),
  key: file('FILE', 'the key of that certificate', served, setting('key', { becomes: path })),
  'ca-cert': file(
    'FILE',
    'an existing CA that signs the site certificate; with --cert or --acme: completes the chain',
    served,
    setting('caCert', { becomes: path, below: 1 }),
  ),
  'ca-key': file(
    'FILE',
    'the key of that CA; it is read and never copied',
    served,
    setting('caKey', { becomes: path, below: 1 }),
  ),
  'open-port': toggle('leave the firewall of this machine as it is', moved, {
    ...ON,
    ...setting('openPort', { below: 1 }),
  }),
  'hosts-line': toggle(
    'add a line to /etc/hosts if this machine does not know its own name',
    moved,
    setting('hostsLine', {
      becomes: (line, { host }) => (isIP(bare(host ?? '')) ? undefined : line),
      below: 1,
    }),
  ),
  renew: toggle('add no timer that renews the certificate and recovers at boot', server, {
    ...ON,
    ...setting('renew', { default: true }),
  }),
  delete: toggle('let images be pushed but never deleted', server, {
    ...ON,
    ...setting('delete', { default: true }),
  }),
  prune: toggle('remove old images every night, by the rules that follow', ['setup'], {
    ...setting('prune', { becomes: ifOn, below: 1 }),
  }),
  'keep-last': number('N', 'keep the newest N images of each repository', pruned, {
    ...setting('keepLast', { check: checkCount, becomes: ifPruned, below: 1 }),
    ...RULES,
  }),
  'older-than': text('AGE', 'remove only what is older: 30d, 12w, 48h', pruned, {
    ...setting('olderThan', { check: checkAge, becomes: ifPruned, below: 1 }),
    ...RULES,
  }),
  match: list('PATTERN', 'remove only what it matches: team/*, *:pr-*', pruned, {
    ...setting('match', { becomes: ifPruned, below: 1 }),
    ...RULES,
    filled: true,
  }),
  'keep-tags': list('PATTERN', 'keep the tags that it matches: v*,latest', pruned, {
    ...setting('keepTags', { becomes: ifPruned, below: 1 }),
    ...RULES,
    filled: true,
  }),
  untagged: toggle('also remove what no tag leads to', pruned, {
    ...setting('untagged', { becomes: ifPruned, below: 1 }),
    spoken: ['image'],
    ...ofImage('prune', 'gc'),
  }),
  image: text('REF', 'the registry image; a mirror is fine ({default})', chosen, {
    ...setting('image', { default: (_, { image }) => image ?? DEFAULT_IMAGE, check: checkImage }),
    helpOf: { upgrade: 'this image (the one that it has, pulled anew; for registry:2 it is registry:3)' },
  }),
  'image-archive': file(
    'FILE',
    'take the images from a file: `docker save`, or an OCI layout; packed or not',
    chosen,
  ),
  engine: choice(
    ['auto', 'docker', 'podman', 'native'],
    'what runs the registry ({default}); an engine that you name is installed if it is missing',
    moved,
    setting('engine', {
      default: 'auto',
      becomes: (wish, _, { engine }) => (wish === 'auto' ? (engine ?? 'docker') : wish),
    }),
  ),
  name: text(
    'NAME',
    'name of the container ({default})',
    moved,
    setting('name', { default: 'registry', check: checkName }),
  ),
  'with-node': toggle('include the node of this machine, for a server that has none', ['bundle']),
  'password-stdin': toggle(
    'read the password, or lines NAME:PASSWORD, from standard input',
    loggedIn,
    WITH_PASSWORD,
  ),
  'password-file': file('FILE', 'the same, from a file', loggedIn, WITH_PASSWORD),
  'new-ca': toggle('replace the CA as well; clients of the former CA keep working', ['rotate'], {
    ...SPOKEN,
    word: 'ca',
  }),
  'cut-off': toggle('with --ca: even if it cuts off clients of an older CA', ['rotate', 'upgrade'], {
    ...SPOKEN,
    helpOf: { upgrade: 'even if images of the old schema 1 can no longer be pulled' },
  }),
  'if-expiring': number('DAYS', 'rotate only if the certificate ends within this many days', ['rotate']),
  'passphrase-stdin': toggle('encrypt or open it with the first line of standard input', sealing),
  'passphrase-file': file('FILE', 'the same, with the first line of a file', sealing, { filled: true }),
  to: text('DIR', 'add it to a directory of backups, which grows by what is new', ['backup'], {
    filled: true,
  }),
  organization: text('NAME', 'the organization in the subject of the request', ['csr'], {
    check: checkSubject,
    filled: true,
  }),
  unit: text('NAME', 'its unit', ['csr'], { check: checkSubject, filled: true }),
  country: text('CC', 'its country: two letters, such as DE', ['csr'], { check: checkCountry, filled: true }),
  images: toggle('leave the images out: settings, CA, certificates and users alone', sealing, ON),
  full: toggle('show whole digests', ['image'], ofImage('list')),
  nightly: toggle('do the same every night from now on; --no-nightly ends it', ['image'], {
    ...SPOKEN,
    ...ofImage('prune'),
  }),
  gc: toggle('free the space afterwards, as `image gc` does', ['image'], ofImage('remove', 'prune')),
  ca: file('FILE', 'trust the CA in this file, not the one that the registry sends', ['client', 'image'], {
    ...CLIENT,
    helpOf: { image: 'trust the CA in this file, in place of those that this machine has for it' },
    filled: true,
  }),
  'ca-fingerprint': text(
    'SHA256',
    'trust the CA that has this fingerprint, and no other',
    ['client'],
    CLIENT,
  ),
  target: list('NAME', 'what is to trust the registry (all that is found): docker, podman, …', ['client'], {
    ...CLIENT,
    filled: true,
  }),
  address: text('IP', 'the IP address of that name, for a line in /etc/hosts', ['client'], CLIENT),
  mirror: toggle('pull the images of Docker Hub through the registry, too', ['client'], CLIENT),
  'restart-docker': toggle('allow a restart of Docker if nothing less will do', ['client']),
  undo: toggle('undo what was done for that registry', ['client'], SPOKEN),
  purge: toggle('remove the images as well', ['uninstall'], SPOKEN),
  'with-engine': toggle(
    'remove the engine that was installed for the registry, or stop the Docker that was started for it',
    ['uninstall'],
    SPOKEN,
  ),
  error: text('TEXT|-', 'explain a message of any program; -: from standard input', ['doctor'], {
    ...SPOKEN,
    filled: true,
  }),
  fix: toggle('mend what is safe to mend', ['doctor'], SPOKEN),
  // Not a setting: the directory that holds settings.yml.
  dir: text('DIR', 'where everything is kept ({default})', daily, {
    filled: true,
    default: DEFAULT_DIR,
    check: checkDirectory,
  }),
  answers: file('FILE', 'read answers from a YAML file; its keys are the names of the flags', joint),
  yes: toggle('take every default and go ahead', 'all', { spoken: ['uninstall', 'backup'] }),
  'dry-run': toggle('show what would be done, and do nothing', 'all'),
  json: toggle('print one JSON document on standard output', 'all'),
  verbose: toggle('show each command that is run', 'all'),
  quiet: toggle('print errors only', 'all'),
  color: toggle('print without colors', 'all', ON),
  help: toggle('show this help', 'all', SPOKEN),
  version: toggle('show the version', 'all', SPOKEN),
} satisfies Record<string, Flag>;

export type FlagName = keyof typeof FLAGS;
export const FLAG_NAMES = Object.keys(FLAGS) as FlagName[];

/** Returns the flag's row. */
export const flag = (name: FlagName): Flag => FLAGS[name];

/** The flags that take no value. */
export type SwitchName = {
  [N in FlagName]: (typeof FLAGS)[N] extends { kind: 'switch' } ? N : never;
}[FlagName];
type KeyOf = {
  [N in FlagName]: (typeof FLAGS)[N] extends { setting: infer K extends keyof Settings } ? K : never;
};
/** The flags that are settings of a registry. */
export type SettingName = { [N in FlagName]: KeyOf[N] extends never ? never : N }[FlagName];
/** The settings, if each of their properties has a row. */
export type Complete = [Exclude<keyof Settings, 'dir' | KeyOf[FlagName]>] extends [never]
  ? Settings
  : 'a setting without a row';

const isSetting = (name: FlagName): name is SettingName =>
  flag(name).setting !== undefined && flag(name).setting !== 'client';
export const SETTING_NAMES = FLAG_NAMES.filter(isSetting);
export const settingRow = (name: SettingName): Flag & { setting: keyof Settings } => FLAGS[name];

/** Returns `--port`, or `--no-delete` for a switch that is on by default. */
export const spelled = (name: FlagName): string =>
  flag(name).on ? `--no-${name}` : `--${flag(name).word ?? name}`;

/** Returns the flag that a word means to a command; if the command does not take it, what it means to others. */
export function flagNamed(word: string, command: Command): FlagName | undefined {
  const meant = FLAG_NAMES.filter((name) => (flag(name).word ?? name) === word);
  return meant.find((name) => takes(command, name)) ?? meant[0];
}

/** Tells whether a command takes a flag. */
export const takes = (command: Command, name: FlagName): boolean => {
  const { commands } = flag(name);
  return commands === 'all' || commands.includes(command);
};

/** Tells whether this command takes the flag from the command line alone. */
export const isSpoken = (command: Command, name: FlagName): boolean => {
  const { spoken } = flag(name);
  return spoken === true || (spoken?.includes(command) ?? false);
};

/** Flags that do not go together, with the way out: one of them would be ignored silently. */
export const APART: readonly (readonly [FlagName, FlagName, fix: () => string])[] = [
  ['undo', 'target', () => 'Leave --target out: everything that was done for that registry is undone.'],
  ['new-ca', 'if-expiring', () => `A new CA, now:   ${commandLine('rotate --ca')}`],
  [
    'new-ca',
    'token-key',
    () => `One after the other: ${commandLine('rotate --ca')}, then ${commandLine('rotate --token-key')}`,
  ],
  ['error', 'fix', () => `A message alone cannot be mended:   ${commandLine('doctor --fix')}`],
  ['passphrase-stdin', 'passphrase-file', () => 'One passphrase, from one place.'],
  ['token-key', 'if-expiring', () => `A new key for tokens, now:   ${commandLine('rotate --token-key')}`],
];

const SHORT: Record<string, FlagName> = { h: 'help', V: 'version', y: 'yes', q: 'quiet', v: 'verbose' };
export const shortFlag = (letter: string): FlagName | undefined => SHORT[letter];
