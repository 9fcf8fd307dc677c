// Checks that the name of the registry leads to the registry: a line of the hosts file, or a name server, may name another machine.
import { isIP } from 'node:net';
import { describeCertificate } from '../../certificates/fields.ts';
import { siteOnDisk } from '../../certificates/site.ts';
import { splitPem } from '../../certificates/split.ts';
import { servedChain } from '../../client/chain.ts';
import type { Host } from '../../host/host.ts';
import { bare } from '../../host/names.ts';
import { HOSTS, isInHosts, namesIn, whereLeads } from '../../host/resolution.ts';
import { ask } from '../../registry/http.ts';
import { isRegistry } from '../../registry/version-check.ts';
import type { ServerRequest } from '../../server/request.ts';
import { shellLine } from '../../terminal/shell.ts';
import type { Asked, Check, CheckInput, Trouble } from '../check.ts';
import { forEach, isOwn, trouble } from '../found.ts';
import { wireOf } from './wire.ts';

/** Tells whether a machine at an address shows the certificate of this registry; undefined if it does not answer. */
async function isThisOne(address: string, { settings, certificates }: ServerRequest, host: Host) {
  const { host: name, port, dir, tls } = settings;
  const at = { host: name, port, connectTo: address };
  if (tls === 'insecure')
    return ask({ ...at, tls: false }, 'GET', '/v2/', { timeout: 5_000 }).then(isRegistry, () => undefined);
  const { site } = certificates;
  const served = site && (await siteOnDisk(host, dir, site));
  const leaf = splitPem(served?.chain ?? '')[0];
  if (!leaf) return true;
  return servedChain({ ...at, tls: true }).then(
    ([shown]) => shown?.fingerprint256 === describeCertificate(leaf).fingerprint,
    () => undefined,
  );
}

/** Of the server: the name may lead to something in front of it, which hands on to it. */
async function ledAway(server: ServerRequest, host: Host): Promise<Trouble[]> {
  const name = server.settings.host;
  const leads = await whereLeads(host, name);
  if (leads?.to !== 'elsewhere') return [];
  const { address } = leads;
  const same = await isThisOne(address, server, host);
  // A router need not hand back what comes from inside.
  if (same !== false) return [];
  const what = isIP(bare(name)) ? `${name} is` : `${name} leads to ${address}, which is`;
  return [
    trouble('dns-elsewhere', `${what} another machine, and not this registry.`, {
      mend: [
        `Correct the name server or ${HOSTS}; what it says now:   ${shellLine('getent', ['ahosts', bare(name)])}`,
      ],
    }),
  ];
}

/** Returns the addresses of a name that the name server alone knows. (getent(1), --service) */
async function fromNameServer(host: Host, name: string): Promise<string[]> {
  const { code, stdout } = await host.run('getent', ['-s', 'dns', 'ahosts', name], { timeout: 12_000 });
  return code === 0 ? [...new Set(stdout.split('\n').flatMap((line) => line.split(/\s+/)[0] || []))] : [];
}

/** Of a client: its hosts file may hold the address that the server had once. */
async function stale(input: CheckInput, registry: Asked): Promise<Trouble[]> {
  const { host } = input.context;
  const name = bare(registry.at.host);
  if (isIP(name) || !(await isInHosts(host, name))) return [];
  const { ip, failed, reply } = await wireOf(input, registry);
  if (!failed && reply && isRegistry(reply)) return [];
  const known = await fromNameServer(host, name);
  if (ip === undefined || known.length === 0 || known.includes(ip)) return [];
  const text = (await host.read(HOSTS))?.toString() ?? '';
  const line = text.split('\n').findIndex((one) => namesIn(one).includes(name)) + 1;
  return [
    trouble(
      'dns-elsewhere',
      `${HOSTS} leads ${name} to ${ip}, where no registry answers; the name server says ${known.join(', ')}.`,
      { mend: [`Remove the line, if nothing else needs it:   sed -i ${line}d ${HOSTS}`] },
    ),
  ];
}

/** Reports a name that leads to another machine than the registry. */
export const leads: Check = {
  code: 'leads',
  subject: 'connection',
  title: 'the name of the registry leads to it',
  on: 'both',
  look: (input) =>
    forEach(input, (registry) =>
      input.server && isOwn(input, registry) && !input.server.settings.externalUrl
        ? ledAway(input.server, input.context.host)
        : stale(input, registry),
    ),
};
