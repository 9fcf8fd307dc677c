// Writes the help from the table of flags.
import { type Command, FLAG_NAMES, type FlagName, flag, spelled, takes } from '../settings/flags.ts';
import { usual } from '../settings/meaning.ts';

const ABOUT: Record<Command, { usage: string; says: string; examples: string[] }> = {
  setup: {
    usage: 'registry-setup [flags]',
    says: 'Set up a private image registry on this machine, or change the one that is here.',
    examples: [
      'registry-setup',
      'registry-setup --yes --host 10.0.3.17 --user admin --user ci',
      'registry-setup --yes --dry-run',
    ],
  },
  status: {
    usage: 'registry-setup status [flags]',
    says: 'Show what runs here and what differs from the plan. Exits 1 if something does.',
    examples: ['registry-setup status', 'registry-setup status --json'],
  },
  uninstall: {
    usage: 'registry-setup uninstall [flags]',
    says: 'Undo everything that was done here. The images are kept unless --purge is given.',
    examples: ['registry-setup uninstall --dry-run', 'registry-setup uninstall'],
  },
  client: {
    usage: 'registry-setup --client [HOST] [flags]',
    says: 'Make this machine trust and log in to a registry. Nothing that runs is restarted.',
    examples: [
      'registry-setup --client',
      'registry-setup --client --yes --host 10.0.3.17 --ca-fingerprint 5A:0C:… --user ci --password-stdin < FILE',
      'registry-setup --client --yes --host http://10.0.3.17:5000      (a registry without TLS)',
      'registry-setup --client 10.0.3.17 --undo',
    ],
  },
  rotate: {
    usage: 'registry-setup rotate [flags]',
    says: 'Replace the site certificate now. Clients that trust the CA need no change.',
    examples: [
      'registry-setup rotate',
      'registry-setup rotate --ca',
      'registry-setup rotate --if-expiring 30 --yes',
    ],
  },
  user: {
    usage: 'registry-setup user list | add NAME | remove NAME | password NAME [flags]',
    says: 'List and change who may log in. Nothing is restarted.',
    examples: ['registry-setup user add ci', 'registry-setup user password ci --password-stdin < FILE'],
  },
  image: {
    usage: [
      'registry-setup image list [PATTERN] | show REF | remove REF… | prune | gc',
      '                      | save REF FILE | load FILE [REF] | copy SRC DST',
    ].join('\n       '),
    says: 'List, remove and move the images in the registry of this machine, or in that of --host.',
    examples: [
      'registry-setup image list',
      'registry-setup image list team/app --full',
      'registry-setup image list --host 10.0.3.17      (from a machine that is logged in)',
      "registry-setup image remove team/app:1.0 'team/*:pr-*' --dry-run",
      'registry-setup image prune --keep-last 10 --older-than 30d',
      'registry-setup image gc',
      'registry-setup image save team/app:1.0 app.tar',
      'registry-setup image load app.tar',
      'registry-setup image copy docker.io/library/alpine:3 base/alpine:3',
    ],
  },
  upgrade: {
    usage: 'registry-setup upgrade [flags]',
    says: 'Run a newer image of the registry. It is tried beside the one that runs, on the same images, before it takes its place.',
    examples: [
      'registry-setup upgrade --dry-run',
      'registry-setup upgrade',
      'registry-setup upgrade --image registry:3.1.1 --yes',
      'registry-setup upgrade --image-archive registry.tar      (a server without network)',
    ],
  },
  backup: {
    usage: 'registry-setup backup FILE|- [flags]   or   backup --to DIR [flags]',
    says: 'Write everything that makes this registry to one file: settings, CA, certificates, users, images. The file holds its keys.',
    examples: [
      'registry-setup backup /mnt/registry.backup',
      'registry-setup backup --passphrase-file FILE - | ssh backup@nas "cat >registry.backup"',
      'registry-setup backup --to /mnt/backups      (every night: only what is new)',
      'registry-setup backup --no-images keys.backup',
    ],
  },
  restore: {
    usage: 'registry-setup restore FILE|DIR [flags]',
    says: 'Set up the registry of a backup on this machine, with its images. Under the same address no client notices.',
    examples: [
      'registry-setup restore /mnt/registry.backup --dry-run',
      'registry-setup restore /mnt/registry.backup --engine podman',
      'registry-setup restore /mnt/backups --host new.corp.example',
    ],
  },
  csr: {
    usage: 'registry-setup csr [FILE] [flags]',
    says: "Make a request for a company's CA. Its key stays here, for the certificate that comes back.",
    examples: [
      'registry-setup csr --host registry.corp.example --san cache.corp.example',
      'registry-setup csr --host registry.corp.example --organization Corp --unit IT --country DE',
    ],
  },
  bundle: {
    usage: 'registry-setup bundle FILE [flags]',
    says: 'Write one file for a server without network: this program, the images and your answers. No password is in it.',
    examples: [
      'registry-setup bundle registry.run',
      'registry-setup bundle registry.run --auth token --host registry.corp.example',
      'sh registry.run      (on the server; it takes the same flags)',
    ],
  },
  export: {
    usage: 'registry-setup export WHAT [FILE|-] [flags]',
    says: 'Write the configuration of a proxy in front of this registry. WHAT: nginx, caddy, traefik, apache or haproxy.',
    examples: [
      'registry-setup export nginx',
      'registry-setup export nginx /etc/nginx/conf.d/registry.conf',
      'registry-setup export haproxy >>/etc/haproxy/haproxy.cfg',
    ],
  },
  doctor: {
    usage: 'registry-setup doctor [flags]',
    says: 'Check everything, on a server or on a developer machine, and say what mends what is wrong. Exits 1 if something is broken.',
    examples: [
      'registry-setup doctor',
      "registry-setup doctor --error 'http: server gave HTTP response to HTTPS client'",
      'journalctl -u docker -n 50 | registry-setup doctor --error -',
    ],
  },
};

