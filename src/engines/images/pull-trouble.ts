// Tells why a pull failed: which proxy the engine uses, and whether this shell has one that the engine does not have.
import { daemonInfo } from '../../dockerd/daemon.ts';
import type { Host } from '../../host/host.ts';
import { leftOut } from '../../registry/no-proxy.ts';
import type { Program } from '../../settings/settings.ts';
import { shellLine } from '../../terminal/shell.ts';
import { registryOf } from './reference.ts';

/** What an engine says if it did not reach a registry; a refusal of the registry itself is none of these. */
const NOT_REACHED =
  /time(d )?-?out|deadline exceeded|canceled while waiting|connection (refused|reset)|proxyconnect|dial tcp|no route to host|network is unreachable|no such host|server misbehaving|temporary failure in name|\bEOF\b|nothing came/i;

type Env = Record<string, string | undefined>;

/** Returns the variable of this shell that names a proxy for https, as curl and Go read it. */
const shellProxy = (env: Env): string | undefined =>
  ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy'].find((name) => env[name]);

/** Returns a proxy's URL without the name and password that may be in it. */
export const withoutLogin = (proxy: string): string => proxy.replace(/\/\/[^/@]*@/, '//');

const DROP_IN = '/etc/systemd/system/docker.service.d';

/** Tells whether NO_PROXY exempts a registry; without a port it is on that of https. */
function isExempt(registry: string, list: string): boolean {
  const { hostname, port } = new URL(`https://${registry}`);
  return leftOut(list, hostname, Number(port || 443));
}

/** Returns the files of this machine that give dockerd a proxy. */
async function whereSet(host: Host): Promise<string[]> {
  const dropIns = (await host.list(DROP_IN)).map((name) => `${DROP_IN}/${name}`);
  const paths = [...dropIns, '/etc/docker/daemon.json', '/etc/default/docker', '/etc/sysconfig/docker'];
  const texts = await Promise.all(paths.map((path) => host.read(path).catch(() => undefined)));
  return paths.filter((_, i) => /prox(y|ies)/i.test(texts[i]?.toString() ?? ''));
}

export interface Trouble {
  why: string[];
  fix: string[];
}

/**
 * @param said what the engine said about a pull that failed
 * @returns what is known about proxies on the way; nothing if the engine reached the registry
 */
export async function pullTrouble(
  host: Host,
  program: Program,
  ref: string,
  said: string,
  env: Env = process.env,
): Promise<Trouble> {
  const none = { why: [], fix: [] };
  if (!NOT_REACHED.test(said)) return none;
  const registry = registryOf(ref);
  const variable = shellProxy(env);
  const own = variable && env[variable];
  if (program === 'podman') {
    if (!own) return none;
    return {
      why: [`podman goes through the proxy of this shell: ${withoutLogin(own)} (${variable}).`],
      fix: tryIt(`"$${variable}"`, registry),
    };
  }
  const info = await daemonInfo(host, {}).catch(() => undefined);
  const { https = '', no = '' } = info?.proxy ?? {};
  if (https && !isExempt(registry, no)) {
    const files = await whereSet(host);
    const from = files.length > 0 ? `, set in ${files.join(' and ')}` : '';
    return {
      why: [`Docker goes through the proxy ${withoutLogin(https)}${from}${no ? `; not for ${no}` : ''}.`],
      fix: tryIt(shellLine(withoutLogin(https), []), registry),
    };
  }
  if (!own) return none;
  if (https)
    return { why: [`Docker does not use its proxy for ${registry}: its NO_PROXY is ${no}.`], fix: [] };
  return {
    why: [`This shell goes through a proxy (${variable}=${withoutLogin(own)}); Docker has none of its own.`],
    fix: [
      'Give it to Docker, too (its containers stop for a moment):',
      `  install -D -m 600 /dev/null ${DROP_IN}/proxy.conf`,
      `  printf '[Service]\\nEnvironment="HTTPS_PROXY=%s" "NO_PROXY=%s"\\n' ${filledIn(variable, own)} \\`,
      `    "$${env.no_proxy && !env.NO_PROXY ? 'no_proxy' : 'NO_PROXY'}" >${DROP_IN}/proxy.conf`,
      '  systemctl daemon-reload && systemctl restart docker',
    ],
  };
}

/** Lets the shell fill in the value, since it may hold a password; % has a meaning in systemd. (systemd.exec(5)) */
const filledIn = (variable: string, value: string) =>
  value.includes('%') ? `"$(echo "$${variable}" | sed 's/%/%%/g')"` : `"$${variable}"`;

const tryIt = (proxy: string, registry: string): string[] => [
  `Does it let you through?   curl -sSI -x ${proxy} https://${registry}/v2/`,
];
