// Decides whether plain HTTP may be used: only if a user said so, now or in an earlier run, and never if it was TLS before.
// Anybody on the way can answer without TLS in the registry's place.
import { CliError } from '../errors.ts';
import { commandLine } from '../terminal/command.ts';
import { shellLine } from '../terminal/shell.ts';
import type { Former } from './former.ts';
import type { ClientRequest } from './options.ts';

/** Returns what asks for TLS in this run, as the user said it; undefined if nothing does. */
function asksForTls({ ca, fingerprint, scheme }: ClientRequest): string | undefined {
  if (ca) return '--ca';
  if (fingerprint) return '--ca-fingerprint';
  return scheme === 'https' ? 'https://' : undefined;
}

/**
 * Returns if plain HTTP may be used.
 * @param confirm asks the user; undefined if there is no terminal
 * @throws CliError (exit 2) if the user asked for TLS, if the registry used TLS before, or if nobody has said that plain HTTP is right
 */
export async function acceptPlain(
  request: ClientRequest,
  former: Former,
  confirm: (() => Promise<boolean>) | undefined,
): Promise<void> {
  const wanted = asksForTls(request);
  if (wanted)
    throw new CliError(`${request.name} speaks plain HTTP, and ${wanted} asks for TLS.`, {
      fix: 'It is another server than you think, or its settings were changed: ask whoever runs it.',
      exitCode: 2,
    });
  if (former.way === 'tls' || former.places.length > 0) throw usedTls(request, former);
  if (request.scheme === 'http' || former.way === 'http') return;
  if (await confirm?.()) return;
  throw unsaid(request, confirm !== undefined);
}

function usedTls({ name }: ClientRequest, { way, places, forget }: Former): CliError {
  const known = [...(way === 'tls' ? ['an earlier run of registry-setup'] : []), ...places];
  return new CliError(`${name} used TLS before, and now speaks plain HTTP. Nothing was changed.`, {
    why: [
      'Somebody on the network path may answer in its place to steal passwords.',
      ...known.map((line) => `known from: ${line}`),
    ].join('\n'),
    fix: [
      'Ask whoever runs it. Only if it really was changed to plain HTTP, make this machine forget it first:',
      ...forget.map((line) => `  ${line}`),
    ],
    exitCode: 2,
  });
}

function unsaid(request: ClientRequest, asked: boolean): CliError {
  if (asked) return new CliError('The registry is not used. Nothing was changed.', { exitCode: 2 });
  const { host, port, user, targets, address, mirror } = request;
  const again = shellLine('--client', [
    ...['--yes', '--host', `http://${host}:${port}`],
    ...(user ? ['--user', user] : []),
    ...targets.flatMap((target) => ['--target', target]),
    ...(address ? ['--address', address] : []),
    ...(mirror ? ['--mirror'] : []),
  ]);
  return new CliError(`${request.name} speaks plain HTTP, and nobody has confirmed that this is right.`, {
    why: 'Passwords and images would travel in clear, and anybody on the network path could answer in its place.',
    fix: ['If the registry was set up without TLS, say so in its address:', `  ${commandLine(again)}`],
    exitCode: 2,
  });
}
