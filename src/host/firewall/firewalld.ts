// firewalld: tells whether a zone lets a port in, and adds or removes a port.
import { CliError } from '../../errors.ts';
import type { Host, RunResult } from '../host.ts';
import { once } from '../once.ts';
import type { Opening, Part, Passage } from './types.ts';
import { hasPort } from './ufw.ts';

const LIMIT = { timeout: 30_000, env: { LC_ALL: 'C' } };

const firewallCmd = (host: Host, part: Part, ...args: string[]) =>
  host.run('firewall-cmd', [...(part === 'later' ? ['--permanent'] : []), ...args], LIMIT);

/** Asks once what does not change during a run: each call of firewall-cmd takes a sixth of a second. */
const askOnce = (host: Host, question: string) =>
  once(host, `firewall-cmd ${question}`, () => firewallCmd(host, 'now', question));

/** The exit code of firewall-cmd while firewalld does not run. */
const OFF = 252;

export async function isFirewalldOn(host: Host): Promise<boolean> {
  if (!(await host.stat('/usr/bin/firewall-cmd'))) return false;
  return (await askOnce(host, '--state')).code === 0;
}

/** Returns the zone of an interface: the default zone unless another was assigned. */
export async function zoneOf(device: string | undefined, host: Host): Promise<string> {
  const ask = async (question: string) => {
    const { code, stdout } = await askOnce(host, question);
    return code === 0 ? stdout.trim() : '';
  };
  const own = device ? await ask(`--get-zone-of-interface=${device}`) : '';
  return own || (await ask('--get-default-zone')) || 'public';
}

/** Returns the ports of a service from its file: the user's own file overrides that of the package. (firewalld.service(5)) */
async function servicePorts(name: string, host: Host): Promise<string> {
  const [own, packed] = await Promise.all(
    ['/etc/firewalld', '/usr/lib/firewalld'].map((dir) => host.read(`${dir}/services/${name}.xml`)),
  );
  const text = (own ?? packed)?.toString() ?? '';
  const tags = [...text.matchAll(/<port\s[^>]*>/g)].map(([tag]) => tag);
  const value = (tag: string, attribute: string) => new RegExp(`${attribute}="([^"]*)"`).exec(tag)?.[1] ?? '';
  return tags.map((tag) => `${value(tag, 'port')}/${value(tag, 'protocol')}`).join(' ');
}

/** Tells whether a zone lets the port in: by ports, services, rich rules, or because it lets everything in. (firewall-cmd(1), --list-all) */
async function zonePassage({ zone, port }: Opening, part: Part, host: Host): Promise<Passage> {
  const { code, stdout } = await firewallCmd(host, part, `--zone=${zone}`, '--list-all');
  // While firewalld is off nothing is shut. A zone that exists only until the next start has no permanent configuration.
  if (code !== 0) return code === OFF || part === 'later' ? 'open' : 'shut';
  const line = (name: string) => new RegExp(`^ {2}${name}: (.*)$`, 'm').exec(stdout)?.[1]?.trim() ?? '';
  const lets = (ports: string) =>
    ports
      .split(/\s+/)
      .some((entry) => entry.endsWith('/tcp') && hasPort(entry.slice(0, -4).replace('-', ':'), port));
  const rich = stdout.split('\n').find((rule) => rule.includes(`port port="${port}" protocol="tcp"`));
  if (rich && /\b(reject|drop)\b/.test(rich) && !rich.includes('source')) return 'denied';
  if (rich?.includes('accept') || line('target') === 'ACCEPT' || lets(line('ports'))) return 'open';
  const services = line('services').split(/\s+/).filter(Boolean);
  const ports = await Promise.all(services.map((name) => servicePorts(name, host)));
  return ports.some(lets) ? 'open' : 'shut';
}

const PARTS: Part[] = ['now', 'later'];

/** Returns which of the two configurations of firewalld do not let the port in; undefined if a rule refuses it. */
export async function shutParts(opening: Opening, host: Host): Promise<Part[] | undefined> {
  const found = await Promise.all(PARTS.map((part) => zonePassage(opening, part, host)));
  return found.includes('denied') ? undefined : PARTS.filter((_, i) => found[i] === 'shut');
}

/** Adds or removes a port. Avoids `--reload`, which would drop runtime changes of others. @throws CliError if firewall-cmd fails */
export async function switchPort(
  { zone, port }: Opening,
  part: Part,
  on: boolean,
  host: Host,
): Promise<void> {
  const what = [`--zone=${zone}`, `--${on ? 'add' : 'remove'}-port=${port}/tcp`];
  const { code, stderr } = await firewallCmd(host, part, ...what);
  const words = `firewall-cmd ${part === 'later' ? '--permanent ' : ''}${what.join(' ')}`;
  if (code === 0) return;
  // 252: firewalld does not run. What holds after its next start can be changed all the same.
  if (code === OFF && part === 'later') {
    const offline = await host.run('firewall-offline-cmd', what, LIMIT);
    if (offline.code === 0) return;
  }
  // 127: firewalld is no longer installed; 112: the zone no longer exists.
  if (!on && [OFF, 127, 112].includes(code)) return;
  throw new CliError(`${words} failed.`, { why: stderr.trim() });
}

/** Returns those of `parts` that name the port themselves. `later` is unknown while firewalld does not run, and is included. */
export async function namedParts({ zone, port }: Opening, parts: Part[], host: Host): Promise<Part[]> {
  const ask = (part: Part): Promise<RunResult> =>
    firewallCmd(host, part, `--zone=${zone}`, `--query-port=${port}/tcp`);
  const answers = await Promise.all(parts.map(ask));
  return parts.filter((part, i) => answers[i]?.code === 0 || (part === 'later' && answers[i]?.code === OFF));
}
