// Checks that no proxy catches the requests for the registry.
import { proxyWarnings } from '../../client/proxy.ts';
import { leftOut, proxyFor } from '../../registry/no-proxy.ts';
import { quoted } from '../../terminal/shell.ts';
import type { Asked, Check, CheckInput, Trouble } from '../check.ts';
import { wireOf } from '../connection/wire.ts';
import { dockerds, forEach, has, isOwn, trouble } from '../found.ts';

const DROP_IN = '/etc/systemd/system/docker.service.d/no-proxy.conf';

async function caught(input: CheckInput, registry: Asked): Promise<Trouble[]> {
  if (isOwn(input, registry)) return [];
  const { address, at } = registry;
  const { host, port } = at;
  const { env } = input.context;
  const { speaks } = await wireOf(input, registry);
  const found: Trouble[] = [];
  for (const { daemon, info } of await dockerds(input)) {
    if (!info) continue;
    // Go asks the proxy for TLS in one variable, that for plain HTTP in another.
    const proxy = speaks === 'http' ? { ...info.proxy, https: '' } : { ...info.proxy, http: '' };
    const [warning] = proxyWarnings(proxy, { host, port });
    if (!warning) continue;
    const list = [info.proxy.no, host].filter(Boolean).join(',');
    const line = `printf '[Service]\\nEnvironment=%s\\n' ${quoted(`"NO_PROXY=${list}"`)} > ${DROP_IN}`;
    const mend =
      daemon.uid === 0 && daemon.unit === 'docker'
        ? [
            `If ${daemon.config} has "proxies", add it to "no-proxy" there; else:`,
            `  mkdir -p /etc/systemd/system/docker.service.d && ${line}`,
            'Then, which stops all containers for a moment:',
            '  systemctl daemon-reload && systemctl restart docker',
          ]
        : [`Add ${host} to NO_PROXY where this Docker gets its proxy from`];
    found.push(trouble('proxy-daemon', `${address}: ${warning}`, { severity: 'risk', mend }));
  }
  const proxy = speaks === 'http' ? (env.HTTP_PROXY ?? env.http_proxy) : proxyFor(env, host, port);
  const no = env.NO_PROXY || env.no_proxy || '';
  if (proxy && !leftOut(no, host, port) && (await has(input, 'podman')))
    found.push(
      trouble('proxy-shell', `${address}: podman in this shell asks the proxy of its variables for it.`, {
        severity: 'risk',
        mend: [`export NO_PROXY=${quoted([no, host].filter(Boolean).join(','))}`],
      }),
    );
  return found;
}

/** Reports proxies that do not leave the registry out: one of a company does not know a machine in the next room. */
export const proxy: Check = {
  code: 'proxy',
  subject: 'connection',
  title: 'no proxy catches the requests for the registry',
  on: 'both',
  look: (input) => forEach(input, (registry) => caught(input, registry)),
};
