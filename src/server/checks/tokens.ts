// Proves that the registry takes the tokens of docker_auth, with the probe account, which may do nothing.
import { CliError } from '../../errors.ts';
import type { Endpoint } from '../../registry/http.ts';
import { call } from '../../registry/token.ts';
import { commandLine } from '../../terminal/command.ts';
import type { ProbeAccount } from '../auth/probe-account.ts';

/** Tells whether the registry takes a token of docker_auth. */
export async function takesTokens(at: Endpoint, { name, password }: ProbeAccount): Promise<boolean> {
  const { status } = await call(at, 'GET', '/v2/', { credentials: { user: name, password } });
  return status === 200;
}

/** Returns what was proved, in one line. @throws CliError if the registry refuses the token, or the token allows what no rule allows */
export async function checkWitness(at: Endpoint, probeAccount: ProbeAccount): Promise<string> {
  if (!(await takesTokens(at, probeAccount)))
    throw new CliError('The registry does not accept the tokens of docker_auth.', {
      fix: commandLine('status'),
    });
  const { name: user, password } = probeAccount;
  const { status } = await call(at, 'GET', '/v2/_catalog', { credentials: { user, password } });
  if (status === 401 || status === 403)
    return 'Accepts the tokens of docker_auth, and refuses what no rule allows';
  throw new CliError('docker_auth allows what no rule allows.', { why: `the catalog answers ${status}` });
}
