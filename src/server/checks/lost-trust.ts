// Notices that what clients trust is gone from the disk: another one must not be made unseen, since every client would need it.
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { readServed } from '../../certificates/site.ts';
import { type Context, mayAsk } from '../../context.ts';
import { CliError, Declined } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { readOldest } from '../../reconcile/journal.ts';
import { hostBeforeKilledRun } from '../../reconcile/recovered-host.ts';
import { textOfKey } from '../../resources/key.ts';
import type { Settings } from '../../settings/settings.ts';
import { commandLine } from '../../terminal/command.ts';
import type { Facts } from '../plan/facts.ts';

/** What is lost, and the command that makes another one. */
export interface LostTrust {
  message: string;
  fix: string[];
}

interface Request {
  settings: Settings;
  facts: Facts;
  /** The user asked for a new one. */
  newTrust?: boolean;
}

/** Returns what clients trust and is not on the disk any more; undefined if all is there, or if the user asked for another mode. */
export async function lostTrust({ settings, facts }: Request, machine: Host): Promise<LostTrust | undefined> {
  const { dir, tls, cert, caCert, acme } = settings;
  if (tls === 'insecure' || cert || caCert || acme) return undefined;
  const host = await hostBeforeKilledRun(machine, dir);
  const oldest = await readOldest(host, dir);
  const remembered = (path: string) => oldest.has(textOfKey({ kind: 'file', id: join(dir, path) }));
  const served = await readServed(host, dir);
  if (tls === 'self-signed') {
    const before = facts.last?.tls?.value === tls && remembered('certs/site.crt');
    return before && !served ? lost(join(dir, 'certs'), 'certificate', 'rotate') : undefined;
  }
  if (await host.stat(join(dir, 'ca/ca.crt'))) return undefined;
  const root = served && served.chain.length > 1 ? served.chain.at(-1) : undefined;
  return remembered('ca/ca.crt') || (root && isOurs(root))
    ? lost(join(dir, 'ca'), 'CA', 'rotate --ca')
    : undefined;
}

/** The name that every CA of this program begins with (certificates/site.ts). */
const isOurs = (pem: string) => /^CN=registry /m.test(new X509Certificate(pem).subject);

const lost = (place: string, what: string, command: string): LostTrust => ({
  message: `The ${what} in ${place} is gone: a new one is needed, and every client must be given it.`,
  fix: [`Put ${place} back from where you keep a copy.`, `Or make a new one:   ${commandLine(command)}`],
});

/**
 * Verifies that a new CA, or a new certificate that clients trust itself, is wanted: `--yes` is no yes to that.
 * @throws CliError if nobody can be asked, Declined after a no
 */
export async function mayReplaceTrust(request: Request, context: Context): Promise<void> {
  if (request.newTrust) return;
  const found = await lostTrust(request, context.host);
  if (!found) return;
  if (!mayAsk(context)) throw new CliError(found.message, { fix: found.fix });
  context.output.say(found.message, ...found.fix.slice(0, 1));
  const { confirm } = await context.prompts();
  if (!(await confirm({ message: 'Make a new one?', default: false }))) throw new Declined();
}
