// Makes new connections to a port wait while its service is replaced, instead of being refused: drops their first packet (SYN),
// which the client's kernel sends again after one second, then after two more (RFC 6298, 5.5-5.7). So a push in progress succeeds.
// The rules are in this machine's own kernel, need root, and expire by themselves: a killed run shuts nobody out for long.
import type { Host } from './host.ts';
import { listeningPorts } from './ports.ts';

/** A port of this machine; `bind` as in Settings. */
export interface Listener {
  bind: string;
  port: number;
}

/** Seconds that a service may take to end (`http.draintimeout` in templates/config.yml) and to start again. Docker waits 15. */
const ENDS_AFTER = 10;
/** The name of the nft table, and the mark of this program's rules among others. */
const MARK = 'registry-setup-wait';

const isEverywhere = (bind: string) => ['0.0.0.0', '::', ''].includes(bind);
const isSix = (bind: string) => bind.includes(':');

/**
 * Returns rules in a table of their own, so that no other rule changes. The port is an element that the kernel removes when it expires.
 * Matches packets for this machine itself, not those that it forwards to others. (nft(8): sets, fib)
 */
function nftRules(doors: Listener[]): string {
  const rule = ({ bind }: Listener) =>
    `${isEverywhere(bind) ? '' : `${isSix(bind) ? 'ip6' : 'ip'} daddr ${bind} `}fib daddr type local tcp dport @ports tcp flags & (syn | ack) == syn drop`;
  const rules = doors.map(rule).join('; ');
  const chain = (hook: string) => `chain ${hook} { type filter hook ${hook} priority raw; ${rules}; }`;
  const ports = doors.map(({ port }) => `${port} timeout ${ENDS_AFTER}s`).join(', ');
  return [
    `table inet ${MARK} {`,
    `set ports { type inet_service; flags timeout; elements = { ${ports} }; }`,
    chain('prerouting'),
    chain('output'),
    '}',
  ].join('\n');
}

/** Returns the same for iptables: each rule has the time from which it matches nothing. (iptables-extensions(8): time, addrtype) */
function iptablesRules(doors: Listener[], six: boolean): string {
  const until = new Date(Date.now() + ENDS_AFTER * 1000).toISOString().slice(0, 19);
  const rules = doors
    .filter(({ bind }) => isEverywhere(bind) || isSix(bind) === six)
    .map(({ bind, port }) => {
      const to = isEverywhere(bind) ? '-m addrtype --dst-type LOCAL' : `-d ${bind}`;
      return `-p tcp --syn --dport ${port} ${to} -m time --datestop ${until} -m comment --comment ${MARK} -j DROP`;
    });
  const lines = ['PREROUTING', 'OUTPUT'].flatMap((chain) => rules.map((rule) => `-I ${chain} ${rule}`));
  return ['*raw', ...lines, 'COMMIT', ''].join('\n');
}

const FAMILIES = ['iptables', 'ip6tables'];

/** The program that made the rules, and that alone needs to remove them. */
type By = 'nft' | 'iptables';

/** Drops the first packet of new connections. Returns undefined if this machine cannot: then connections are refused for a moment. */
async function shut(host: Host, doors: Listener[]): Promise<By | undefined> {
  if (host.machine.uid !== 0) return undefined;
  const { code } = await host.run('nft', ['-f', '-'], { input: nftRules(doors) });
  if (code === 0) return 'nft';
  const done = await Promise.all(
    FAMILIES.map((tool, six) =>
      host.run(`${tool}-restore`, ['--noflush', '-w', '5'], { input: iptablesRules(doors, six === 1) }),
    ),
  );
  return done.some((one) => one.code === 0) ? 'iptables' : undefined;
}

/**
 * Removes the rules; missing rules are no error.
 * @param by undefined: rules of a killed run, which may have used either program
 */
export async function releaseConnections(host: Host, by?: By): Promise<void> {
  if (host.machine.uid !== 0) return;
  const ours = async (tool: string) => {
    const { stdout } = await host.run(tool, ['-w', '5', '-t', 'raw', '-S']);
    const lines = stdout.split('\n').filter((line) => line.includes(MARK));
    if (lines.length === 0) return;
    const input = ['*raw', ...lines.map((line) => line.replace(/^-A/, '-D')), 'COMMIT', ''].join('\n');
    await host.run(`${tool}-restore`, ['--noflush', '-w', '5'], { input });
  };
  await Promise.all([
    ...(by === 'iptables' ? [] : [host.run('nft', ['delete', 'table', 'inet', MARK])]),
    ...(by === 'nft' ? [] : FAMILIES.map(ours)),
  ]);
}

/**
 * Does some work while new connections to these ports wait.
 * @throws what the work throws
 */
export async function holdConnections<T>(host: Host, doors: Listener[], work: () => Promise<T>): Promise<T> {
  const by = doors.length > 0 ? await shut(host, doors) : undefined;
  try {
    return await work();
  } finally {
    // After Ctrl-C this host runs no command: the roll-back removes the rules.
    if (by && !host.signal?.aborted) await releaseConnections(host, by);
  }
}

/** Milliseconds that a service may take from its start until it listens. The proof that follows waits longer. */
const LISTENS_WITHIN = 5_000;

/**
 * Waits until something listens, without sending a packet, which would be dropped, too. Returns, not throws, when time is up.
 * @param pid process whose network is read, and whose end ends the wait; undefined: the machine's own network
 */
export async function untilListening(host: Host, port: number, pid?: number): Promise<void> {
  const began = performance.now();
  while (performance.now() - began < LISTENS_WITHIN) {
    if ((await listeningPorts(host, pid)).has(port)) return;
    if (pid !== undefined && !(await host.stat(`/proc/${pid}`))) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
