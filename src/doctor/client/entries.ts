// Checks the entries of insecure-registries and registry-mirrors: a missing port, a scheme too many or too few, and networks that
// switch the verification of certificates off.
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { Host } from '../../host/host.ts';
import { bare } from '../../host/names.ts';
import { commandLine } from '../../terminal/command.ts';
import { shown } from '../../terminal/visible.ts';
import type { Check, CheckInput, Trouble } from '../check.ts';
import { wireOf } from '../connection/wire.ts';
import { type Dockerd, dockerds, masked, trouble } from '../found.ts';
import { contentOf } from './daemon-json.ts';
import { insecureEntry, isWithin } from './networks.ts';

const stringsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((entry): entry is string => typeof entry === 'string') : [];

/** A network with more addresses than a company has machines: what is in it is not known. */
const WIDE = 16;

/** Always there, and of this machine alone. */
const isOwnNetwork = (entry: string) => isWithin('127.0.0.1', entry) && !isWithin('10.0.0.1', entry);

/** @param tls the registries that speak TLS */
function aboutInsecure(
  input: CheckInput,
  { daemon: { config } }: Dockerd,
  entries: string[],
  tls: Set<string>,
): Trouble[] {
  const list = (entry: string) => `"insecure-registries" of ${config} has "${shown(entry)}"`;
  return entries.flatMap((entry) => {
    const plain = entry.replace(/^https?:\/\//, '');
    if (plain !== entry)
      return [
        trouble('insecure-scheme', `${list(entry)}: an entry has no scheme.`, {
          severity: 'risk',
          mend: [`Write instead:   "${shown(plain.replace(/\/.*$/, ''))}"`],
        }),
      ];
    const [, range = '', bits] = /^(.*)\/(\d+)$/.exec(entry) ?? [];
    if (bits !== undefined && isIP(range)) {
      if (Number(bits) >= WIDE || isIP(range) === 6 || isOwnNetwork(entry)) return [];
      return [
        trouble(
          'insecure-network',
          `${list(entry)}: Docker takes any certificate of every registry in it, and reads no CA for them.`,
          {
            severity: 'risk',
            mend: [`Name the registry that needs it, "HOST:PORT", then:   systemctl reload docker`],
          },
        ),
      ];
    }
    if (/\/|^$/.test(entry))
      return [
        trouble('insecure-entry', `${list(entry)}, which is no registry: Docker does not start with it.`, {
          mend: ['Write instead:   "HOST:PORT"'],
        }),
      ];
    const known = input.registries.find(
      ({ at }) => bare(at.host) === bare(entry) && at.port !== 443 && at.port !== 80,
    );
    if (!known || entries.includes(known.address)) return [];
    // Over TLS no entry is needed: a CA is.
    const isTls = tls.has(known.address);
    return [
      trouble(
        'insecure-without-port',
        `${list(entry)} without the port: for ${known.address} it counts for nothing.`,
        {
          severity: isTls ? 'risk' : 'broken',
          mend: [
            isTls ? 'Remove it: this registry speaks TLS' : `Write instead:   "${known.address}"`,
            'Then:            systemctl reload docker',
          ],
        },
      ),
    ];
  });
}

function aboutMirrors({ daemon: { config } }: Dockerd, entries: string[]): Trouble[] {
  return entries.flatMap((entry) => {
    const url = URL.canParse(entry) ? new URL(entry) : undefined;
    const fine =
      url && /^https?:$/.test(url.protocol) && url.pathname === '/' && !url.search && !url.username;
    if (fine) return [];
    const host = entry.replace(/^[a-z]+:\/\//i, '').replace(/\/.*$/, '');
    return [
      trouble(
        'mirror-address',
        `"registry-mirrors" of ${config} has "${shown(masked(entry))}": Docker does not start with it.`,
        {
          mend: [`Write instead:   "https://${shown(host.replace(/^.*@/, ''))}"`],
        },
      ),
    ];
  });
}

const looked = (host: Host, name: string): Promise<string | undefined> =>
  isIP(name) ? Promise.resolve(name) : host.lookup(name).catch(() => undefined);

/** Reports directories of CAs that Docker does not read, because an entry makes their registry insecure. */
async function hidden(input: CheckInput, { daemon, info }: Dockerd, entries: string[]): Promise<Trouble[]> {
  const { host } = input.context;
  // What the running dockerd has counts, flags included.
  const all = info ? info.insecure : entries;
  const names = await host.list(daemon.certs).catch(() => []);
  const found = await Promise.all(
    names.map(async (name): Promise<Trouble[]> => {
      const files = await host.list(join(daemon.certs, name)).catch(() => []);
      if (!files.some((file) => file.endsWith('.crt'))) return [];
      const [, plain = name, port = '443'] = /^(.*?)(?::(\d+))?$/.exec(name) ?? [];
      const ip = await looked(host, bare(plain));
      const by = insecureEntry(all, name, ip);
      // dockerd treats its own machine in that way, whatever the files say.
      if (by === undefined || isOwnNetwork(by) || by === '::1/128') return [];
      return [
        trouble(
          'insecure-hides-certs',
          `Docker does not read ${join(daemon.certs, name)}: "${shown(by)}" in insecure-registries makes it take any certificate of ${name}.`,
          {
            severity: 'risk',
            mend: by.includes('/')
              ? [
                  `Remove "${shown(by)}" from "insecure-registries" in ${daemon.config} or the flags of dockerd, then:   systemctl reload docker`,
                ]
              : [commandLine(`--client --host ${plain}:${port}`)],
          },
        ),
      ];
    }),
  );
  return found.flat();
}

async function judged(input: CheckInput, dockerd: Dockerd): Promise<Trouble[]> {
  const value = (await contentOf(input, dockerd)) ?? {};
  const insecure = stringsOf(value['insecure-registries']);
  const tls = await Promise.all(
    input.registries.map(async (registry) =>
      insecure.length > 0 && (await wireOf(input, registry)).speaks === 'tls' ? [registry.address] : [],
    ),
  );
  return [
    ...aboutInsecure(input, dockerd, insecure, new Set(tls.flat())),
    ...aboutMirrors(dockerd, stringsOf(value['registry-mirrors'])),
    ...(await hidden(input, dockerd, insecure)),
  ];
}

/** Reports entries that count for nothing, or for too much. */
export const entries: Check = {
  code: 'entries',
  subject: 'files',
  title: 'the registries in daemon.json are written as Docker reads them',
  on: 'both',
  async look(input) {
    const all = await dockerds(input);
    return (await Promise.all(all.map((one) => judged(input, one)))).flat();
  },
};
