// While a service is replaced, new connections to its port wait at the door instead of being refused: their first packet is dropped,
// and the client's kernel sends it again after one second, then after two more (RFC 6298, 5.5-5.7). So a push that is under way ends well.
// The rules are of this machine's own kernel, need root, and end by themselves: a run that is killed shuts nobody out for long.
import type { Host } from './host.ts';
import { listeningPorts } from './ports.ts';

/** A port of this machine; `bind` as in Settings. */
export interface Door {
  bind: string;
  port: number;
}

/** What a service may take to end (`http.draintimeout` in templates/config.yml) and to be up again; seconds. Docker's patience is 15. */
const ENDS_AFTER = 10;
/** Of our table, and of our rules among others. */
const MARK = 'registry-setup-wait';

const isEverywhere = (bind: string) => ['0.0.0.0', '::', ''].includes(bind);
const isSix = (bind: string) => bind.includes(':');

/**
 * One table of its own, so that nobody's rules are touched. The port is an element that the kernel takes away when its time is up.
 * Only what is meant for this machine itself, not what it forwards to others. (nft(8): sets, fib)
 */
function nftRules(doors: Door[]): string {
  const rule = ({ bind }: Door) =>
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

/** The same for iptables: the rule names the moment from which it matches nothing. (iptables-extensions(8): time, addrtype) */
function iptablesRules(doors: Door[], six: boolean): string {
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

/** What the rules were made with; nobody needs to ask the others to take them away. */
type By = 'nft' | 'iptables';

/** Drops the first packet of new connections. Undefined where this machine has no way to: there they are refused for a moment. */
async function shut(host: Host, doors: Door[]): Promise<By | undefined> {
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
 * Takes the rules away. What is not there is fine.
 * @param by undefined: of a killed run, which may have used either
 */
export async function letIn(host: Host, by?: By): Promise<void> {
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
export async function whileTheyWait<T>(host: Host, doors: Door[], work: () => Promise<T>): Promise<T> {
  const by = doors.length > 0 ? await shut(host, doors) : undefined;
  try {
    return await work();
  } finally {
    // After Ctrl-C no command can be run here: the roll-back lets them in.
    if (by && !host.signal?.aborted) await letIn(host, by);
  }
}

/** What a service that was just started may take until it listens; milliseconds. The proof that follows has a longer patience. */
const LISTENS_WITHIN = 5_000;

/**
 * Waits until something listens, without a packet: those would wait at the door as well.
 * @param pid whose network is looked at; undefined: the machine's own
 */
export async function untilListening(host: Host, port: number, pid?: number): Promise<void> {
  const began = performance.now();
  while (performance.now() - began < LISTENS_WITHIN) {
    if ((await listeningPorts(host, pid)).has(port)) return;
    if (pid !== undefined && !(await host.stat(`/proc/${pid}`))) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
