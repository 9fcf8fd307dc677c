// firewalld: whether a zone lets a port in, and a port of ours in it.
import { CliError } from '../errors.ts';
import type { Opening, Part, Passage } from '../firewall.ts';
import type { Host, RunResult } from '../host.ts';
import { hasPort } from './ufw.ts';

const LIMIT = { timeout: 30_000, env: { LC_ALL: 'C' } };

const firewallCmd = (host: Host, part: Part, ...args: string[]) =>
  host.run('firewall-cmd', [...(part === 'later' ? ['--permanent'] : []), ...args], LIMIT);

export async function isFirewalldOn(host: Host): Promise<boolean> {
  if (!(await host.stat('/usr/bin/firewall-cmd'))) return false;
  return (await firewallCmd(host, 'now', '--state')).code === 0;
}

/** The zone of an interface, which is the default one unless it was given another. */
export async function zoneOf(device: string | undefined, host: Host): Promise<string> {
  const ask = async (question: string) => {
    const { code, stdout } = await firewallCmd(host, 'now', question);
    return code === 0 ? stdout.trim() : '';
  };
  const own = device ? await ask(`--get-zone-of-interface=${device}`) : '';
  return own || (await ask('--get-default-zone')) || 'public';
}

/** By its ports, its services, its rich rules, or because it lets everything in. (firewall-cmd(1), --list-all) */
async function zonePassage({ zone, port }: Opening, part: Part, host: Host): Promise<Passage> {
  const { code, stdout } = await firewallCmd(host, part, `--zone=${zone}`, '--list-all');
  // A zone that is only there until the next start has nothing to keep.
  if (code !== 0) return part === 'later' ? 'open' : 'shut';
  const line = (name: string) => new RegExp(`^  ${name}: (.*)$`, 'm').exec(stdout)?.[1]?.trim() ?? '';
  const lets = (ports: string) =>
    ports
      .split(/\s+/)
      .some((entry) => entry.endsWith('/tcp') && hasPort(entry.slice(0, -4).replace('-', ':'), port));
  const rich = stdout.split('\n').find((rule) => new RegExp(`port="${port}" protocol="tcp"`).test(rule));
  if (rich && /\b(reject|drop)\b/.test(rich) && !rich.includes('source')) return 'denied';
  if (rich?.includes('accept') || line('target') === 'ACCEPT' || lets(line('ports'))) return 'open';
  const services = line('services').split(/\s+/).filter(Boolean);
  const asked = await Promise.all(services.map((name) => firewallCmd(host, part, `--info-service=${name}`)));
  return asked.some((answer) => lets(/^ {2}ports: (.*)$/m.exec(answer.stdout)?.[1] ?? '')) ? 'open' : 'shut';
}

const PARTS: Part[] = ['now', 'later'];

/** Which of the two configurations of firewalld do not let it in; undefined: a rule refuses it. */
export async function shutParts(opening: Opening, host: Host): Promise<Part[] | undefined> {
  const found = await Promise.all(PARTS.map((part) => zonePassage(opening, part, host)));
  return found.includes('denied') ? undefined : PARTS.filter((_, i) => found[i] === 'shut');
}

/** Adds or removes a port of firewalld. Without `--reload`, which would drop what others changed until the next start. */
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
  // 252: it does not run. What holds after its next start can be changed all the same.
  if (code === 252 && part === 'later') {
    const offline = await host.run('firewall-offline-cmd', what, LIMIT);
    if (offline.code === 0) return;
  }
  // 127: it is not installed any more; 112: there is no such zone any more.
  if (!on && [252, 127, 112].includes(code)) return;
  throw new CliError(`${words} failed.`, { why: stderr.trim() });
}

/** Those of `parts` that name the port themselves; what holds later is not known while it does not run. */
export async function namedParts({ zone, port }: Opening, parts: Part[], host: Host): Promise<Part[]> {
  const ask = (part: Part): Promise<RunResult> =>
    firewallCmd(host, part, `--zone=${zone}`, `--query-port=${port}/tcp`);
  const asked = await Promise.all(parts.map(ask));
  return parts.filter((part, i) => asked[i]?.code === 0 || (part === 'later' && asked[i]?.code === 252));
}
