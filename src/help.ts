// The help: made from the table of flags.
import { type Command, FLAG_NAMES, flag, spelled, takes } from './flags.ts';

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
    says: 'What runs here, and what differs from the plan. Exit 1 when something does.',
    examples: ['registry-setup status', 'registry-setup status --json'],
  },
  uninstall: {
    usage: 'registry-setup uninstall [flags]',
    says: 'Undo all that was done here. The images are kept unless --purge.',
    examples: ['registry-setup uninstall --dry-run', 'registry-setup uninstall'],
  },
  client: {
    usage: 'registry-setup --client [flags]',
    says: 'Make this machine trust a registry, and log in to it. Nothing that runs is restarted.',
    examples: [
      'registry-setup --client',
      'registry-setup --client --yes --host 10.0.3.17 --ca-fingerprint 5A:0C:… --user ci --password-stdin < FILE',
      'registry-setup --client --host 10.0.3.17 --undo',
    ],
  },
  rotate: {
    usage: 'registry-setup rotate [flags]',
    says: 'A new site certificate, now. Clients of a CA need nothing.',
    examples: [
      'registry-setup rotate',
      'registry-setup rotate --ca',
      'registry-setup rotate --if-expiring 30 --yes',
    ],
  },
  user: {
    usage: 'registry-setup user list | add NAME | remove NAME | password NAME [flags]',
    says: 'Who may log in. Nothing is restarted.',
    examples: ['registry-setup user add ci', 'registry-setup user password ci --password-stdin < FILE'],
  },
  image: { usage: 'registry-setup image', says: 'What is in the registry.', examples: [] },
  doctor: { usage: 'registry-setup doctor', says: 'Every check.', examples: [] },
};

/** Commands that work in this version, in the order of the help. */
export const BUILT: readonly Command[] = ['setup', 'client', 'rotate', 'user', 'status', 'uninstall'];

const row = (name: Parameters<typeof flag>[0]): string => {
  const { kind, value, choices, help } = flag(name);
  const shown = kind === 'choice' ? choices?.join('|') : value;
  const left = `${spelled(name)}${shown ? ` ${shown}` : ''}`;
  return left.length > 30 ? `  ${left}\n${' '.repeat(34)}${help}` : `  ${left.padEnd(32)}${help}`;
};

export function helpText(command: Command): string {
  const { usage, says, examples } = ABOUT[command];
  const own = FLAG_NAMES.filter((name) => flag(name).commands !== 'all' && takes(command, name));
  const everywhere = FLAG_NAMES.filter((name) => flag(name).commands === 'all');
  return [
    says,
    '',
    `Usage: ${usage}`,
    ...(command === 'setup'
      ? [
          '',
          'Commands:',
          ...BUILT.slice(1).map((name) => `  ${name.padEnd(32)}${ABOUT[name].says.split('. ')[0]}`),
        ]
      : []),
    '',
    'Flags (each can also be given as REGISTRY_SETUP_NAME, or in a file with --answers):',
    ...own.map(row),
    '',
    'Everywhere:',
    ...everywhere.map(row),
    ...(examples.length > 0 ? ['', 'Examples:', ...examples.map((line) => `  ${line}`)] : []),
    '',
  ].join('\n');
}
