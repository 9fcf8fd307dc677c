// Gets from a name to an open connection, and tells what stands in the way.
import { connect, isIP } from 'node:net';
import { CliError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { commandLine } from '../terminal/command.ts';
import type { ClientRequest } from './options.ts';

const LIMIT = 6_000;

/** The name does not resolve. A class of its own, because a user at a terminal can be asked for the address. */
export class UnknownName extends CliError {}

/** Returns the IP address of the registry: the user's, else what this machine resolves. @throws UnknownName if it resolves nothing */
export async function whereIs(
  { host, port, scheme, address }: ClientRequest,
  machine: Host,
): Promise<string> {
  if (address) return address;
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  if (isIP(bare)) return bare;
  try {
    return await machine.lookup(bare);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const known = code === 'ENOTFOUND';
    throw new UnknownName(
      known ? `No name server knows "${host}".` : `The name server does not answer for "${host}" (${code}).`,
      {
        fix: [
          'Have its address written into the hosts file of this machine:',
          `  ${commandLine(`--client --host ${scheme === 'http' ? 'http://' : ''}${host}:${port} --address IP`)}`,
        ],
      },
    );
  }
}

const causes: Record<string, (at: string, port: number) => { message: string; why?: string; fix: string[] }> =
  {
    ECONNREFUSED: (at, port) => ({
      message: `${at} is up, but nothing listens on its port ${port}.`,
      fix: [
        'On the server:                 registry-setup status',
        'Is it another port?            --port PORT',
      ],
    }),
    ETIMEDOUT: (at, port) => ({
      message: `Port ${port} of ${at} does not answer.`,
      why: 'A firewall on the way drops the packets, the machine is off, or the address is wrong.',
      fix: [
        `On the server, firewalld:      firewall-cmd --add-port=${port}/tcp --permanent && firewall-cmd --reload`,
        `On the server, ufw:            ufw allow ${port}/tcp`,
        'In a cloud:                    the security group of the server',
      ],
    }),
    EHOSTUNREACH: (at) => ({
      message: `There is no route from here to ${at}.`,
      why: 'The machine is off or on another network, or a firewall refuses (no route to host).',
      fix: [`See how far it goes:           ping ${at}`],
    }),
  };

/** Codes of a socket that mean the same to a user. */
const ALIKE: Record<string, string> = {
  ENETUNREACH: 'EHOSTUNREACH',
  EHOSTDOWN: 'EHOSTUNREACH',
  EACCES: 'EHOSTUNREACH',
};

/**
 * Opens and closes a connection.
 * @returns why there is none, as the code of a socket: `ECONNREFUSED`, `ETIMEDOUT`, `EHOSTUNREACH`, or another; undefined if there is one
 */
export async function connectionFault(ip: string, port: number): Promise<string | undefined> {
  const code = await new Promise<string | undefined>((resolve) => {
    const socket = connect({ host: ip, port, timeout: LIMIT });
    const end = (found: string | undefined) => {
      resolve(found);
      socket.destroy();
    };
    socket.on('connect', () => end(undefined));
    socket.on('timeout', () => end('ETIMEDOUT'));
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? 'ETIMEDOUT'));
  });
  return code === undefined ? undefined : (ALIKE[code] ?? code);
}

/** Returns in the user's words why there is no connection. @param code of connectionFault */
export function unreachable(code: string, ip: string, { name, port }: Pick<ClientRequest, 'name' | 'port'>) {
  const cause = causes[code];
  const at = name.startsWith(ip) ? ip : `${name} (${ip})`;
  if (!cause) return new CliError(`There is no connection to ${at}: ${code}.`);
  const { message, ...rest } = cause(at, port);
  return new CliError(message, rest);
}

/** Opens and closes a connection. @throws CliError that tells what stands in the way */
export async function verifyReachable(ip: string, request: ClientRequest): Promise<void> {
  const code = await connectionFault(ip, request.port);
  if (code !== undefined) throw unreachable(code, ip, request);
}
