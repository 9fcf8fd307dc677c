// Every flag, once: the parser, the help, the environment, the answers file and the 'missing' messages all read this table.

export const COMMANDS = [
  'setup',
  'client',
  'rotate',
  'user',
  'image',
  'status',
  'doctor',
  'uninstall',
] as const;
export type Command = (typeof COMMANDS)[number];

export interface Flag {
  /** What follows the flag. `switch`: nothing; `list`: may be given again, or with commas. */
  kind: 'text' | 'number' | 'switch' | 'list' | 'choice' | 'file';
  /** The word that stands for the value in the help. */
  value?: string;
  choices?: readonly string[];
  help: string;
  commands: readonly Command[] | 'all';
  /** A switch that is on unless `--no-…` is given; the help shows that form. */
  on?: true;
  /** Kept in settings.yml, and read from an answers file. */
  setting?: true;
  /** The word on the command line, where one word means two things: `rotate --ca`, `client --ca FILE`. */
  word?: string;
}

const server = ['setup'] as const;
const daily = ['setup', 'rotate', 'user', 'image', 'status', 'doctor', 'uninstall'] as const;

export const FLAGS = {
  host: {
    kind: 'text',
    value: 'NAME|IP',
    help: "the address that clients will use (this machine's first address)",
    commands: ['setup', 'client'],
    setting: true,
  },
  port: {
    kind: 'number',
    value: 'PORT',
    help: 'the port that clients will use (5000)',
    commands: ['setup', 'client'],
    setting: true,
  },
  bind: {
    kind: 'text',
    value: 'IP',
    help: 'listen on this address alone (0.0.0.0: on all)',
    commands: server,
    setting: true,
  },
  storage: {
    kind: 'text',
    value: 'DIR',
    help: 'where the images are kept (DIR/data)',
    commands: server,
    setting: true,
  },
  auth: {
    kind: 'choice',
    choices: ['none', 'htpasswd', 'token'],
    help: 'who may use it (htpasswd)',
    commands: server,
    setting: true,
  },
  user: {
    kind: 'list',
    value: 'NAME',
    help: 'who may log in; again for one more (admin)',
    commands: ['setup', 'client'],
    setting: true,
  },
  tls: {
    kind: 'choice',
    choices: ['insecure', 'self-signed', 'ca-signed'],
    help: 'encryption (ca-signed)',
    commands: server,
    setting: true,
  },
  san: {
    kind: 'list',
    value: 'NAME|IP',
    help: 'one more name or address for the certificate; again for more',
    commands: server,
    setting: true,
  },
  days: {
    kind: 'number',
    value: 'N',
    help: 'how long a site certificate lasts (397)',
    commands: ['setup', 'rotate'],
    setting: true,
  },
  cert: {
    kind: 'file',
    value: 'FILE',
    help: 'a ready certificate: PEM or DER with its chain, or PFX',
    commands: ['setup', 'rotate'],
    setting: true,
  },
  key: {
    kind: 'file',
    value: 'FILE',
    help: 'its key',
    commands: ['setup', 'rotate'],
    setting: true,
  },
  'ca-cert': {
    kind: 'file',
    value: 'FILE',
    help: 'an existing CA that signs the site certificate',
    commands: ['setup', 'rotate'],
    setting: true,
  },
  'ca-key': {
    kind: 'file',
    value: 'FILE',
    help: 'its key; it is read, and never copied',
    commands: ['setup', 'rotate'],
    setting: true,
  },
  renew: {
    kind: 'switch',
    on: true,
    help: 'no timer that renews the certificate before it ends',
    commands: server,
    setting: true,
  },
  delete: {
    kind: 'switch',
    on: true,
    help: 'images can be pushed, never removed',
    commands: server,
    setting: true,
  },
  image: {
    kind: 'text',
    value: 'REF',
    help: 'the registry image; a mirror is fine (registry:3)',
    commands: server,
    setting: true,
  },
  'image-archive': {
    kind: 'file',
    value: 'FILE',
    help: 'take the image from a `docker save` file, gzip or not',
    commands: server,
  },
  engine: {
    kind: 'choice',
    choices: ['auto', 'docker', 'podman', 'native'],
    help: 'what runs it (auto)',
    commands: server,
    setting: true,
  },
  name: {
    kind: 'text',
    value: 'NAME',
    help: 'name of the container (registry)',
    commands: server,
    setting: true,
  },
  'password-stdin': {
    kind: 'switch',
    help: 'read the password, or lines NAME:PASSWORD, from standard input',
    commands: ['setup', 'client', 'user'],
  },
  'password-file': {
    kind: 'file',
    value: 'FILE',
    help: 'the same, from a file',
    commands: ['setup', 'client', 'user'],
  },
  'new-ca': {
    kind: 'switch',
    word: 'ca',
    help: 'a new CA as well; clients of the former one go on',
    commands: ['rotate'],
  },
  'if-expiring': {
    kind: 'number',
    value: 'DAYS',
    help: 'only when the certificate ends within so many days',
    commands: ['rotate'],
  },
  ca: {
    kind: 'file',
    value: 'FILE',
    help: "the registry's CA, instead of the one that it sends",
    commands: ['client'],
    setting: true,
  },
  'ca-fingerprint': {
    kind: 'text',
    value: 'SHA256',
    help: 'trust the CA that has this fingerprint, and no other',
    commands: ['client'],
    setting: true,
  },
  target: {
    kind: 'list',
    value: 'NAME',
    help: 'what shall trust it (all that is found): docker, podman, …',
    commands: ['client'],
    setting: true,
  },
  address: {
    kind: 'text',
    value: 'IP',
    help: 'where that name is, for a line in /etc/hosts',
    commands: ['client'],
    setting: true,
  },
  mirror: {
    kind: 'switch',
    help: 'pull the images of Docker Hub through it, too',
    commands: ['client'],
    setting: true,
  },
  'restart-docker': {
    kind: 'switch',
    help: 'Docker may be restarted where nothing less will do',
    commands: ['client'],
  },
  undo: { kind: 'switch', help: 'take back what was done for that registry', commands: ['client'] },
  purge: { kind: 'switch', help: 'remove the images as well', commands: ['uninstall'] },

  dir: { kind: 'text', value: 'DIR', help: 'where everything is kept (/opt/registry)', commands: daily },
  answers: {
    kind: 'file',
    value: 'FILE',
    help: 'take answers from a YAML file; the names are those of the flags',
    commands: ['setup', 'client'],
  },
  yes: { kind: 'switch', help: 'take every default and go ahead', commands: 'all' },
  'dry-run': { kind: 'switch', help: 'show what would be done, and do nothing', commands: 'all' },
  json: { kind: 'switch', help: 'one JSON document on standard output', commands: 'all' },
  verbose: { kind: 'switch', help: 'show each command that is run', commands: 'all' },
  quiet: { kind: 'switch', help: 'say nothing but errors', commands: 'all' },
  color: { kind: 'switch', on: true, help: 'no colours', commands: 'all' },
  help: { kind: 'switch', help: 'this help', commands: 'all' },
  version: { kind: 'switch', help: 'the version', commands: 'all' },
} as const satisfies Record<string, Flag>;

export type FlagName = keyof typeof FLAGS;
export const FLAG_NAMES = Object.keys(FLAGS) as FlagName[];

/** The flag's row, with the optional columns that `as const` hides. */
export const flag = (name: FlagName): Flag => FLAGS[name];

/** `--port`, or `--no-delete` for a switch that is on unless said. */
export const spelled = (name: FlagName): string =>
  flag(name).on ? `--no-${name}` : `--${flag(name).word ?? name}`;

/** The flag that a word means to a command; where the command does not take it, what it means to others. */
export function flagNamed(word: string, command: Command): FlagName | undefined {
  const meant = FLAG_NAMES.filter((name) => (flag(name).word ?? name) === word);
  return meant.find((name) => takes(command, name)) ?? meant[0];
}

export const takes = (command: Command, name: FlagName): boolean => {
  const { commands } = flag(name);
  return commands === 'all' || commands.includes(command);
};

const SHORT: Record<string, FlagName> = { h: 'help', V: 'version', y: 'yes', q: 'quiet', v: 'verbose' };
export const shortFlag = (letter: string): FlagName | undefined => SHORT[letter];
