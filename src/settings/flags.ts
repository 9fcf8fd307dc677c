// Every flag, once: the parser, the help, the environment, the answers file and the 'missing' messages all read this table.

export const COMMANDS = [
  'setup',
  'client',
  'rotate',
  'user',
  'image',
  'status',
  'doctor',
  'bundle',
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
  /**
   * Taken from the command line alone, by every command or by these: what destroys, or makes another action of the command,
   * is never left over in an environment or a file.
   */
  spoken?: true | readonly Command[];
  /** An empty value is refused: it would count as none, and another registry or more than was meant would be touched. */
  filled?: true;
  /** The verbs that take it, in a command that has verbs. */
  verbs?: readonly string[];
}

const server: Command[] = ['setup', 'bundle'];
const joint: Command[] = ['setup', 'client', 'bundle'];
const served: Command[] = ['setup', 'rotate'];
const daily: Command[] = ['setup', 'rotate', 'user', 'image', 'status', 'doctor', 'uninstall'];

type Takers = Flag['commands'];
type More = Pick<Flag, 'on' | 'setting' | 'word' | 'spoken' | 'filled' | 'verbs'>;
const SETTING: More = { setting: true };
const ON: More = { on: true };
const FILLED: More = { setting: true, filled: true };
const SPOKEN: More = { spoken: true };
const WITH_PASSWORD: More = { verbs: ['add', 'password'] };
const valued =
  (kind: Flag['kind']) =>
  (value: string, help: string, commands: Takers, more: More = {}): Flag => {
    return { kind, value, help, commands, ...more };
  };
const text = valued('text');
const number = valued('number');
const list = valued('list');
const file = valued('file');
const toggle = (help: string, commands: Takers, more: More = {}): Flag => ({
  kind: 'switch',
  help,
  commands,
  ...more,
});
const choice = (choices: string[], help: string, commands: Takers, more: More = {}): Flag => {
  return { kind: 'choice', choices, help, commands, ...more };
};

