// Checks what an order at an ACME server needs, before anything is changed: port 80, the name in the DNS, the hook.
import { isIP } from 'node:net';
import type { Site } from '../../certificates/site.ts';
import { openCommand, openings, passageOf } from '../../host/firewall/firewall.ts';
import type { Served } from '../../host/firewall/types.ts';
import type { Host } from '../../host/host.ts';
import { PROOF_PORT, serverName } from '../../settings/acme.ts';
import type { Settings } from '../../settings/settings.ts';
import type { Facts } from '../plan/facts.ts';
import { type Finding, fail, warn } from './finding.ts';
import { heldPort, lowPortOf } from './ports.ts';

/** What the CA must reach. */
export const HTTP_OPENING: Served = {
  called: '',
  bind: '0.0.0.0',
  ports: [{ port: PROOF_PORT, inside: PROOF_PORT }],
};

/** Returns what stands in the way of the order; nothing if there is none to make. */
export async function orderFindings(
  settings: Settings,
  site: Site | undefined,
  facts: Facts,
  host: Host,
): Promise<Finding[]> {
  if (!site?.order) return [];
  const hook = settings.acmeDnsHook;
  const { names } = site.order;
  if (hook) return hookFindings(hook, host);
  const found = await Promise.all([
    portFindings(facts, host),
    settings.acmeServer ? [] : nameFindings(names, settings, host),
    shutFindings(settings, host),
  ]);
  return found.flat();
}

const BY_DNS = 'Or prove the name by DNS:   --acme-dns-hook PROGRAM';

async function portFindings(facts: Facts, host: Host): Promise<Finding[]> {
  const low = await lowPortOf([PROOF_PORT], host);
  if (low)
    return fail(
      `Port ${PROOF_PORT}, where the CA looks at the name, is for root: without root, ports begin at ${low.first}.`,
      [`sudo sysctl net.ipv4.ip_unprivileged_port_start=${PROOF_PORT}`, BY_DNS],
      { flag: '--acme' },
    );
  const held = await heldPort(PROOF_PORT, facts, host);
  if (!held) return [];
  return fail(
    `Port ${PROOF_PORT}, where the CA looks at the name, is taken by ${held.holder}.`,
    [
      `It is needed for some seconds, at each renewal too.${held.stop ? ` To stop that one:   ${held.stop}` : ''}`,
      BY_DNS,
    ],
    { flag: '--acme', why: held.why },
  );
}

/** A name that leads nowhere costs one of the few tries that a public CA allows in an hour. */
async function nameFindings(names: string[], settings: Settings, host: Host): Promise<Finding[]> {
  const nowhere: string[] = [];
  for (const name of names) {
    const code = isIP(name)
      ? undefined
      : await host.lookup(name).then(
          () => undefined,
          ({ code }) => code,
        );
    if (code === 'ENOTFOUND') nowhere.push(name);
  }
  if (nowhere.length === 0) return [];
  return fail(
    `${nowhere.join(', ')} leads nowhere: ${serverName(settings)} could not look at it.`,
    [`Give it an A or AAAA record in the public DNS:   dig +short ${nowhere[0]}`, BY_DNS],
    { flag: '--host' },
  );
}

async function shutFindings(settings: Settings, host: Host): Promise<Finding[]> {
  const shut: Finding[] = [];
  for (const opening of await openings(HTTP_OPENING, { kind: 'native', rootless: false }, host))
    if ((await passageOf(opening, host)) !== 'open')
      shut.push(
        ...warn(`${opening.program} is on, and keeps port ${PROOF_PORT} from ${serverName(settings)}.`, [
          openCommand(opening),
        ]),
      );
  return shut;
}

async function hookFindings(hook: string, host: Host): Promise<Finding[]> {
  const stat = await host.stat(hook);
  const bad = (message: string, fix: string[] = []) =>
    fail(`--acme-dns-hook ${hook}: ${message}.`, fix, { flag: '--acme-dns-hook' });
  if (!stat) return bad('there is no such file');
  if (stat.type !== 'file') return bad('this is no program');
  if ((stat.mode & 0o111) === 0) return bad('it may not be executed', [`chmod 755 ${hook}`]);
  // It runs as root, at night too.
  return host.machine.uid === 0 && (stat.mode & 0o002) !== 0
    ? bad('everybody may change it, and it runs as root', [`chmod o-w ${hook}`])
    : [];
}
