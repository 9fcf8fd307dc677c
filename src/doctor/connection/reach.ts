// Checks that the registry can be reached and answers as one.
import { UnknownName, unreachable, whereIs } from '../../client/connect.ts';
import { isRunning } from '../../engines/engine.ts';
import { isRegistry } from '../../registry/version-check.ts';
import type { Asked, Check, CheckInput, Trouble } from '../check.ts';
import { forEach, isOwn, onServer, trouble } from '../found.ts';
import { BROKEN, ENDLESS, NO_HTTP, SILENT, wireOf } from './wire.ts';

/** The codes of a connection that does not come about, by the code of its socket. */
const CODES: Record<string, string> = {
  ECONNREFUSED: 'nothing-listens',
  ETIMEDOUT: 'no-answer',
  EHOSTUNREACH: 'no-route',
};

/** Of a registry here that does not run, another check says so. */
const isDown = async (input: CheckInput, registry: Asked): Promise<boolean> =>
  input.server !== undefined &&
  isOwn(input, registry) &&
  !(await isRunning(input.context.host, input.server.settings).catch(() => false));

async function unknownName(input: CheckInput, { at, address }: Asked): Promise<Trouble[]> {
  const request = { host: at.host, port: at.port, name: address, targets: [], mirror: false };
  const error = await whereIs(request, input.context.host).then(
    () => undefined,
    (thrown: unknown) => (thrown instanceof UnknownName ? thrown : undefined),
  );
  return error ? [trouble('no-such-host', error.message, { mend: error.fix })] : [];
}

async function reached(input: CheckInput, registry: Asked): Promise<Trouble[]> {
  const wire = await wireOf(input, registry);
  const { address, at } = registry;
  const { ip, failed, words, reply } = wire;
  if (ip === undefined) return unknownName(input, registry);
  const status = onServer(input, registry, 'status');
  if (failed === SILENT)
    return [
      trouble('tls-handshake-timeout', `${address} accepts the connection, and then sends nothing.`, {
        mend: [`See what holds it:   openssl s_client -connect ${ip}:${at.port} </dev/null`, status],
        evidence: words,
      }),
    ];
  if (failed === BROKEN)
    return [
      trouble('broken-off', `The connection to ${address} is broken off as soon as it is open.`, {
        mend: [status],
        evidence: words,
      }),
    ];
  const isOther = failed === NO_HTTP || failed === ENDLESS;
  if (failed && !isOther) {
    if (await isDown(input, registry)) return [];
    const error = unreachable(failed, ip, { name: address, port: at.port });
    return [
      trouble(CODES[failed] ?? 'no-connection', [error.message, error.why ?? ''].join(' ').trim(), {
        mend: isOwn(input, registry) ? [status] : error.fix,
      }),
    ];
  }
  if (!isOther && reply && (isRegistry(reply) || reply.status >= 500)) {
    if (reply.status < 500) return [];
    return [
      trouble('registry-fails', `${address} answers ${reply.status} to every request.`, {
        mend: [status],
        evidence: reply.body.toString().slice(0, 200),
      }),
    ];
  }
  const server = reply?.headers.server ? ` (${reply.headers.server})` : '';
  const what = reply
    ? `it answers ${reply.status}${server} to /v2/, as a web page does`
    : failed === ENDLESS
      ? 'its answer to /v2/ does not end'
      : 'it does not speak HTTP';
  return [
    trouble('not-a-registry', `${address} is no registry: ${what}.`, {
      mend: ['Look for the port of the registry on its server:   registry-setup status'],
      evidence: words,
    }),
  ];
}

/** Reports what stands between this machine and a registry. */
export const reach: Check = {
  code: 'reach',
  subject: 'connection',
  title: 'the registry can be reached, and answers',
  on: 'both',
  look: (input) => forEach(input, (registry) => reached(input, registry)),
};