export const FLAGS = {
  host: text('NAME|IP', "the address that clients will use (this machine's first address)", joint, SETTING),
  port: number('PORT', 'the port that clients will use (5000)', joint, SETTING),
  bind: text('IP', 'listen on this address alone (0.0.0.0: on all)', server, SETTING),
  storage: text('DIR', 'where the images are kept (DIR/data)', server, SETTING),
  auth: choice(['none', 'htpasswd', 'token'], 'who may use it (htpasswd)', server, SETTING),
  user: list('NAME', 'who may log in; again for one more (admin)', joint, SETTING),
  reader: list(
    'NAME[:REPO]',
    'who may pull and not push: everything, or REPO (team/app, team/*); token mode',
    ['setup', 'user', 'bundle'],
    { ...SETTING, verbs: ['add'], spoken: ['user'] },
  ),
  'anonymous-pull': toggle('everybody may pull without login; token mode', server, SETTING),
  'auth-port': number('PORT', 'where clients fetch their tokens (5001); token mode', server, SETTING),
  'auth-image': text('REF', 'the docker_auth image (cesanta/docker_auth:1); token mode', server, SETTING),
  'token-key': toggle('a new key for tokens instead; logins and pushes go on', ['rotate'], SPOKEN),
  tls: choice(['insecure', 'self-signed', 'ca-signed'], 'encryption (ca-signed)', server, SETTING),
  san: list('NAME|IP', 'one more name or address for the certificate; again for more', server, SETTING),
  days: number('N', 'how long a site certificate lasts (397)', ['setup', 'rotate', 'bundle'], SETTING),
  cert: file('FILE', 'a ready certificate: PEM or DER with its chain, or PFX', served, SETTING),
  key: file('FILE', 'its key', served, SETTING),
  'ca-cert': file('FILE', 'an existing CA that signs the site certificate', served, SETTING),
  'ca-key': file('FILE', 'its key; it is read, and never copied', served, SETTING),
  'open-port': toggle('leave the firewall of this machine as it is', server, { ...ON, ...SETTING }),
  'hosts-line': toggle(
    'a line in /etc/hosts, where this machine does not know its own name',
    server,
    SETTING,
  ),
  renew: toggle('no timer that renews the certificate before it ends', server, { ...ON, ...SETTING }),
  delete: toggle('images can be pushed, never removed', server, { ...ON, ...SETTING }),
  image: text('REF', 'the registry image; a mirror is fine (registry:3)', server, SETTING),
  'image-archive': file(
    'FILE',
    'take the images from a file: `docker save`, or an OCI layout; packed or not',
    server,
  ),
  engine: choice(
    ['auto', 'docker', 'podman', 'native'],
    'what runs it (auto); one that is named is installed, if need be',
    server,
    SETTING,
  ),
  name: text('NAME', 'name of the container (registry)', server, SETTING),
  'with-node': toggle('put the node of this machine in, too, for a server that has none', ['bundle']),
  'password-stdin': toggle(
    'read the password, or lines NAME:PASSWORD, from standard input',
    ['setup', 'client', 'user'],
    WITH_PASSWORD,
  ),
  'password-file': file('FILE', 'the same, from a file', ['setup', 'client', 'user'], WITH_PASSWORD),
  'new-ca': toggle('a new CA as well; clients of the former one go on', ['rotate'], {
    ...SPOKEN,
    word: 'ca',
  }),
  'if-expiring': number('DAYS', 'only when the certificate ends within so many days', ['rotate']),
  ca: file('FILE', "the registry's CA, instead of the one that it sends", ['client'], FILLED),
  'ca-fingerprint': text(
    'SHA256',
    'trust the CA that has this fingerprint, and no other',
    ['client'],
    SETTING,
  ),
  target: list('NAME', 'what shall trust it (all that is found): docker, podman, …', ['client'], FILLED),
  address: text('IP', 'where that name is, for a line in /etc/hosts', ['client'], SETTING),
  mirror: toggle('pull the images of Docker Hub through it, too', ['client'], SETTING),
  'restart-docker': toggle('Docker may be restarted where nothing less will do', ['client']),
  undo: toggle('take back what was done for that registry', ['client'], SPOKEN),
  purge: toggle('remove the images as well', ['uninstall'], SPOKEN),
  'with-engine': toggle(
    'remove the Docker that was installed for it, or stop the one that was started',
    ['uninstall'],
    SPOKEN,
  ),
  dir: text('DIR', 'where everything is kept (/opt/registry)', daily, { filled: true }),
  answers: file('FILE', 'take answers from a YAML file; the names are those of the flags', joint),
  yes: toggle('take every default and go ahead', 'all', { spoken: ['uninstall'] }),
  'dry-run': toggle('show what would be done, and do nothing', 'all'),
  json: toggle('one JSON document on standard output', 'all'),
  verbose: toggle('show each command that is run', 'all'),
  quiet: toggle('say nothing but errors', 'all'),
  color: toggle('no colours', 'all', ON),
  help: toggle('this help', 'all', SPOKEN),
  version: toggle('the version', 'all', SPOKEN),
} satisfies Record<string, Flag>;

export type FlagName = keyof typeof FLAGS;
export const FLAG_NAMES = Object.keys(FLAGS) as FlagName[];

/** The flag's row. */
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

/** Whether this command takes the flag from the command line alone. */
export const isSpoken = (command: Command, name: FlagName): boolean => {
  const { spoken } = flag(name);
  return spoken === true || (spoken?.includes(command) ?? false);
};

/** Flags that do not go together, with the way out: one of them would be passed over in silence. */
export const APART: readonly (readonly [FlagName, FlagName, string])[] = [
  ['undo', 'target', 'Leave --target out: all that was done for that registry is taken back.'],
  ['new-ca', 'if-expiring', 'A new CA, now:   registry-setup rotate --ca'],
  [
    'new-ca',
    'token-key',
    'One after the other: registry-setup rotate --ca, then registry-setup rotate --token-key',
  ],
  ['token-key', 'if-expiring', 'A new key for tokens, now:   registry-setup rotate --token-key'],
];

const SHORT: Record<string, FlagName> = { h: 'help', V: 'version', y: 'yes', q: 'quiet', v: 'verbose' };
export const shortFlag = (letter: string): FlagName | undefined => SHORT[letter];
