// Firewalls of this machine: what they do to the registry's port, and the command that opens it. Nothing is changed.
import type { EngineInfo } from './engines/docker.ts';
import type { Host } from './host.ts';

export interface FirewallNews {
  message: string;
  fix: string[];
}

/** Only what this machine itself listens on is theirs to judge: containers get their packets past them. (docs.docker.com/engine/network/packet-filtering-firewalls) */
const isPastFirewall = ({ kind, rootless }: EngineInfo) => kind !== 'native' && !rootless;

/** ufw(8) and /etc/ufw/user.rules: a rule is a line `### tuple ### allow tcp 5000 0.0.0.0/0 any 0.0.0.0/0 in`. */
async function ufwNews(host: Host, ports: number[], engine: EngineInfo): Promise<FirewallNews[]> {
  const conf = (await host.read('/etc/ufw/ufw.conf').catch(() => undefined))?.toString() ?? '';
  if (!/^ENABLED=yes/m.test(conf)) return [];
  if (isPastFirewall(engine)) {
    const message = `ufw is on, and ports that containers publish go past it: whoever reaches this machine reaches port ${ports.join(' and ')}.`;
    return [{ message, fix: ['registry-setup --bind IP      listens on one address alone'] }];
  }
  const rules = (await host.read('/etc/ufw/user.rules').catch(() => undefined))?.toString() ?? '';
  const shut = ports.filter(
    (port) => !new RegExp(`^### tuple ### allow (tcp|any) ${port} `, 'm').test(rules),
  );
  return shut.map((port) => ({
    message: `ufw is on: nobody else reaches port ${port} until it is opened.`,
    fix: [`ufw allow ${port}/tcp`],
  }));
}

/** firewall-cmd(1): it answers 0 for a port that is open, 1 for one that is not, 252 when it does not run. */
async function firewalldNews(host: Host, ports: number[], engine: EngineInfo): Promise<FirewallNews[]> {
  if (isPastFirewall(engine) || !(await host.stat('/usr/bin/firewall-cmd'))) return [];
  const asked = await Promise.all(
    ports.map((port) => host.run('firewall-cmd', [`--query-port=${port}/tcp`], { timeout: 5_000 })),
  );
  return ports
    .filter((_, i) => asked[i]?.code === 1)
    .map((port) => ({
      message: `firewalld is on: nobody else reaches port ${port} until it is opened.`,
      fix: [`firewall-cmd --permanent --add-port=${port}/tcp && firewall-cmd --reload`],
    }));
}

/** What a person should know of the firewall of this machine. */
export async function firewallNews(host: Host, ports: number[], engine: EngineInfo): Promise<FirewallNews[]> {
  return [...(await ufwNews(host, ports, engine)), ...(await firewalldNews(host, ports, engine))];
}
