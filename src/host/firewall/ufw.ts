// ufw: which of its rules is about a port, and a rule of ours.
import { isIP } from 'node:net';
import { CliError } from '../../errors.ts';
import type { Host } from '../host.ts';
import type { Opening, Passage } from './types.ts';

const LIMIT = { timeout: 30_000, env: { LC_ALL: 'C' } };

/** It is off until `ufw enable` says otherwise here. (ufw(8)) */
export async function isUfwOn(host: Host): Promise<boolean> {
  const conf = (await host.read('/etc/ufw/ufw.conf').catch(() => undefined))?.toString() ?? '';
  return /^ENABLED=yes/m.test(conf);
}

/** IPv4 and IPv6 have rules of their own. One without an address is made for both; those of IPv4 tell then. */
const familyOf = ({ to = '' }: Opening): 4 | 6 => (isIP(to) === 6 ? 6 : 4);

/** Marks a rule of ufw as ours; it is shown by `ufw status`. */
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
 * The rules that are ufw's own, in the order in which they are tried: `### tuple ### allow tcp 5000 0.0.0.0/0 any 0.0.0.0/0 in`
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

/** `5000`, `80,5000`, `4000:6000` */
export const hasPort = (ports: string, port: number) =>
  ports.split(',').some((range) => {
    const [from = 0, to = from] = range.split(':').map(Number);
    return from <= port && port <= to;
  });

const isOf = (rule: Rule, { port, inside }: Opening) =>
  rule.isRoute === (inside !== undefined) && hasPort(rule.ports, inside ?? port);

/** Of ours, the one for this way in and no other. */
const isExactly = (rule: Rule, opening: Opening) =>
  rule.isOurs && isOf(rule, opening) && (opening.to ? rule.to === opening.to : ANYBODY.includes(rule.to));

/** A rule that narrows who reaches this port was somebody's decision: it is not widened. */
export async function ufwPassage(opening: Opening, host: Host): Promise<Passage> {
  for (const rule of await ufwRules(host, familyOf(opening))) {
    // What we made for another address goes in the same run.
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

/** The words after `ufw`, or `ufw --force`: to make the rule, or to take it away. */
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

export const addRule = (opening: Opening, host: Host): Promise<void> =>
  run(host, [], ufwRule(opening, 'allow'), ['comment', MARK]);

export const removeRule = (opening: Opening, host: Host): Promise<void> =>
  run(host, ['--force'], ufwRule(opening, 'delete allow'));

/** A rule of ours that somebody made anew without our mark is theirs. */
export const ourRule = async (opening: Opening, host: Host): Promise<boolean> =>
  (await ufwRules(host, familyOf(opening))).some((rule) => isExactly(rule, opening));
