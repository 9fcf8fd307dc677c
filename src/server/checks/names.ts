// Checks the name that clients use: whether it leads to this server, whether the hosts file can get a line, whether podman has IPv6.
import { isIP } from 'node:net';
import { ownAddresses } from '../../host/addresses.ts';
import type { Host } from '../../host/host.ts';
import { bare, ipBytes, ipText } from '../../host/names.ts';
import { HOSTS, isInHosts, mayWriteHosts, whereLeads } from '../../host/resolution.ts';
import { clientFlags } from '../../settings/public-address.ts';
import type { Settings } from '../../settings/settings.ts';
import { commandLine } from '../../terminal/command.ts';
import { shellLine } from '../../terminal/shell.ts';
import type { Facts } from '../plan/facts.ts';
import { type Finding, warn } from './finding.ts';

/** Reports a line of the hosts file that the user asked for and that cannot be written. */
export async function lineFindings(
  { hostsLine: wanted, host: name }: Settings,
  _: Facts,
  host: Host,
): Promise<Finding[]> {
  if (wanted !== true || (await mayWriteHosts(host)) || (await isInHosts(host, name))) return [];
  const why = host.machine.uid === 0 ? 'a container engine mounts it' : 'only root may';
  return [
    {
      level: 'error',
      message: `${HOSTS} cannot be changed here: ${why}.`,
      fix: [
        `Write the line where it is made:   127.0.0.1 ${name}`,
        'Or go without:                     --no-hosts-line',
      ],
      flag: '--hosts-line',
    },
  ];
}

/** Reports an IPv6 address for podman if its own network has no IPv6, as by default. Rootless podman does not use that network. */
export async function addressed(
  { host: name, bind }: Settings,
  { engine }: Facts,
  host: Host,
): Promise<Finding[]> {
  const isSix = name.startsWith('[') || isIP(bind) === 6;
  if (!isSix || engine.state !== 'ready' || engine.info.kind !== 'podman' || engine.info.rootless) return [];
  const { code, stdout } = await host.run('podman', ['network', 'inspect', 'podman'], { timeout: 15_000 });
  if (code !== 0 || /"ipv6_enabled": true/.test(stdout)) return [];
  return [
    {
      level: 'error',
      message: `podman has no IPv6 in its network: no client would reach ${isIP(bind) === 6 ? bind : name}.`,
      fix: [
        `Without a container:          ${commandLine('--engine native')}`,
        `Or by an IPv4 address:        ${commandLine('--host IP')}`,
      ],
      flag: isIP(bind) === 6 ? '--bind' : '--host',
    },
  ];
}

/** Tells whether this machine has an address to listen on, or may get it: one that is not of a network card is not known. */
export function canListenOn(bind: string, { machine }: Pick<Host, 'machine'>): boolean {
  const wanted = ipText(ipBytes(bind));
  // Loopback, link-local and unspecified addresses are not among those of a machine.
  if (/^(0\.0\.0\.0$|::1?$|127\.|169\.254\.|fe80:)/.test(wanted)) return true;
  return machine.addresses.some(({ address }) => ipText(ipBytes(address)) === wanted);
}

/** Warns of an address to listen on that this machine does not have, or has lost: most likely nothing can start. */
export async function bound({ bind }: Settings, _: Facts, host: Host): Promise<Finding[]> {
  if (canListenOn(bind, host)) return [];
  return warn(`This machine has no address ${bind} to listen on.`, [
    `On all addresses:   ${commandLine('--bind 0.0.0.0')}`,
  ]);
}

/** Tells whether a name is the machine on which it is used. (RFC 6761, 6.3; 127.0.0.0/8; ::1) */
const isSelf = (name: string) => {
  const ip = bare(name);
  return isIP(ip) === 0 ? /(^|\.)localhost$/.test(name) : /^127\.|^::1$/.test(ipText(ipBytes(ip)));
};

/** Warns about what clients will reach under the name if that is not plainly this machine. Warns once for each name. */
export async function nameFindings(settings: Settings, { last }: Facts, host: Host): Promise<Finding[]> {
  const name = settings.host;
  if (last?.host?.value === name) return [];
  if (isSelf(name))
    return warn(`${name} is each machine itself: the line for developer machines works on this one alone.`, [
      commandLine('--host NAME'),
    ]);
  const leads = await whereLeads(host, name);
  if (!leads || leads.to === 'here') return [];
  if (leads.to === 'elsewhere') {
    // It is the address of the proxy in front.
    if (settings.externalUrl) return [];
    const what = isIP(bare(name)) ? `${name} is` : `${name} resolves to ${leads.address}, which is`;
    const message = `${what} no address of this machine: clients reach it only if something (NAT, a load balancer) forwards from there to here.`;
    return [{ level: 'warning', message, fix: [] }];
  }
  const [own] = settings.externalUrl ? [] : await ownAddresses(host);
  const flags = [...clientFlags(settings), '--address', own?.address ?? 'IP'];
  return [
    {
      level: 'warning',
      message: `No name server of this machine knows ${name}. Tell a client that does not know it either where it is:`,
      fix: [commandLine(shellLine('--client', flags))],
    },
  ];
}