/** Commands that work in this version, in the order of the help. */
export const BUILT: readonly Command[] = [
  'setup',
  'client',
  'rotate',
  'user',
  'image',
  'status',
  'upgrade',
  'doctor',
  'backup',
  'restore',
  'export',
  'csr',
  'bundle',
  'uninstall',
];

const WIDTH = 80;
/** The column at which the explanations begin. */
const COLUMN = 30;

/** Breaks a text between words into lines of at most `width` characters. */
function wrapped(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}

/** Returns a name, with its explanation in the second column. */
function entry(left: string, text: string): string {
  const [first = '', ...more] = wrapped(text, WIDTH - COLUMN).map((line) => ' '.repeat(COLUMN) + line);
  const head = `  ${left}`;
  return [...(head.length >= COLUMN ? [head, first] : [head + first.slice(head.length)]), ...more].join('\n');
}

/** What the help says of a flag that belongs to a way of logging in. */
const MODES = { none: '', true: '; token mode', 'or gateway': '; token mode, or --gateway' };

/** Returns the explanation of a flag, with its default. */
function explained(name: FlagName, command: Command): string {
  const { help, helpOf, tokenMode, defaultWords, ...row } = flag(name);
  const words = defaultWords ?? String(usual(row, { dir: 'DIR' }, { dir: 'DIR' }));
  return (helpOf?.[command] ?? help).replace('{default}', words) + MODES[`${tokenMode ?? 'none'}`];
}

function row(name: FlagName, command: Command): string {
  const { kind, value, choices, spoken, commands } = flag(name);
  const shown = kind === 'choice' ? choices?.join('|') : value;
  const alone = spoken === true && commands !== 'all' ? '; only on the command line' : '';
  return entry(`${spelled(name)}${shown ? ` ${shown}` : ''}`, explained(name, command) + alone);
}

/** Returns the help of a command; that of `setup` also lists the commands. */
export function helpText(command: Command): string {
  const { usage, says, examples } = ABOUT[command];
  const own = FLAG_NAMES.filter((name) => flag(name).commands !== 'all' && takes(command, name));
  const everywhere = FLAG_NAMES.filter((name) => flag(name).commands === 'all');
  return [
    ...wrapped(says, WIDTH),
    '',
    `Usage: ${usage}`,
    ...(command === 'setup'
      ? [
          '',
          'Commands:',
          ...BUILT.slice(1).map((name) =>
            entry(name, ABOUT[name].says.split('. ')[0]?.replace(/\.$/, '') ?? ''),
          ),
          entry('help COMMAND', 'Show the flags of a command'),
        ]
      : []),
    '',
    `Flags (also as REGISTRY_SETUP_NAME${takes(command, 'answers') ? ', or in a file with --answers' : ''}):`,
    ...own.map((name) => row(name, command)),
    '',
    'Everywhere:',
    ...everywhere.map((name) => row(name, command)),
    ...(examples.length > 0 ? ['', 'Examples:', ...examples.map((line) => `  ${line}`)] : []),
    '',
  ].join('\n');
}
