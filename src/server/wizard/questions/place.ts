// Asks where the registry is: its address, its port, the directory of its images.
import { resolve } from 'node:path';
import { checkExternalUrl, hostOf, originOf } from '../../../settings/external-url.ts';
import { FLAGS } from '../../../settings/flags.ts';
import { bytes } from '../../../terminal/output.ts';
import { proxyHere } from '../../checks/proxies.ts';
import { type Asking, always, current, put, type Question, sentence } from './question.ts';

export const host: Question = {
  flag: 'host',
  label: 'Address',
  // The URL of a proxy in front has the name.
  when: (asking) => !current(asking, 'external-url') || current(asking, 'host') !== undefined,
  async ask(asking) {
    const { prompts, facts } = asking;
    const before = current(asking, 'host') as string | undefined;
    const url = current(asking, 'external-url') as string | undefined;
    const offers = facts.addresses.map((entry) => ({
      value: entry.host,
      name: entry.host.padEnd(20),
      note: entry.note,
    }));
    const own = '';
    const front = await proxyHere(facts.listening, asking.host);
    let chosen = own;
    if (offers.length > 0)
      chosen = await prompts.select({
        message: 'Address that clients will use',
        default: url ? BEHIND : offers.some(({ value }) => value === before) ? before : offers[0]?.value,
        choices: [
          ...offers.map(({ value, name, note }) => ({
            value,
            name: `${name} ${note}`,
            short: value,
            description: moves(value),
          })),
          {
            value: BEHIND,
            name: `the address of a proxy in front …${front ? `   ${front.name} has port ${front.port} here` : ''}`,
            short: 'that of a proxy in front',
            description: 'nginx, Traefik, Caddy, Apache, HAProxy, a load balancer: it has TLS and the name.',
          },
          {
            value: own,
            name: 'something else …',
            description: 'A name that your clients resolve to this machine.',
          },
        ],
      });
    if (chosen === BEHIND) return askUrl(asking, url);
    // Without a proxy in front, its own encryption must be decided.
    if (url) for (const name of ['external-url', 'tls', 'bind'] as const) delete asking.answers[name];
    if (url) put(asking, 'external-url', '');
    if (chosen === own)
      chosen = await prompts.input({
        message: 'Address that clients will use',
        ...(before !== undefined && { default: before }),
        validate: (value) => sentence(FLAGS.host.check(value.trim())),
      });
    // Whether another name needs a line in /etc/hosts must be found out again.
    if (chosen.trim() !== before) delete asking.answers['hosts-line'];
    put(asking, 'host', chosen.trim());
  },
};

/** The choice of a proxy in front. */
const BEHIND = 'behind';

/** Asks for the URL of the proxy in front, whose name is that of the registry. */
async function askUrl(asking: Asking, before: string | undefined): Promise<void> {
  const answer = await asking.prompts.input({
    message: 'URL of the proxy, as clients will use it  (https://NAME)',
    ...(before && { default: before }),
    validate: (text) => (text.trim() === '' ? 'A URL is needed.' : sentence(checkExternalUrl(text.trim()))),
  });
  put(asking, 'external-url', answer.trim());
  put(asking, 'host', hostOf(originOf(answer.trim())) ?? '');
  delete asking.answers['hosts-line'];
}

const moves = (value: string) =>
  /^[\d.]+$|^\[/.test(value)
    ? 'An IP address cannot move to another machine; a name can.'
    : 'A name can move to another machine. Every client must be able to resolve it.';

export const port: Question = {
  flag: 'port',
  label: 'Port',
  when: always,
  async ask(asking) {
    const { facts, prompts } = asking;
    const { default: usual, check } = FLAGS.port;
    const before = current(asking, 'port') ?? usual;
    const kept = facts.last?.port?.value;
    const taken = (text: string) => Number(text) !== kept && facts.listening.has(Number(text));
    const free = [Number(before), usual, 5050, 30_001, 5443].find((p) => !taken(String(p))) ?? usual;
    const answer = await prompts.input({
      message: current(asking, 'external-url') ? 'Port, to which the proxy leads' : 'Port',
      default: String(free),
      validate: (text) =>
        /^\d+$/.test(text.trim())
          ? taken(text.trim())
            ? `Port ${text.trim()} is taken.`
            : sentence(check(Number(text)))
          : 'A port is a number from 1 to 65535.',
      remark: (text) => (taken(text.trim()) ? 'is taken' : ''),
    });
    put(asking, 'port', Number(answer));
  },
};

export const storage: Question = {
  flag: 'storage',
  label: 'Images',
  when: always,
  async ask(asking) {
    const path = String(current(asking, 'storage') ?? FLAGS.storage.default({ dir: asking.dir }));
    const answer = await asking.prompts.input({
      message: `Where the images are kept (${bytes(await asking.free(path))} free)`,
      default: path,
      validate: (text) => sentence(FLAGS.storage.check(text.trim())),
    });
    put(asking, 'storage', resolve(answer.trim()));
  },
};
