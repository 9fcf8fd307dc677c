// ufw: finds its rules for a port, and adds or removes a rule.
import { isIP } from 'node:net';
import { CliError } from '../../errors.ts';
import type { Host } from '../host.ts';
import type { Opening, Passage } from './types.ts';

const LIMIT = { timeout: 30_000, env: { LC_ALL: 'C' } };

/** Tells whether ufw is on: `ufw enable` writes so to this file. (ufw(8)) */
export async function isUfwOn(host: Host): Promise<boolean> {
  const conf = (await host.read('/etc/ufw/ufw.conf').catch(() => undefined))?.toString() ?? '';
  return /^ENABLED=yes/m.test(conf);
}

/** IPv4 and IPv6 have separate rules. A rule without an address is made for both; then those of IPv4 are read. */
const familyOf = ({ to = '' }: Opening): 4 | 6 => (isIP(to) === 6 ? 6 : 4);

/** Marks a rule of ufw as this program's; `ufw status` shows the mark. */
const MARK = 'registry-setup';
const MARKED = `comment=${Buffer.from(MARK).toString('hex')}`;

interface Rule {
  verb: string;
  isRoute: boolean;
  ports: string;
  to: string;
  from: string;
  interface: string;
  isOurs: boolean;
}

/**
 * Returns ufw's own rules in the order in which ufw tries them: `### tuple ### allow tcp 5000 0.0.0.0/0 any 0.0.0.0/0 in`
 * (verb, protocol, port, destination, source port, source, perhaps two applications, direction). By hand: ufw(8), /etc/ufw/user.rules.
 */
async function ufwRules(host: Host, family: 4 | 6): Promise<Rule[]> {
  const path = family === 6 ? '/etc/ufw/user6.rules' : '/etc/ufw/user.rules';
  const text = (await host.read(path).catch(() => undefined))?.toString() ?? '';
  return [...text.matchAll(/^### tuple ### (.+)$/gm)].flatMap(([, words = '']) => {
    const fields = words.split(' ').filter((word) => !word.startsWith('comment='));
    const [verb = '', protocol = '', ports = '', to = '', , from = ''] = fields;
    const direction = fields.at(-1) ?? '';
    if (!['tcp', 'any'].includes(protocol) || direction.startsWith('out')) return [];
    return {
      verb: verb.replace('route:', '').replace(/_.*/, ''),
      isRoute: verb.startsWith('route:'),
      ports,
      to,
      from,
      interface: direction.replace(/^in_?/, ''),
      isOurs: words.includes(MARKED),
    };
  });
}

const ANYBODY = ['0.0.0.0/0', '::/0'];

/** Tells whether a list such as `5000`, `80,5000` or `4000:6000` contains the port. */
export const hasPort = (ports: string, port: number) =>
  ports.split(',').some((range) => {
    const [from = 0, to = from] = range.split(':').map(Number);
    return from <= port && port <= to;
  });

const isOf = (rule: Rule, { port, inside }: Opening) =>
  rule.isRoute === (inside !== undefined) && hasPort(rule.ports, inside ?? port);

/** Tells whether the rule is this program's, for exactly this opening. */
const isExactly = (rule: Rule, opening: Opening) =>
  rule.isOurs && isOf(rule, opening) && (opening.to ? rule.to === opening.to : ANYBODY.includes(rule.to));

/** Tells whether ufw lets an opening through. A user's rule that limits who reaches the port is not widened. */
export async function ufwPassage(opening: Opening, host: Host): Promise<Passage> {
  for (const rule of await ufwRules(host, familyOf(opening))) {
    // A rule of this program for another address is removed in the same run.
    if (rule.isOurs && !isExactly(rule, opening)) continue;
    const named = isOf(rule, opening) && (ANYBODY.includes(rule.to) || !opening.to || rule.to === opening.to);
    const everything = rule.ports === 'any' && rule.isRoute === (opening.inside !== undefined);
    const forAll = ANYBODY.includes(rule.from) && ANYBODY.includes(rule.to) && rule.interface === '';
    if (!named && !(everything && forAll)) continue;
    if (rule.verb === 'allow' || rule.verb === 'limit') return 'open';
    if (forAll) return 'denied';
  }
  const defaults = (await host.read('/etc/default/ufw').catch(() => undefined))?.toString() ?? '';
  const chain = opening.inside === undefined ? 'INPUT' : 'FORWARD';
  return new RegExp(`^DEFAULT_${chain}_POLICY="?ACCEPT`, 'm').test(defaults) ? 'open' : 'shut';
}

/** Returns the words after `ufw`, or `ufw --force`: to make the rule, or to remove it. */
export function ufwRule({ port, to, inside }: Opening, verb: 'allow' | 'delete allow'): string[] {
  const words = verb.split(' ');
  if (inside !== undefined) return ['route', ...words, 'proto', 'tcp', 'to', 'any', 'port', String(inside)];
  return to ? [...words, 'proto', 'tcp', 'to', to, 'port', String(port)] : [...words, `${port}/tcp`];
}

async function run(host: Host, options: string[], words: string[], more: string[] = []): Promise<void> {
  const { code, stdout, stderr } = await host.run('ufw', [...options, ...words, ...more], LIMIT);
  if (code !== 0)
    throw new CliError(`ufw ${words.join(' ')} failed.`, { why: stderr.trim() || stdout.trim() });
}

/** Adds the rule, with the mark. @throws CliError if ufw fails */
export const addRule = (opening: Opening, host: Host): Promise<void> =>
  run(host, [], ufwRule(opening, 'allow'), ['comment', MARK]);

/** Removes the rule. @throws CliError if ufw fails */
export const removeRule = (opening: Opening, host: Host): Promise<void> =>
  run(host, ['--force'], ufwRule(opening, 'delete allow'));

/** Tells whether this program's rule exists. A rule that a user recreated without the mark is the user's. */
export const ourRule = async (opening: Opening, host: Host): Promise<boolean> =>
  (await ufwRules(host, familyOf(opening))).some((rule) => isExactly(rule, opening));
