// A user of our own in token mode, who may do nothing at all: that its tokens are taken shows that docker_auth and the registry
// understand each other, also where a run knows nobody's password.
import { join } from 'node:path';
import { CliError } from './errors.ts';
import type { Host } from './host.ts';
import { generatePassword, hashPassword, type Login, passwordFits } from './htpasswd.ts';
import { call, type Endpoint } from './registry.ts';
import type { Resource } from './resource.ts';
import { Secret } from './secret.ts';
import type { Settings } from './settings.ts';

/** No person has it: a user's name begins with a letter or a digit. */
const NAME = '_proof';

export interface Witness extends Login {
  password: Secret;
}

const placeOf = ({ dir }: Pick<Settings, 'dir'>) => join(dir, '.state/proof');

/** The one that is there, or a new one. Its file holds the password and its hash, so that a run that changes nothing writes nothing. */
export async function loadWitness(settings: Settings, host: Host): Promise<Witness> {
  const [kept = '', hash = ''] = (await host.read(placeOf(settings)))?.toString().split('\n') ?? [];
  const password = new Secret(kept);
  if (kept && hash && (await passwordFits(password, hash))) return { name: NAME, password, hash };
  const made = generatePassword();
  return { name: NAME, password: made, hash: await hashPassword(made, true) };
}

export const witnessFile = (settings: Settings, { password, hash }: Witness): Resource => ({
  kind: 'file',
  path: placeOf(settings),
  content: `${password.reveal()}\n${hash}\n`,
  mode: 0o600,
  mask: 'all',
});

/** Whether the registry takes a token of docker_auth. */
export async function takesTokens(at: Endpoint, { name, password }: Witness): Promise<boolean> {
  const { status } = await call(at, 'GET', '/v2/', { credentials: { user: name, password } });
  return status === 200;
}

/** @throws CliError where tokens are not taken, or give the witness a right that nobody gave it */
export async function checkWitness(at: Endpoint, witness: Witness): Promise<string> {
  if (!(await takesTokens(at, witness)))
    throw new CliError('The registry does not take the tokens of docker_auth.', {
      fix: 'registry-setup status',
    });
  const { name: user, password } = witness;
  const { status } = await call(at, 'GET', '/v2/_catalog', { credentials: { user, password } });
  if (status === 401 || status === 403)
    return 'Takes the tokens of docker_auth, and refuses what no rule allows';
  throw new CliError('docker_auth allows what no rule allows.', { why: `the catalog answers ${status}` });
}
