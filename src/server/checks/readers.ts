// Refuses to let users push who may only pull now, by the gateway that is to go.
import { hasGateway } from '../../settings/gateway.ts';
import { readersOf } from '../../settings/readers.ts';
import { commandLine } from '../../terminal/command.ts';
import { writersPath } from '../gateway/gateway.ts';
import { type Check, fail } from './finding.ts';

/** Reports readers without a gateway, if one on this machine tells them apart: by a flag, or by a line that is gone from settings.yml. */
export const readersKept: Check = async (settings, _, host) => {
  const { auth, dir } = settings;
  const readers = readersOf(settings).map(({ name }) => name);
  if (auth !== 'htpasswd' || hasGateway(settings) || readers.length === 0) return [];
  if (!(await host.stat(writersPath(dir)))) return [];
  return fail(
    `${readers.join(', ')} may only pull, and could push without the gateway.`,
    [
      `Keep it:                ${commandLine('--gateway')}`,
      `Or remove them first:   ${commandLine(`user remove ${readers[0]}`)}`,
    ],
    { flag: '--gateway' },
  );
};
