// Asks on a developer machine: for the registry, its address, the fingerprint, and whether Docker may be restarted.
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { type Context, isOn } from '../context.ts';
import { daemonInfo } from '../dockerd/daemon.ts';
import type { Daemon } from '../dockerd/types.ts';
import { CliError } from '../errors.ts';
import { parseAddress } from '../settings/address.ts';
import type { Answers } from '../settings/answers.ts';
import { describeRoot } from './certificate.ts';
import { UnknownName, verifyReachable, whereIs } from './connect.ts';
import { discover, type Found } from './discover.ts';
import type { ClientRequest } from './options.ts';

/** Asks for the registry and adds it to the answers. @throws CliError (exit 2) if there is no terminal */
export async function askHost(context: Context, answers: Answers, interactive: boolean): Promise<void> {
  if (!interactive)
    throw new CliError('Missing: --host.', {
      fix: 'The line that the server shows has it all:   registry-setup status      (on the server)',
      exitCode: 2,
    });
  const prompts = await context.prompts();
  const value = await prompts.input({
    message: 'Registry',
    validate: (text) => {
      const found = parseAddress(text);
      return 'message' in found ? `${found.message}.` : true;
    },
  });
  answers.host = { value, where: '--host' };
}

/** Looks at the registry. At a terminal, asks for the address of a name that does not resolve. */
export async function look(request: ClientRequest, context: Context, interactive: boolean): Promise<Found> {
  try {
    const ip = await whereIs(request, context.host);
    await verifyReachable(ip, request);
    return await discover(request, ip);
  } catch (error) {
    if (!(error instanceof UnknownName) || !interactive) throw error;
    context.output.say(`  ${error.message}`);
    const prompts = await context.prompts();
    const address = await prompts.input({
      message: `The IP address of ${request.host} (for a line in /etc/hosts)`,
      validate: (text) => isIP(text.trim()) > 0 || `"${text}" is not an IP address.`,
    });
    request.address = address.trim();
    return look(request, context, interactive);
  }
}

/** Shows a root and asks whether it is the server's. */
export async function confirmRoot(context: Context, root: X509Certificate): Promise<boolean> {
  context.output.say(...describeRoot(root).map((line) => `          ${line}`));
  const prompts = await context.prompts();
  return prompts.confirm({ message: 'Is this the fingerprint that the server showed?', default: false });
}

/** Asks whether plain HTTP is right. */
export async function confirmPlain(context: Context): Promise<boolean> {
  context.output.say(
    '          Passwords and images travel in clear, and anybody on the network path',
    '          can answer in its place.',
  );
  const prompts = await context.prompts();
  return prompts.confirm({
    message: 'Was it set up without TLS, and do you want to use it that way?',
    default: false,
  });
}

/** Returns the question for a restart, which needs its own yes because it stops what runs. Asks once for each reason. */
export function askRestart(context: Context, interactive: boolean) {
  const answered = new Map<string, boolean>();
  return async (daemon: Daemon, reason: string): Promise<boolean> => {
    if (isOn(context, 'restart-docker')) return true;
    if (!interactive) return false;
    const before = answered.get(reason);
    if (before !== undefined) return before;
    const info = await daemonInfo(context.host, daemon);
    const some = `${info?.running ?? 0} container${info?.running === 1 ? '' : 's'}`;
    const cost = info?.liveRestore
      ? `live-restore is on: ${some} keep running`
      : `live-restore is off: ${some} will stop, and start again if their restart policy says so`;
    context.output.say('', `  ${reason}`, `  That needs a restart of Docker; ${cost}.`);
    const prompts = await context.prompts();
    const yes = await prompts.confirm({ message: 'Restart Docker?', default: false });
    answered.set(reason, yes);
    return yes;
  };
}
