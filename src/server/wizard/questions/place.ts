// Asks where the registry is: its address, its port, the directory of its images.
import { resolve } from 'node:path';
import { FLAGS } from '../../../settings/flags.ts';
import { bytes } from '../../../terminal/output.ts';
import { always, current, put, type Question, sentence } from './question.ts';

export const host: Question = {
  flag: 'host',
  label: 'Address',
  when: always,
  async ask(asking) {
    const { prompts, facts } = asking;
    const before = current(asking, 'host') as string | undefined;
    const offers = facts.addresses.map((entry) => ({
      value: entry.host,
      name: entry.host.padEnd(20),
      note: entry.note,
    }));
    const own = '';
    let chosen = own;
    if (offers.length > 0)
      chosen = await prompts.select({
        message: 'Address that clients will use',
        default: offers.some(({ value }) => value === before) ? before : offers[0]?.value,
        choices: [
          ...offers.map(({ value, name, note }) => ({
            value,
            name: `${name} ${note}`,
            short: value,
            description: moves(value),
          })),
          {
            value: own,
            name: 'something else …',
            description: 'A name that your clients resolve to this machine.',
          },
        ],
      });
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
      message: 'Port',
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
