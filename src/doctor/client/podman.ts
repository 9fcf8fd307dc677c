// Checks registries.conf: two formats in one file, a scheme that does not belong there, and a file that hides all others.
import { join } from 'node:path';
import type { Check, CheckInput, Trouble } from '../check.ts';
import { has, trouble } from '../found.ts';
import { podmanRegistries } from './insecure.ts';

const SYSTEM = '/etc/containers/registries.conf';

/** `[registries.insecure]` of version 1, `[[registry]]` of version 2. (containers-registries.conf(5)) */
const isFirst = (text: string) => /^\s*\[registries\.(search|insecure|block)\]/m.test(text);
const isSecond = (text: string) =>
  /^\s*(\[\[registry(\.mirror)?\]\]|unqualified-search-registries\s*=|short-name-mode\s*=)/m.test(text);

/** Returns the entries of the first format's list of insecure registries. */
const insecureOf = (text: string): string[] =>
  [
    ...(/^\s*\[registries\.insecure\]([^[]*(?:\[[^\]]*\])?)/m
      .exec(text)?.[1]
      ?.matchAll(/["']([^"']+)["']/g) ?? []),
  ].map(([, entry = '']) => entry);

async function judged(input: CheckInput, path: string): Promise<Trouble[]> {
  const text = (await input.context.host.read(path).catch(() => undefined))?.toString() ?? '';
  const found: Trouble[] = [];
  if (isFirst(text)) {
    const blocks = insecureOf(text).flatMap((entry) => [
      '  [[registry]]',
      `  location = "${entry}"`,
      '  insecure = true',
    ]);
    const why = isSecond(text)
      ? 'mixes both formats, so podman reads nothing'
      : 'is in the old format: with one [[registry]] more in it, podman reads nothing';
    found.push(
      trouble('registries-conf-format', `${path} ${why} (the tables [registries.…] are of the old one).`, {
        severity: isSecond(text) ? 'broken' : 'risk',
        mend: ['Remove the tables [registries.…], and write each entry as its own:', ...blocks],
      }),
    );
  }
  const scheme = /^\s*(location|prefix)\s*=\s*["'](https?:\/\/[^"']+)["']/m.exec(text);
  if (scheme)
    found.push(
      trouble(
        'registries-conf-scheme',
        `${path} has ${scheme[1]} = "${scheme[2]}": a location has no scheme.`,
        {
          mend: [`Write instead:   ${scheme[1]} = "${scheme[2]?.replace(/^https?:\/\/|\/$/g, '')}"`],
        },
      ),
    );
  return found;
}

async function look(input: CheckInput): Promise<Trouble[]> {
  if (!(await has(input, 'podman'))) return [];
  const { host, env } = input.context;
  const folder = join(env.XDG_CONFIG_HOME || join(env.HOME || '/root', '.config'), 'containers');
  const dropIns = await host.list(`${SYSTEM}.d`).catch(() => []);
  const paths = [
    SYSTEM,
    join(folder, 'registries.conf'),
    ...dropIns.map((name) => join(`${SYSTEM}.d`, name)),
  ];
  const known = (await Promise.all(paths.map((path) => judged(input, path)))).flat();
  const own = join(folder, 'registries.conf');
  const hides =
    (await host.stat(own).catch(() => undefined)) && dropIns.some((name) => name.includes('registry-setup'));
  const shadow = hides
    ? [
        trouble('registries-conf-hidden', `${own} is there: with it podman does not read ${SYSTEM}.d.`, {
          severity: 'risk',
          mend: [`Move what is in it into ${SYSTEM}.d:   mv ${own} ${SYSTEM}.d/90-own.conf`],
        }),
      ]
    : [];
  const { refusal } = await podmanRegistries(input);
  const refused =
    known.length === 0 && refusal && /registries\.conf/.test(refusal)
      ? [
          trouble('registries-conf-broken', 'podman refuses what is in registries.conf.', {
            evidence: refusal,
          }),
        ]
      : [];
  return [...known, ...shadow, ...refused];
}

/** Reports files of podman that it refuses or does not read. */
export const podmanFiles: Check = {
  code: 'podman',
  subject: 'files',
  title: 'podman can read registries.conf, and does',
  on: 'both',
  look,
};
