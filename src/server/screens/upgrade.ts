// What the user is told before and after an upgrade; pure text.
import type { Settings } from '../../settings/settings.ts';
import { hasDockerAuth } from '../../settings/token-server.ts';
import { commandLine } from '../../terminal/command.ts';
import { count } from '../../terminal/output.ts';

/** What is known of a registry that goes from 2 to 3. */
export interface Before {
  settings: Pick<Settings, 'auth' | 'name' | 'engine'>;
  /** Its configuration as it lies there, which somebody may have changed by hand. */
  config: Record<string, unknown>;
  /** The names of the variables in its environment. */
  variables: string[];
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Returns the value at a path of keys. */
const at = (value: unknown, ...keys: string[]): unknown =>
  keys.reduce<unknown>((now, key) => (isObject(now) ? now[key] : undefined), value);

/** Parts of a configuration that mean nothing, or something else, to registry 3. (distribution 3.0: release notes; configuration/configuration.go) */
const CHANGED: { keys: string[]; is?: RegExp; says: string }[] = [
  { keys: ['redis', 'addr'], says: 'registry 3 reads "redis.addrs", a list' },
  { keys: ['redis', 'pool'], says: 'registry 3 has no "redis.pool"' },
  { keys: ['compatibility', 'schema1'], says: 'registry 3 does not know schema 1' },
  { keys: ['http', 'tls', 'minimumtls'], is: /^tls1\.[01]$/, says: 'registry 3 takes tls1.2 and tls1.3' },
  { keys: ['storage', 'oss'], says: 'registry 3 has no such storage' },
  { keys: ['storage', 'swift'], says: 'registry 3 has no such storage' },
];

/** Returns what changes for the person from registry 2 to 3, as far as it is true of this registry. */
export function newsOfThree({ settings, config, variables }: Before): string[] {
  const byHand = CHANGED.flatMap(({ keys, is = /^/, says }) => {
    const found = at(config, ...keys);
    return found !== undefined && is.test(String(found))
      ? [
          `config.yml has "${keys.join('.')}" from somebody's hand: it is written anew without that, and ${says}.`,
        ]
      : [];
  });
  const given = variables.filter((name) => name.startsWith('REGISTRY_'));
  return [
    'A script that asks for an image without an Accept header gets its manifest as it was pushed, no longer as schema 1.',
    ...(hasDockerAuth(settings)
      ? ['docker_auth names its key in the way of registry 3. Tokens that clients have already stay valid.']
      : []),
    ...byHand,
    ...(given.length > 0
      ? [`The container has ${given.join(', ')} from somebody's hand: the new one has not.`]
      : []),
  ];
}

/** Returns what changes for the person who goes back from registry 3 to 2. */
export const newsOfTwo = (settings: Pick<Settings, 'auth' | 'tokenRealm'>): string[] =>
  hasDockerAuth(settings)
    ? ['Tokens that clients have already are refused: pushes and pulls under way must be repeated.']
    : [];

/** How many names are listed. */
const SOME = 20;

/** Returns the images of schema 1, which registry 3 does not serve. */
export const schemaOneLines = (names: string[]): string[] =>
  names.length === 0
    ? []
    : [
        `Registry 3 cannot serve ${count(names.length, 'image')} of the old schema 1 (pushed by a Docker before 1.10).`,
        '`image list` and `image gc` stop at them there, so remove them first, as long as registry 2 runs:',
        ...names.slice(0, SOME).map((name) => `  ${name}`),
        ...(names.length > SOME ? [`  … and ${names.length - SOME} more`] : []),
      ];

/** Returns the command that brings back what ran before. */
export function wayBack(from: Partial<Record<'registry' | 'auth', { image: string }>>): string {
  const flags = [
    from.registry && `--image ${from.registry.image}`,
    from.auth && `--auth-image ${from.auth.image}`,
  ];
  return commandLine(['upgrade', ...flags.filter(Boolean)].join(' '));
}
