// Checks daemon.json: that dockerd can read it, that its keys are spelt right, and that the running dockerd has read it.
import { judgementOf } from '../../dockerd/daemon.ts';
import { parseDaemonJson } from '../../dockerd/daemon-json.ts';
import { CliError } from '../../errors.ts';
import { nearest } from '../../settings/nearest.ts';
import { shown } from '../../terminal/visible.ts';
import type { Check, CheckInput, Trouble } from '../check.ts';
import { asked, type Dockerd, dockerds, trouble } from '../found.ts';
import { KEYS } from './daemon-keys.ts';
import { isWithin } from './networks.ts';

/** What a file says; undefined if there is none, or if it cannot be read as JSON. */
export const contentOf = (
  input: CheckInput,
  { daemon }: Dockerd,
): Promise<Record<string, unknown> | undefined> =>
  asked(input, `content ${daemon.config}`, async () => {
    try {
      const bytes = await input.context.host.read(daemon.config);
      return bytes && parseDaemonJson(bytes, daemon.config).value;
    } catch {
      return undefined;
    }
  });

/** A running dockerd has read an older file: the new one stops it later. */
const severityOf = ({ info }: Dockerd) => (info ? ('risk' as const) : ('broken' as const));
const later = ({ info }: Dockerd) => (info ? 'Docker will not start again' : 'Docker does not start');

/** Returns the key that was meant; undefined if none is near. */
function meant(key: string): string | undefined {
  if (KEYS.includes(key)) return undefined;
  const plain = key.trim().toLowerCase().replaceAll('_', '-');
  const near = KEYS.includes(plain) ? plain : nearest(plain, KEYS);
  if (near) return near;
  if (/insecure.*regist|regist.*insecure/.test(plain)) return 'insecure-registries';
  return /mirror/.test(plain) ? 'registry-mirrors' : undefined;
}

const LISTS = ['insecure-registries', 'registry-mirrors'];

/** Returns the member as it should be: `"registry-mirrors": ["https://…"]`. */
function rightMember(key: string, value: unknown): string {
  const list = LISTS.includes(key) && !Array.isArray(value) ? [value] : value;
  const text = JSON.stringify(list);
  return `"${key}": ${text.length > 200 ? '…' : text}`;
}

/**
 * Names of flags whose keys are other words: dockerd takes such a key for a known one, and ignores it. (Seen with 26.1 and 28.5; moby
 * daemon/config/config.go, findConfigurationConflicts)
 */
const OF_FLAGS: Record<string, string> = {
  'insecure-registry': 'insecure-registries',
  'registry-mirror': 'registry-mirrors',
  'add-runtime': 'runtimes',
  'authorization-plugin': 'authorization-plugins',
  'default-address-pool': 'default-address-pools',
  'default-ulimit': 'default-ulimits',
  'dns-opt': 'dns-opts',
  'exec-opt': 'exec-opts',
  host: 'hosts',
  label: 'labels',
  'log-opt': 'log-opts',
  'storage-opt': 'storage-opts',
};

function misspelt(dockerd: Dockerd, value: Record<string, unknown>): Trouble[] {
  const { config } = dockerd.daemon;
  return Object.entries(value).flatMap(([key, content]) => {
    const ignored = OF_FLAGS[key];
    const right = ignored ?? meant(key);
    if (!right) return [];
    const what = ignored ? 'dockerd ignores without a word' : `dockerd does not know: ${later(dockerd)}`;
    return [
      trouble('daemon-json-misspelt', `${config} has the key "${shown(key)}", which ${what}.`, {
        severity: ignored ? 'broken' : severityOf(dockerd),
        mend: [
          `Write instead:   ${rightMember(right, content)}`,
          `Then:            dockerd --validate --config-file ${config} && systemctl ${dockerd.info ? 'reload' : 'restart'} docker`,
        ],
      }),
    ];
  });
}

function wrongLists({ daemon: { config } }: Dockerd, value: Record<string, unknown>): Trouble[] {
  return LISTS.flatMap((key) => {
    const list = value[key];
    const fine =
      list === undefined ||
      list === null ||
      (Array.isArray(list) && list.every((e) => typeof e === 'string'));
    if (fine) return [];
    const mend = [`Write instead:   ${rightMember(key, list)}`];
    return [trouble('daemon-json-no-list', `"${key}" in ${config} is no list of strings.`, { mend })];
  });
}

async function judged(input: CheckInput, dockerd: Dockerd): Promise<Trouble[]> {
  const { host } = input.context;
  const { config, app } = dockerd.daemon;
  const severity = severityOf(dockerd);
  let value: Record<string, unknown>;
  try {
    value = parseDaemonJson(await host.read(config), config).value;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return [
      trouble('daemon-json-broken', `${error.message} ${later(dockerd)}.`, {
        severity,
        mend: [
          `Correct that place, then:   dockerd --validate --config-file ${config} && systemctl ${dockerd.info ? 'reload' : 'restart'} docker`,
        ],
      }),
    ];
  }
  const lists = wrongLists(dockerd, value);
  if (lists.length > 0 || app || !(await host.stat(config))) return lists;
  const judgement = await judgementOf(host, config);
  if (judgement === 'takes it') {
    const ignored = Object.fromEntries(Object.entries(value).filter(([key]) => OF_FLAGS[key]));
    return [...misspelt(dockerd, ignored), ...notRead(dockerd, value)];
  }
  // A newer dockerd knows more keys than this program.
  const known = misspelt(dockerd, value);
  if (known.length > 0) return known;
  if (judgement === 'cannot tell') return notRead(dockerd, value);
  return [
    trouble('daemon-json-refused', `dockerd refuses ${config}: ${later(dockerd)}.`, {
      severity,
      mend: [`Correct it, then:   dockerd --validate --config-file ${config}`],
      evidence: judgement.refuses,
    }),
  ];
}

/** Reports entries that the running dockerd has not read. */
function notRead({ daemon, info }: Dockerd, value: Record<string, unknown>): Trouble[] {
  if (!info) return [];
  const list = (key: string) => (Array.isArray(value[key]) ? (value[key] as string[]) : []);
  const bare = (entry: string) => entry.replace(/^https?:\/\//, '').toLowerCase();
  const plain = (entry: string) => entry.replace(/\/$/, '');
  const insecure = info.insecure.map(bare);
  // dockerd shows a network by its first address.
  const isRead = (entry: string) =>
    insecure.includes(entry) ||
    insecure.some((other) => {
      const [range = '', bits] = entry.split('/');
      return bits !== undefined && bits === other.split('/')[1] && isWithin(range, other);
    });
  const mirrors = info.mirrors.map(plain);
  const missing = [
    ...list('insecure-registries').filter((entry) => !isRead(bare(entry))),
    ...list('registry-mirrors').filter((entry) => !mirrors.includes(plain(entry))),
  ];
  if (missing.length === 0) return [];
  return [
    trouble(
      'daemon-json-not-read',
      `Docker has not read ${daemon.config} since it was changed: ${missing.map(shown).join(', ')} counts for nothing.`,
      {
        mend: [
          `systemctl ${daemon.uid === 0 ? '' : '--user '}reload ${daemon.unit}      (stops no container)`,
        ],
      },
    ),
  ];
}

/** Reports a daemon.json that stops dockerd, or that counts for nothing. */
export const daemonJson: Check = {
  code: 'daemon-json',
  subject: 'files',
  title: 'daemon.json can be read, and has been',
  on: 'both',
  async look(input) {
    const all = await dockerds(input);
    return (await Promise.all(all.map((one) => judged(input, one)))).flat();
  },
};
